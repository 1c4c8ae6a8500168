"""Parts 1 and 2: the ledger. Each question is one statement, so each answer is of one moment."""

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from collections_app import ledger
from collections_app.audit.report import EXAMPLES, Finding, Report
from collections_app.locks import lock_documents, lock_entries, lock_indexes
from collections_app.models import Document, EntryState, IndexEntry, IndexState, VectorIndex

_HAS_REVISION = Q(indexed_revision=F("wanted_revision"))
# A state that no step of the ledger leaves, and out of which none would lead.
_CONTRADICTORY = (
    (Q(state=EntryState.INDEXED) & ~_HAS_REVISION)
    | (~Q(state=EntryState.INDEXED) & _HAS_REVISION)
    | Q(indexed_revision__gt=F("wanted_revision"))
    | Q(lease_token__isnull=False, lease_expires_at=None)
)


def compare_entries(index: VectorIndex, report: Report) -> None:
    """Compare documents with ledger entries, both ways, and the revisions in these with those of the documents."""
    documents = Document.objects.alive().filter(collection=index.collection_id)
    entries = IndexEntry.objects.filter(index=index)
    ours = _with_document(entries, index)
    report.documents = documents.count()
    report.failed_entries = ours.filter(state=EntryState.FAILED).count()
    has_entry = IndexEntry.objects.filter(index=index, document=OuterRef("pk"))
    report.find(Finding.DOCUMENTS_WITHOUT_ENTRY, _ids(documents.filter(~Exists(has_entry)), "pk"))
    report.find(Finding.ENTRIES_WITHOUT_DOCUMENT, _ids(_without_document(entries, index), "document"))
    wrong = ours.exclude(wanted_revision=F("document__revision"))
    report.find(Finding.WRONG_WANTED_REVISION, _ids(wrong, "document"))
    right = ours.filter(wanted_revision=F("document__revision"))
    report.find(Finding.ENTRIES_CONTRADICTORY, _ids(right.filter(_CONTRADICTORY), "document"))
    behind = right.filter(state=EntryState.PENDING, indexed_revision__lt=F("wanted_revision"))
    report.find_count(
        Finding.ENTRIES_BEHIND, behind.count(), behind.order_by("pk").values_list("document", flat=True)[:EXAMPLES]
    )


def _ids(rows: QuerySet[Document] | QuerySet[IndexEntry], column: str) -> list[int]:
    return list(rows.order_by(column).values_list(column, flat=True).iterator(chunk_size=2000))


def _with_document(entries: QuerySet[IndexEntry], index: VectorIndex) -> QuerySet[IndexEntry]:
    return entries.filter(document__deleted_at=None, document__collection=index.collection_id)


def _without_document(entries: QuerySet[IndexEntry], index: VectorIndex) -> QuerySet[IndexEntry]:
    return entries.filter(Q(document__deleted_at__isnull=False) | ~Q(document__collection=index.collection_id))


@transaction.atomic
def add_entries(index: VectorIndex, document_ids: list[int]) -> int:
    """Add the entries that living documents still lack; return how many."""
    if not _lock(index):
        return 0
    alive = [row for row in lock_documents(document_ids).values() if row.deleted_at is None]
    known = {document_id for _, document_id in lock_entries(index.pk, document_ids)}
    lacking = [row for row in alive if row.pk not in known]
    ledger.add_entries([index.pk], lacking, priority=ledger.BULK)
    return len(lacking)


@transaction.atomic
def remove_entries(index: VectorIndex, document_ids: list[int]) -> int:
    """Remove the entries of documents that are deleted, or are in another collection; return how many."""
    lock_indexes([index.pk])
    lock_documents(document_ids)
    entries = _without_document(IndexEntry.objects.filter(index=index, document__in=document_ids), index)
    ids = list(entries.values_list("pk", flat=True))
    IndexEntry.objects.filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic
def correct_entries(index: VectorIndex, document_ids: list[int]) -> int:
    """Have entries want the present revision, in the state that follows from what they have; return how many."""
    if not _lock(index):
        return 0
    documents = lock_documents(document_ids)
    lock_entries(index.pk, document_ids)
    wrong = IndexEntry.objects.filter(
        _CONTRADICTORY | ~Q(wanted_revision=F("document__revision")), index=index, document__in=document_ids
    )
    corrected = 0
    for entry in _with_document(wrong, index):
        _correct(entry, documents[entry.document_id].revision)
        corrected += 1
    return corrected


def _correct(entry: IndexEntry, revision: int) -> None:
    has_it = entry.indexed_revision == revision
    was_failed = entry.state == EntryState.FAILED and entry.wanted_revision == revision
    state = EntryState.INDEXED if has_it else EntryState.FAILED if was_failed else EntryState.PENDING
    # What is said to be newer than the document is not believed: else no revision would ever be new enough.
    indexed = entry.indexed_revision if entry.indexed_revision <= revision else 0
    values: dict[str, object] = {"wanted_revision": revision, "indexed_revision": indexed, "state": state}
    if state == EntryState.PENDING:
        values |= {"attempts": 0, "error": "", "error_code": "", "next_attempt_at": Now(), "wanted_at": Now()}
    if entry.lease_token and not entry.lease_expires_at:
        values["lease_token"] = None
    IndexEntry.objects.filter(pk=entry.pk).update(**values)


def _lock(index: VectorIndex) -> bool:
    """Lock the index row, shared; False when it was dropped."""
    return any(row.state != IndexState.DROPPED for row in lock_indexes([index.pk]))
