"""Taking retired chunks out of the store; their rows stay until the store is proved to have let go of them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from collections_app.ledger import in_future
from collections_app.models import Chunk, ChunkState, PhysicalState, VectorIndex
from collections_app.projection.physical import current_collection, store_of

REMOVE_BATCH = 1000


def remove_retired(index: VectorIndex, *, limit: int = 10_000) -> int:
    """First pass: delete the ids of retired chunks from the store; their rows stay as tombstones."""
    retired = Chunk.objects.filter(index=index, state=ChunkState.RETIRED, removed_at=None)
    ids = list(retired.order_by("pk").values_list("pk", flat=True)[:limit])
    remove_ids(index, ids)
    return len(ids)


def remove_ids(index: VectorIndex, chunk_ids: Sequence[int]) -> None:
    """Delete retired chunks' ids from the store and note on their rows that it was done."""
    for part in _parts(chunk_ids):
        physical = current_collection(index)
        if physical.state in {PhysicalState.FILLING, PhysicalState.READY}:
            store_of(index).delete(physical.name, part)
        Chunk.objects.filter(pk__in=part, state=ChunkState.RETIRED, removed_at=None).update(removed_at=Now())


def purge_tombstones(index: VectorIndex, *, limit: int = 10_000) -> int:
    """Second pass, after the grace period: delete once more, prove the ids absent, and let the rows go.

    A worker that was paused in the middle of an upsert may have written after the first pass.
    """
    grace = timedelta(seconds=settings.TOMBSTONE_GRACE_SECONDS)
    old = Chunk.objects.filter(index=index, state=ChunkState.RETIRED, removed_at__lt=in_future(-grace))
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:limit])
    purged = 0
    for part in _parts(ids):
        present: set[int] = set()
        physical = current_collection(index)
        if physical.state in {PhysicalState.FILLING, PhysicalState.READY}:
            store = store_of(index)
            store.delete(physical.name, part)
            present = {record.id for record in store.fetch(physical.name, part, vectors=False)}
        gone = Chunk.objects.filter(pk__in=set(part) - present, state=ChunkState.RETIRED)
        purged += gone._raw_delete(gone.db)
    return purged


def _parts(ids: Sequence[int]) -> Iterable[list[int]]:
    return (list(ids[start : start + REMOVE_BATCH]) for start in range(0, len(ids), REMOVE_BATCH))
