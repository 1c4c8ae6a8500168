"""A collection's indexes: the one that serves from the start, others built beside it, and their end."""

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from collections_app import projection, sweeping, tasks
from collections_app.exceptions import RebuildRefused
from collections_app.lexical import ANALYZER_VERSION
from collections_app.locks import lock_live_indexes
from collections_app.models import (
    Collection,
    EmbeddingProfile,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    User,
    VectorIndex,
)
from collections_app.profiles import default_profile
from collections_app.trail import record_many

SHORTEST_CHUNK = 16


def give_index(
    collection: Collection, profile: EmbeddingProfile, *, chunk_size: int | None = None, chunk_overlap: int = 0
) -> VectorIndex:
    """Give a new collection the index that serves it. Part of the caller's transaction."""
    index = VectorIndex.objects.create(
        collection=collection,
        profile=profile,
        analyzer_version=ANALYZER_VERSION,
        state=IndexState.SERVING,
        chunk_size=chunk_size or _usual_chunk_size(profile),
        chunk_overlap=chunk_overlap,
        activated_at=Now(),
    )
    projection.plan_physical_collection(index, reason="new collection")
    collection.serving_index = index
    collection.save(update_fields=["serving_index"])
    return index


def index_to_fill(collection: Collection) -> VectorIndex:
    """Return the index that new documents are embedded for: what serves, or unsaved what a collection begins with."""
    serving = VectorIndex.objects.select_related("profile", "collection").filter(pk=collection.serving_index_id or 0)
    if index := serving.first():
        return index
    profile = default_profile()
    return VectorIndex(collection=collection, profile=profile, chunk_size=_usual_chunk_size(profile))


def _usual_chunk_size(profile: EmbeddingProfile) -> int:
    return min(200, profile.max_tokens)


def building_index(collection: Collection) -> VectorIndex | None:
    return _indexes(collection, IndexState.BUILDING).first()


def standby_index(collection: Collection) -> VectorIndex | None:
    return _indexes(collection, IndexState.STANDBY).first()


def _indexes(collection: Collection, state: IndexState) -> QuerySet[VectorIndex]:
    return VectorIndex.objects.filter(collection=collection, state=state).select_related("profile", "collection")


# --- built beside -------------------------------------------------------------------------------------------------


def plan_index(
    collection: Collection,
    *,
    profile: EmbeddingProfile | None = None,
    chunk_size: int | None = None,
    chunk_overlap: int | None = None,
) -> VectorIndex:
    """Return an unsaved index like the serving one but for what is given; raise RebuildRefused if that cannot be."""
    like = VectorIndex.objects.select_related("profile").filter(pk=collection.serving_index_id or 0).first()
    if like is None:
        raise RebuildRefused(f"The collection {collection.name!r} has no index; it was deleted. Choose another one.")
    profile = profile or like.profile
    size = chunk_size if chunk_size is not None else min(like.chunk_size, profile.max_tokens)
    overlap = chunk_overlap if chunk_overlap is not None else min(like.chunk_overlap, size - 1)
    if not SHORTEST_CHUNK <= size <= profile.max_tokens:
        raise RebuildRefused(
            f"A chunk size of {size} cannot be used: choose one from {SHORTEST_CHUNK} to {profile.max_tokens}, "
            f"as much as the model of the profile {profile.name!r} reads at once."
        )
    if not 0 <= overlap < size:
        raise RebuildRefused(f"An overlap of {overlap} cannot be used: choose one from 0 to {size - 1}.")
    return VectorIndex(
        collection=collection,
        profile=profile,
        store=like.store,
        hnsw=like.hnsw,
        chunk_size=size,
        chunk_overlap=overlap,
        analyzer_version=ANALYZER_VERSION,
        state=IndexState.BUILDING,
    )


