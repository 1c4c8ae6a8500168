"""Copying what is live from SQL into a new physical collection, with the vectors that SQL keeps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from collections_app.ledger import in_future, lease_term
from collections_app.models import Chunk, ChunkState, PhysicalCollection, PhysicalState, VectorIndex
from collections_app.projection.inspection import trusted_collection
from collections_app.projection.physical import store_of
from collections_app.projection.records import records_of
from collections_app.vectors import as_vector, is_usable
from collections_app.vectorstores import Record

FILL_BATCH = 1000
# A worker's clock says when a collection was planned, the database's when an id was removed.
CLOCKS_DIFFER = timedelta(minutes=1)


def fill(index: VectorIndex) -> int:
    """Copy live chunks from SQL into a collection that is being filled; return how many.

    One worker fills at a time, by a lease on the row; it goes on where the last one stopped. What that one wrote and
    did not note, and what drains write meanwhile, is written again, which changes nothing: records are write-once.
    """
    physical = trusted_collection(index)
    mine = PhysicalCollection.objects.filter(pk=physical.pk, state=PhysicalState.FILLING)
    free = Q(filler_expires_at=None) | Q(filler_expires_at__lt=Now())
    if not mine.filter(free).update(filler_expires_at=in_future(lease_term())):
        return 0
    store, copied = store_of(index), 0
    batches = _batches(index, after=physical.copied_through)
    # The next batch is read while the store takes this one. Only the store is used by the thread, and SQL by us.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fill") as writer:
        batch = next(batches, None)
        while batch:
            through, records = batch
            written = writer.submit(store.copy, physical.name, records)
            batch = next(batches, None)
            written.result()
            copied += len(records)
            if not mine.update(copied_through=through, filler_expires_at=in_future(lease_term())):
                return copied
    # What was retired and removed while a batch was on its way may have been written after it was removed.
    since = physical.created_at - CLOCKS_DIFFER
    Chunk.objects.filter(index=index, state=ChunkState.RETIRED, removed_at__gte=since).update(removed_at=None)
    mine.update(state=PhysicalState.READY, filler_expires_at=None)
    return copied


def _batches(index: VectorIndex, *, after: int) -> Iterator[tuple[int, list[Record]]]:
    """Yield the records of live chunks in the order of their ids, each batch with its last id."""
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE, embedding__isnull=False).select_related("embedding")
    rows = live.only("document_id", "revision", "language", "embedding__vector").order_by("pk")
    while batch := list(rows.filter(pk__gt=after)[:FILL_BATCH]):
        after = batch[-1].pk
        # One that is damaged stays out, for the audit to find: it must not keep all others from being copied.
        usable = [
            (chunk, as_vector(chunk.embedding.vector))
            for chunk in batch
            if chunk.embedding and is_usable(chunk.embedding.vector, dimensions=index.profile.dimensions)
        ]
        yield after, records_of(usable)
