"""Collections, what they hold and how much of that can be found already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Count
from django.http import HttpRequest
from ninja import Router

from collections_app.models import Chunk, ChunkState, Collection, Document, EntryState, IndexEntry
from search_app.api.schemas import CollectionDetailOut, CollectionsOut, ProblemOut
from search_app.asking import named_collections
from search_app.declared import shared_fields
from search_app.filters import operators_of
from search_app.scope import readable_collections

router = Router(tags=["collections"])


@router.get("/collections", response=CollectionsOut, summary="The collections that you may read")
def collections(request: HttpRequest) -> dict[str, Any]:
    readable = list(readable_collections(request.user).order_by("name", "pk"))
    counts = _Counts.of(readable)
    return {"collections": [_collection(collection, counts) for collection in readable]}


@router.get(
    "/collections/{slug}",
    response={200: CollectionDetailOut, 404: ProblemOut},
    summary="One of them, with the fields to filter and sort by",
)
def collection(request: HttpRequest, slug: str) -> dict[str, Any]:
    (found,) = named_collections([slug] if slug != "*" else [""], request.user)
    index = found.serving_index
    return {
        **_collection(found, _Counts.of([found])),
        "model": index.profile.name if index else None,
        "fields": [
            {
                "name": field.name,
                "label": str(field),
                "type": field.type,
                "is_list": field.is_list,
                "operators": operators_of(field.spec),
            }
            for field in shared_fields([found.pk])
        ],
    }


@dataclass(frozen=True, slots=True)
class _Counts:
    """Documents by collection, entries by index and state, and live passages by index."""

    documents: Mapping[int, int]
    entries: Mapping[tuple[int, str], int]
    passages: Mapping[int, int]

    @classmethod
    def of(cls, collections: Sequence[Collection]) -> Self:
        serving = [collection.serving_index_id for collection in collections if collection.serving_index_id]
        documents = Document.objects.alive().filter(collection__in=collections).order_by()
        entries = IndexEntry.objects.filter(index__in=serving).order_by()
        live = Chunk.objects.filter(index__in=serving, state=ChunkState.LIVE).order_by()
        return cls(
            documents=dict(documents.values_list("collection").annotate(Count("pk"))),
            entries={
                (index, state): number
                for index, state, number in entries.values_list("index", "state").annotate(Count("pk"))
            },
            passages=dict(live.values_list("index").annotate(Count("pk"))),
        )


def _collection(collection: Collection, counts: _Counts) -> dict[str, Any]:
    index = collection.serving_index_id or 0
    return {
        "slug": collection.slug,
        "name": collection.name,
        "description": collection.description,
        "documents": counts.documents.get(collection.pk, 0),
        "indexed": counts.entries.get((index, EntryState.INDEXED), 0),
        "pending": counts.entries.get((index, EntryState.PENDING), 0),
        "failed": counts.entries.get((index, EntryState.FAILED), 0),
        "passages": counts.passages.get(index, 0),
    }
