"""Physical collections: planned in SQL, made in the store, replaced by one of the next generation, dropped."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from collections_app.exceptions import VectorsiteError, VectorStoreError
from collections_app.ledger import in_future
from collections_app.locks import lock_indexes
from collections_app.models import (
    Chunk,
    ChunkState,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    SiteIdentity,
    VectorIndex,
)
from collections_app.prepared import Parameter, prepared
from collections_app.vectorstores import CollectionSpec, HnswSettings, VectorStore, load_vector_store

LATELY, MOST_LATELY = timedelta(minutes=5), 3


def store_of(index: VectorIndex) -> VectorStore:
    return load_vector_store(index.store)


def plan_physical_collection(index: VectorIndex, *, reason: str) -> PhysicalCollection:
    """Record the collection of the index's present generation, under a name that never was and never will be again."""
    site = SiteIdentity.current()
    name = f"vectorsite-{site[:8]}-{index.pk}-{index.generation}-{secrets.token_hex(4)}"
    return PhysicalCollection.objects.create(index=index, generation=index.generation, name=name, reason=reason)


def current_collection(index: VectorIndex) -> PhysicalCollection:
    return PhysicalCollection.objects.get(index=index, generation=index.generation)


def readable_collection(index: VectorIndex) -> str | None:
    """Return the name in the store that holds all that is live, or None while there is none."""
    ready = prepared(
        lambda: (
            PhysicalCollection.objects.filter(
                index=Parameter("index"), generation=Parameter("generation"), state=PhysicalState.READY
            )
            .order_by("pk")
            .values_list("name", flat=True)
        )
    ).rows(index=index.pk, generation=index.generation)
    return ready[0] if ready else None


def writable_collection(index: VectorIndex) -> PhysicalCollection:
    """Return the collection of the present generation, made in the store if it was only planned."""
    physical = current_collection(index)
    if physical.state == PhysicalState.PLANNED:
        _make(index, physical)
        physical.refresh_from_db()
    return physical


def _make(index: VectorIndex, physical: PhysicalCollection) -> None:
    store = store_of(index)
    spec = CollectionSpec(
        name=physical.name,
        dimensions=index.profile.dimensions,
        site_id=SiteIdentity.current(),
        hnsw=HnswSettings(**index.hnsw),
    )
    try:
        store.create(spec)
    except VectorStoreError:
        # Another worker was quicker, or died after making it: the name is ours alone, so what exists is this one.
        if physical.name not in {known.name for known in store.collections() if known.site_id == spec.site_id}:
            raise
    planned = PhysicalCollection.objects.filter(pk=physical.pk, state=PhysicalState.PLANNED)
    if not planned.update(state=PhysicalState.FILLING) and not PhysicalCollection.objects.filter(
        pk=physical.pk, state__in=[PhysicalState.FILLING, PhysicalState.READY]
    ):
        # It was discarded, and perhaps dropped already, while we made it.
        store.drop(physical.name)


def raise_generation(index_id: int, *, reason: str, generation: int | None = None) -> bool:
    """Give the index a new physical collection, to be filled from SQL, and have the old one dropped.

    With `generation`, only if that is still the present one, so that several who see the same damage raise it once.
    Late writes to the old collection are harmless.
    """
    with transaction.atomic():
        (index,) = lock_indexes([index_id], exclusive=True)
        if index.state == IndexState.DROPPED or (generation is not None and index.generation != generation):
            return False
        PhysicalCollection.objects.filter(index=index).exclude(state=PhysicalState.DROPPED).update(
            state=PhysicalState.DROPPING
        )
        index.generation += 1
        index.save(update_fields=["generation"])
        plan_physical_collection(index, reason=reason)
        # What is retired was never written to the new collection, or is written by a worker that will find out.
        Chunk.objects.filter(index=index, state=ChunkState.RETIRED).update(removed_at=Now())
    return True


def replace_lost_collection(index: VectorIndex, error: VectorsiteError) -> bool:
    """Raise the generation because the collection is lost; False, to wait, if that has just been tried in vain.

    A store on which every new collection breaks again would otherwise be given one after the other.
    """
    lately = PhysicalCollection.objects.filter(index=index, created_at__gt=in_future(-LATELY), generation__gt=1)
    if lately.count() >= MOST_LATELY:
        return False
    raise_generation(index.pk, reason=str(error)[:500], generation=index.generation)
    return True


def drop(physical: PhysicalCollection) -> None:
    """Drop from its store a collection that no generation needs any more."""
    store_of(physical.index).drop(physical.name)
    PhysicalCollection.objects.filter(pk=physical.pk).update(state=PhysicalState.DROPPED)
