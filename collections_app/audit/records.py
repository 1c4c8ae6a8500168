"""Part 6: the store holds the ids of the live chunks and no others, and on demand their vectors and metadata.

Ids come from the store in no order, so both ways are looked up page by page: ids of the store in SQL, live ids in the
store. An id is never used again and a chunk never live again, which makes looking twice a proof: who was live before
and after the store was asked was live while it was, and had to be there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from django.db.models import Exists, OuterRef

from collections_app import projection
from collections_app.audit.embeddings import settled
from collections_app.audit.report import STORE, Finding, Report
from collections_app.exceptions import VectorStoreCollectionBroken, VectorStoreCollectionMissing
from collections_app.models import Chunk, ChunkState, IndexEntry, PhysicalState, VectorIndex
from collections_app.vectors import as_vector, is_usable
from collections_app.vectorstores import Record, VectorStore
from collections_app.vectorstores.values import are_kept

PAGE = 1000
# Vectors travel as float32 and cosine stores may renormalise them.
TOLERANCE = 1e-4


def compare_store(index: VectorIndex, report: Report, breathe: Callable[[], None], *, deep: bool) -> None:
    """Compare the collection of the present generation with the live chunks, both ways."""
    physical = projection.current_collection(index)
    report.collection = physical.name
    if physical.state == PhysicalState.READY:
        comparison = _Comparison(index, physical.name, report, breathe)
        try:
            comparison.look_for_unknown()
            comparison.look_for_missing(deep=deep)
        except (VectorStoreCollectionMissing, VectorStoreCollectionBroken):
            report.forget(STORE)
            report.find_count(Finding.COLLECTION_LOST, 1)
    physical.refresh_from_db()
    if physical.state != PhysicalState.READY:
        # Given a new generation meanwhile, or still being filled: nothing that was seen of it counts.
        report.forget([*STORE, Finding.COLLECTION_LOST])
        report.find_count(Finding.COLLECTION_NOT_READY, int(report.live_chunks > 0))


class _Comparison:
    def __init__(self, index: VectorIndex, name: str, report: Report, breathe: Callable[[], None]) -> None:
        self.index, self.name, self.report, self.breathe = index, name, report, breathe
        self.store: VectorStore = projection.store_of(index)

    def look_for_unknown(self) -> None:
        for ids in pages(self.store.ids(self.name)):
            self.breathe()
            self.report.store_ids += len(ids)
            strange = sorted(set(ids) - live_among(self.index, ids))
            if strange:
                unknown, pending = sort_strange(self.index, self.name, strange)
                self.report.find(Finding.IDS_UNKNOWN_OR_NOT_LIVE, unknown)
                self.report.find(Finding.REMOVALS_PENDING, pending)

    def look_for_missing(self, *, deep: bool) -> None:
        live = Chunk.objects.filter(index=self.index, state=ChunkState.LIVE).order_by("pk")
        through = 0
        while ids := list(live.filter(pk__gt=through).values_list("pk", flat=True)[:PAGE]):
            self.breathe()
            through = ids[-1]
            found = self.store.fetch(self.name, ids, vectors=deep)
            missing = set(ids) - {record.id for record in found}
            self.report.find(Finding.IDS_MISSING_IN_STORE, sorted(live_among(self.index, missing)))
            if deep:
                vectors, metadata = altered(self.index, found)
                self.report.find(Finding.VECTORS_ALTERED, vectors)
                self.report.find(Finding.METADATA_ALTERED, metadata)


def pages(ids: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(ids)
    while page := list(islice(iterator, PAGE)):
        yield page


def live_among(index: VectorIndex, ids: Iterable[int]) -> set[int]:
    ids = list(ids)
    if not ids:
        return set()
    live = Chunk.objects.filter(pk__in=ids, index=index, state=ChunkState.LIVE)
    return set(live.values_list("pk", flat=True))


def sort_strange(index: VectorIndex, name: str, ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return which of the ids that are in the store have no business there, and which are about to leave it.

    First SQL is asked, then the store: a row is removed after its id was proved gone.
    """
    held = IndexEntry.objects.filter(lease_token=OuterRef("staged_by"), document=OuterRef("document"))
    chunks = Chunk.objects.filter(pk__in=ids, index=index).annotate(held=Exists(held))
    known = {pk: row for pk, *row in chunks.values_list("pk", "state", "removed_at", "held")}
    unknown: list[int] = []
    pending: list[int] = []
    present = {record.id for record in projection.store_of(index).fetch(name, ids, vectors=False)}
    for pk in sorted(present):
        state, removed_at, is_held = known.get(pk, (None, None, False))
        if state == ChunkState.LIVE or (state == ChunkState.STAGED and is_held):
            continue
        (pending if state and not removed_at else unknown).append(pk)
    # A staged chunk may have become live, or have been given to the one who removes it, since SQL was asked.
    still = Chunk.objects.filter(pk__in=pending, removed_at=None).exclude(state=ChunkState.LIVE)
    return unknown, sorted(still.values_list("pk", flat=True))


def altered(index: VectorIndex, found: Sequence[Record]) -> tuple[list[int], list[int]]:
    """Return the ids of live chunks whose record has another vector, and of those whose record has other metadata."""
    expected = expected_records(index, [record.id for record in found], only_settled=True)
    vectors = [
        record.id
        for record in found
        if record.id in expected and not _is_same(record.vector, expected[record.id].vector)
    ]
    metadata = [
        record.id
        for record in found
        if record.id in expected and not are_kept(record.metadata, expected[record.id].metadata)
    ]
    # Metadata belongs to a revision. Only where the document is still at the chunk's was that of one moment compared.
    live = Chunk.objects.filter(pk__in={*vectors, *metadata}, index=index, state=ChunkState.LIVE)
    revisions = {pk: is_present for pk, *is_present in live.values_list("pk", "revision", "document__revision")}
    return (
        [pk for pk in vectors if pk in revisions],
        [pk for pk in metadata if pk in revisions and len(set(revisions[pk])) == 1],
    )


def expected_records(index: VectorIndex, ids: Sequence[int], *, only_settled: bool = False) -> dict[int, Record]:
    """Return what the store should hold for those of these chunks that are live and whose vector is usable.

    With `only_settled`, those of documents that are projected anew are left out: their vectors are not to be trusted.
    """
    live = Chunk.objects.filter(pk__in=ids, index=index, state=ChunkState.LIVE, embedding__isnull=False)
    if only_settled:
        live = live.filter(settled(index))
    dimensions = index.profile.dimensions
    chunks = [
        (chunk, as_vector(chunk.embedding.vector))
        for chunk in live.select_related("embedding").order_by("pk")
        if chunk.embedding and is_usable(chunk.embedding.vector, dimensions=dimensions)
    ]
    return {record.id: record for record in projection.records_of(chunks)}


def _is_same(stored: np.ndarray, known: np.ndarray) -> bool:
    return stored.shape == known.shape and bool(np.allclose(stored, known, atol=TOLERANCE))
