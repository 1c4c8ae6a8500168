"""SQL against the vector store: compare, prove, repair.

In step means, for one index: (1) every living document has a ledger entry, and only those have one; (2) entries want
the present revision and have it, or failed and are counted; (3) the live chunks are those that the last flip recorded,
each a stretch of its document's present text; (4) each has its vector; (5) each has its lexical row, nothing else has
one, and segments hold those that were merged; (6) the store holds the ids of the live chunks and no others; with
`deep`, vectors and metadata too.

Everything is read in pages, while others write: what looks wrong is looked at again, in an order or under locks in
which a writer cannot make it look so.
"""

from collections_app.audit.report import BEHIND, FINDING_LABELS, Finding, Report, is_damage
from collections_app.audit.runs import audit_index, due, running_audits
from collections_app.audit.strays import drop_strays, stores_in_use, stray_collections

__all__ = [
    "BEHIND",
    "FINDING_LABELS",
    "Finding",
    "Report",
    "audit_index",
    "drop_strays",
    "due",
    "is_damage",
    "running_audits",
    "stores_in_use",
    "stray_collections",
]