def start_rebuild(
    collection: Collection,
    *,
    profile: EmbeddingProfile | None = None,
    chunk_size: int | None = None,
    chunk_overlap: int | None = None,
    activate: bool = True,
    user: User | None = None,
) -> VectorIndex:
    """Have another index built beside the serving one, which takes over when it is in step if `activate`.

    Documents that are written meanwhile reach both. Should we be killed after the first transaction, the sweeper adds
    the entries that are missing.
    """
    with transaction.atomic():
        live = lock_live_indexes(collection.pk, exclusive=True)
        if not Collection.objects.alive().filter(pk=collection.pk).exists():
            raise RebuildRefused(f"The collection {collection.name!r} was deleted; choose another one.")
        collection.refresh_from_db(fields=["serving_index"])
        if any(index.state == IndexState.BUILDING for index in live):
            raise RebuildRefused(
                f"An index of {collection.name!r} is being built already. Wait until it serves, or give it up first: "
                f"manage.py rebuild {collection.slug} --cancel"
            )
        index = plan_index(collection, profile=profile, chunk_size=chunk_size, chunk_overlap=chunk_overlap)
        index.activate_when_ready = activate
        index.save()
        projection.plan_physical_collection(index, reason="built beside the serving index")
        note(user, "rebuild started", index)
    sweeping.add_missing_entries(index)
    tasks.ring_after_commit([index.pk])
    return index


def rebuild_everything(*, user: User | None = None, reason: str) -> list[VectorIndex]:
    """Give every index a new physical collection, filled from SQL without embedding; return the indexes."""
    indexes = VectorIndex.objects.exclude(state=IndexState.DROPPED).filter(collection__deleted_at=None)
    rebuilt = []
    for index in indexes.select_related("collection").order_by("pk"):
        with transaction.atomic():
            if projection.raise_generation(index.pk, reason=reason):
                note(user, "rebuilt", index)
                rebuilt.append(index)
    return rebuilt


# --- dropped ------------------------------------------------------------------------------------------------------


def give_up(indexes: list[VectorIndex]) -> None:
    """Have indexes dropped, with what they have in the store. Part of the caller's transaction, under their locks."""
    ids = [index.pk for index in indexes]
    VectorIndex.objects.filter(pk__in=ids).update(
        state=IndexState.DROPPED, activate_when_ready=False, problem="", standby_until=None
    )
    PhysicalCollection.objects.filter(index__in=ids).exclude(state=PhysicalState.DROPPED).update(
        state=PhysicalState.DROPPING
    )


def drop_index(index: VectorIndex, *, user: User | None = None) -> None:
    """Drop an index that is being built or kept for rollback; the one that serves cannot be dropped."""
    with transaction.atomic():
        _drop(index, user=user, only_outlived=False)


def drop_outlived() -> int:
    """Drop the indexes whose time on standby is over; return how many."""
    over = VectorIndex.objects.filter(state=IndexState.STANDBY, standby_until__lt=Now()).select_related("collection")
    dropped = 0
    for index in over:
        with transaction.atomic():
            dropped += _drop(index, user=None, only_outlived=True)
    return dropped


def _drop(index: VectorIndex, *, user: User | None, only_outlived: bool) -> int:
    locked = {row.pk: row for row in lock_live_indexes(index.collection_id, exclusive=True)}
    row = locked.get(index.pk)
    outlived = VectorIndex.objects.filter(pk=index.pk, state=IndexState.STANDBY, standby_until__lt=Now())
    if only_outlived and not outlived.exists():
        return 0
    if row is None or row.state == IndexState.SERVING:
        state = "has been dropped already" if row is None else "serves now; activate another one first"
        raise RebuildRefused(f"The index {index} cannot be dropped: it {state}.")
    give_up([row])
    note(user, "dropped", index)
    return 1


def note(user: User | None, action: str, index: VectorIndex) -> None:
    """Append to the trail, of the index and of its collection, what was done. Part of the caller's transaction."""
    record_many(user, {action: [index, index.collection]}, index=f"#{index.pk}")
