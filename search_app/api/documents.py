"""Documents with their texts and passages, and what is like them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Query, Router

from collections_app.models import Chunk, ChunkState
from search_app.api.hits import hit_as_json, passage_as_json
from search_app.api.schemas import DocumentOut, PassagesParameters, ProblemOut, SimilarOut, SimilarParameters
from search_app.asking import readable_document
from search_app.request import Likeness, SearchRequest
from search_app.search import search

router = Router(tags=["documents"])
_PROBLEMS = {400: ProblemOut, 404: ProblemOut, 503: ProblemOut}


@router.get("/documents/{public_id}", response={200: DocumentOut, **_PROBLEMS}, summary="A document as it is now")
def document(request: HttpRequest, public_id: UUID, asked: Query[PassagesParameters]) -> dict[str, Any]:
    """Its text, metadata and live passages, these from `passages_from` on and at most `passages` of them."""
    found = readable_document(public_id, request.user)
    live = Chunk.objects.filter(
        document=found, index=found.collection.serving_index_id, state=ChunkState.LIVE, source_text=found.content_id
    )
    first = asked.passages_from
    passages = list(live.order_by("position", "pk")[first : first + asked.passages + 1])
    return {
        "document": found.public_id,
        "collection": found.collection.slug,
        "key": found.key,
        "title": found.title,
        "url": reverse("search:document", args=[found.public_id]),
        "text": found.text,
        "language": found.effective_language,
        "revision": found.revision,
        "created": found.created_at,
        "updated": found.updated_at,
        "metadata": found.metadata,
        "passages": [passage_as_json(chunk) for chunk in passages[: asked.passages]],
        "has_more_passages": len(passages) > asked.passages,
    }


@router.get(
    "/documents/{public_id}/similar",
    response={200: SimilarOut, **_PROBLEMS},
    exclude_unset=True,
    summary="What is like it",
)
def similar(request: HttpRequest, public_id: UUID, asked: Query[SimilarParameters]) -> dict[str, Any]:
    """Documents of its collection nearest to it, or to its passage from `start` to `end`, by its stored vector."""
    found = readable_document(public_id, request.user)
    response = search(
        SearchRequest(
            collections=(found.collection,),
            like=Likeness(found, asked.start, asked.end),
            diversity=asked.diversity,
            limit=asked.limit,
            offset=asked.offset,
            user=request.user,
        )
    )
    return {
        "document": found.public_id,
        "hits": [hit_as_json(hit, words=None) for hit in response.hits],
        "has_more": response.has_more,
        "degraded": [reason.as_json() for reason in response.degraded] or None,
    }
