"""What an audit may find, and what it found."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from collections_app.models import Chunk, Document

EXAMPLES = 5
BATCH = 200


class Finding(StrEnum):
    """What is counted under each name are documents, or where it says so chunks or ids in the store."""

    DOCUMENTS_WITHOUT_ENTRY = "documents_without_entry"
    ENTRIES_WITHOUT_DOCUMENT = "entries_without_document"
    WRONG_WANTED_REVISION = "wrong_wanted_revision"
    ENTRIES_CONTRADICTORY = "entries_contradictory"
    ENTRIES_BEHIND = "entries_behind"
    LIVE_CHUNKS_NOT_AS_RECORDED = "live_chunks_not_as_recorded"
    LIVE_CHUNKS_NOT_IN_TEXT = "live_chunks_not_in_text"
    LIVE_CHUNKS_WITHOUT_DOCUMENT = "live_chunks_without_document"
    LIVE_CHUNKS_WITHOUT_VECTOR = "live_chunks_without_vector"
    VECTORS_UNUSABLE = "vectors_unusable"
    VECTORS_OF_ANOTHER_PROFILE = "vectors_of_another_profile"
    VECTORS_OF_ANOTHER_INPUT = "vectors_of_another_input"
    LEXICAL_ROWS_MISSING = "lexical_rows_missing"
    LEXICAL_ROWS_WITHOUT_CHUNK = "lexical_rows_without_chunk"
    LEXICAL_SEGMENTS_DIFFER = "lexical_segments_differ"
    COLLECTION_NOT_READY = "collection_not_ready"
    COLLECTION_LOST = "collection_lost"
    IDS_MISSING_IN_STORE = "ids_missing_in_store"
    IDS_UNKNOWN_OR_NOT_LIVE = "ids_unknown_or_not_live"
    REMOVALS_PENDING = "removals_pending"
    VECTORS_ALTERED = "vectors_altered"
    METADATA_ALTERED = "metadata_altered"


# What people read for each.
FINDING_LABELS: Mapping[str, Promise] = {
    Finding.DOCUMENTS_WITHOUT_ENTRY: gettext_lazy("documents without an entry"),
    Finding.ENTRIES_WITHOUT_DOCUMENT: gettext_lazy("entries without a document"),
    Finding.WRONG_WANTED_REVISION: gettext_lazy("entries that want another revision"),
    Finding.ENTRIES_CONTRADICTORY: gettext_lazy("entries that contradict themselves"),
    Finding.ENTRIES_BEHIND: gettext_lazy("entries behind"),
    Finding.LIVE_CHUNKS_NOT_AS_RECORDED: gettext_lazy("documents whose live chunks are not as recorded"),
    Finding.LIVE_CHUNKS_NOT_IN_TEXT: gettext_lazy("live chunks that the text does not hold"),
    Finding.LIVE_CHUNKS_WITHOUT_DOCUMENT: gettext_lazy("live chunks without a document"),
    Finding.LIVE_CHUNKS_WITHOUT_VECTOR: gettext_lazy("live chunks without a vector"),
    Finding.VECTORS_UNUSABLE: gettext_lazy("vectors that cannot be used"),
    Finding.VECTORS_OF_ANOTHER_PROFILE: gettext_lazy("vectors of another profile"),
    Finding.VECTORS_OF_ANOTHER_INPUT: gettext_lazy("vectors of another text"),
    Finding.LEXICAL_ROWS_MISSING: gettext_lazy("live chunks without a lexical row"),
    Finding.LEXICAL_ROWS_WITHOUT_CHUNK: gettext_lazy("lexical rows without a live chunk"),
    Finding.LEXICAL_SEGMENTS_DIFFER: gettext_lazy("passages that lexical segments lack, or hold without need"),
    Finding.COLLECTION_NOT_READY: gettext_lazy("collection still being filled"),
    Finding.COLLECTION_LOST: gettext_lazy("collection lost"),
    Finding.IDS_MISSING_IN_STORE: gettext_lazy("ids missing in the store"),
    Finding.IDS_UNKNOWN_OR_NOT_LIVE: gettext_lazy("ids in the store that are unknown or not live"),
    Finding.REMOVALS_PENDING: gettext_lazy("ids about to leave the store"),
    Finding.VECTORS_ALTERED: gettext_lazy("vectors altered in the store"),
    Finding.METADATA_ALTERED: gettext_lazy("metadata altered in the store"),
}
# Work that is on its way: not in step yet, and nothing to repair.
BEHIND = frozenset({Finding.ENTRIES_BEHIND, Finding.COLLECTION_NOT_READY, Finding.REMOVALS_PENDING})
# What is mended without embedding and without hiding a passage meanwhile.
_FREE = frozenset(
    {
        Finding.DOCUMENTS_WITHOUT_ENTRY,
        Finding.WRONG_WANTED_REVISION,
        Finding.ENTRIES_CONTRADICTORY,
        Finding.ENTRIES_WITHOUT_DOCUMENT,
        Finding.LIVE_CHUNKS_WITHOUT_DOCUMENT,
        Finding.LEXICAL_ROWS_MISSING,
        Finding.LEXICAL_ROWS_WITHOUT_CHUNK,
        Finding.LEXICAL_SEGMENTS_DIFFER,
        Finding.IDS_MISSING_IN_STORE,
        Finding.IDS_UNKNOWN_OR_NOT_LIVE,
        Finding.VECTORS_ALTERED,
        Finding.METADATA_ALTERED,
        Finding.COLLECTION_LOST,
    }
)
# What is mended by having a worker project it anew: that may embed, and passages without a vector are hidden meanwhile.
_PROJECTED_ANEW = frozenset(
    {
        Finding.LIVE_CHUNKS_NOT_AS_RECORDED,
        Finding.LIVE_CHUNKS_NOT_IN_TEXT,
        Finding.LIVE_CHUNKS_WITHOUT_VECTOR,
        Finding.VECTORS_UNUSABLE,
        Finding.VECTORS_OF_ANOTHER_PROFILE,
        Finding.VECTORS_OF_ANOTHER_INPUT,
    }
)
# So much of that is mended without being asked: a share of the live passages, but never none and never more than most.
UNASKED_SHARE, UNASKED_AT_LEAST, UNASKED_AT_MOST = 0.05, 20, 1000
STORE = frozenset(
    {
        Finding.IDS_MISSING_IN_STORE,
        Finding.IDS_UNKNOWN_OR_NOT_LIVE,
        Finding.REMOVALS_PENDING,
        Finding.VECTORS_ALTERED,
        Finding.METADATA_ALTERED,
    }
)
_OF_DOCUMENTS = frozenset(
    {
        Finding.DOCUMENTS_WITHOUT_ENTRY,
        Finding.ENTRIES_WITHOUT_DOCUMENT,
        Finding.WRONG_WANTED_REVISION,
        Finding.ENTRIES_CONTRADICTORY,
        Finding.ENTRIES_BEHIND,
        Finding.LIVE_CHUNKS_NOT_AS_RECORDED,
    }
)


def is_damage(findings: Iterable[str]) -> bool:
    """Return whether something found is more than work on its way."""
    return any(name not in BEHIND for name in findings)


@dataclass(slots=True)
class Report:
    """What one comparison counted. `findings` holds only what is wrong: the index is in step when it is empty.

    `ids` are those of what is wrong, eight bytes for each, to be repaired from.
    """

    documents: int = 0
    failed_entries: int = 0
    live_chunks: int = 0
    store_ids: int = 0
    collection: str = ""
    findings: dict[str, int] = field(default_factory=dict)
    ids: "dict[str, array[int]]" = field(default_factory=dict)

    def find(self, name: Finding, ids: Iterable[int]) -> None:
        known = self.ids.setdefault(name, array("q"))
        known.extend(ids)
        if known:
            self.findings[name] = len(known)

    def find_count(self, name: Finding, count: int, some: Iterable[int] = ()) -> None:
        """Note what is only counted, with `some` of their ids as examples."""
        if count:
            self.findings[name] = count
            self.ids[name] = array("q", some)

    def forget(self, names: Iterable[Finding]) -> None:
        for name in names:
            self.findings.pop(name, None)
            self.ids.pop(name, None)

    def batches(self, name: Finding) -> Iterator[list[int]]:
        ids = self.ids.get(name, array("q"))
        return (list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))

    def mended_unasked(self, *, may_embed: bool) -> frozenset[Finding]:
        """Return the kinds that are mended without anybody asking: all that is free, and the rest if it is little."""
        anew = sum(self.findings.get(name, 0) for name in _PROJECTED_ANEW)
        most = min(UNASKED_AT_MOST, max(UNASKED_AT_LEAST, UNASKED_SHARE * self.live_chunks))
        return _FREE | _PROJECTED_ANEW if may_embed and anew <= most else _FREE

    @property
    def in_step(self) -> bool:
        return not self.findings

    def to_json(self, *, found: Mapping[str, int], repaired: Mapping[str, int]) -> dict[str, Any]:
        """Return what is kept: counts and examples by name; `found` is what there was before the repair."""
        return {
            "documents": self.documents,
            "failed_entries": self.failed_entries,
            "live_chunks": self.live_chunks,
            "store_ids": self.store_ids,
            "collection": self.collection,
            "findings": dict(self.findings),
            "examples": {name: _named(Finding(name), self.ids[name][:EXAMPLES]) for name in self.findings},
            "found": dict(found),
            "repaired": dict(repaired),
        }


def _named(name: Finding, ids: Iterable[int]) -> list[str]:
    """Name some of what was found as a person knows it."""
    ids = list(ids)
    if name in _OF_DOCUMENTS:
        keys = dict(Document.objects.filter(pk__in=ids).values_list("pk", "key"))
        return [keys.get(pk, f"document {pk}") for pk in ids]
    keys = dict(Chunk.objects.filter(pk__in=ids).values_list("pk", "document__key"))
    return [f"{pk} ({keys[pk]})" if pk in keys else str(pk) for pk in ids]
