"""Search: POST with a filter as JSON, GET with all of it in the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from ninja import Query, Router

from collections_app.models import Collection, MetadataField
from search_app.api.hits import bucket_as_json, hit_as_json, passage_as_json
from search_app.api.problems import Problem
from search_app.api.schemas import ProblemOut, SearchIn, SearchOut, SearchParameters
from search_app.asking import liked, mode_of, named_collections, readable_document
from search_app.closest import closest_sentences
from search_app.declared import read_filter, shared_fields
from search_app.explanation import as_json, explain
from search_app.facets import Facets
from search_app.filter_json import parse_json_filter
from search_app.filters import Expression, all_of, parse_parameters
from search_app.neighbours import neighbours_of
from search_app.question import parse_question
from search_app.request import Likeness, SearchRequest
from search_app.response import Hit, SearchResponse
from search_app.search import search
from search_app.sorting import parse_sort

# So many hits of an answer have their closest sentence looked for, since it costs an embedding of each sentence.
MOST_CLOSEST = 10

router = Router(tags=["search"])
_PROBLEMS = {400: ProblemOut, 404: ProblemOut, 503: ProblemOut}


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is told of each hit and of the answer beyond the hits themselves."""

    neighbours: int
    highlight: bool
    closest_sentence: bool
    explain: bool


@router.post("/search", response={200: SearchOut, **_PROBLEMS}, exclude_unset=True, summary="Search, filter as JSON")
def post_search(request: HttpRequest, asked: SearchIn) -> dict[str, Any]:
    """Find the documents that answer a question best, each by its best passage.

    The query is taken as it stands, and the filter is JSON. It changes nothing, so it needs no CSRF token.
    """
    collections = named_collections(asked.collections, request.user)
    fields = shared_fields([collection.pk for collection in collections])
    like = None
    if asked.like:
        liked_one = readable_document(asked.like.document, request.user)
        like = Likeness(liked_one, asked.like.start, asked.like.end)
    kept = read_filter(lambda specs, tz: parse_json_filter(asked.filter, specs, tz=tz), collections, fields)
    return _search(request, asked, collections, fields, query=asked.query, like=like, kept=kept)


@router.get("/search", response={200: SearchOut, **_PROBLEMS}, exclude_unset=True, summary="Search, all in the address")
def get_search(request: HttpRequest, asked: Query[SearchParameters]) -> dict[str, Any]:
    """The same with a query string. `q` may hold filters and phrases as on the page, and every other parameter is a
    filter: `year__gte=2000`.
    """
    like = liked(asked.like, request.user)
    slugs = [slug for slug in asked.collection if slug] or ([like.document.collection.slug] if like else [])
    if not slugs:
        raise Problem("invalid_parameter", _("“collection” is missing: the slug of a collection, or * for all."))
    collections = named_collections(slugs, request.user)
    fields = shared_fields([collection.pk for collection in collections])
    typed = read_filter(lambda specs, tz: parse_question(asked.q, specs, tz=tz), collections, fields)
    filters = read_filter(lambda specs, tz: parse_parameters(_filters(request.GET), specs, tz=tz), collections, fields)
    kept = all_of(typed.expression, filters)
    return _search(request, asked, collections, fields, query=typed.text, like=like, kept=kept)


def _search(
    request: HttpRequest,
    asked: SearchIn | SearchParameters,
    collections: tuple[Collection, ...],
    fields: Sequence[MetadataField],
    *,
    query: str,
    like: Likeness | None,
    kept: Expression,
) -> dict[str, Any]:
    question = SearchRequest(
        query=query,
        collections=collections,
        like=like,
        filter=kept,
        mode=mode_of(asked.mode),
        sort=parse_sort(asked.sort, fields),
        diversity=asked.diversity,
        facets=asked.facets,
        limit=asked.limit,
        offset=asked.offset,
        user=request.user,
    )
    shown = _Shown(asked.neighbours, asked.highlight, asked.closest_sentence, asked.explain)
    return _answer(question, shown)


def _filters(data: QueryDict) -> list[tuple[str, str]]:
    own = SearchParameters.model_fields
    return [(key, value) for key, values in data.lists() if key not in own for value in values]


# --- answers ------------------------------------------------------------------------------------------------------


def _answer(question: SearchRequest, shown: _Shown) -> dict[str, Any]:
    response = search(question)
    content: dict[str, Any] = {
        "query": question.query,
        "collections": [collection.slug for collection in question.collections],
        "mode": question.mode,
        "hits": _hits(question, response, shown),
        "has_more": response.has_more,
        "documents": response.total_estimate,
        "degraded": [reason.as_json() for reason in response.degraded] or None,
        "answered": response.answered,
        "timings_ms": dict(response.timings),
    }
    if response.facets:
        content["facets"] = _facets(response.facets)
    if shown.explain:
        content["explanation"] = as_json(explain(question, response))
    return content


def _hits(question: SearchRequest, response: SearchResponse, shown: _Shown) -> list[dict[str, Any]]:
    words = question.query if shown.highlight else None
    hits = [hit_as_json(hit, words=words) for hit in response.hits]
    if shown.neighbours:
        near = neighbours_of([hit.chunk for hit in response.hits], count=shown.neighbours)
        for content, hit in zip(hits, response.hits, strict=True):
            around = near.get(hit.chunk.pk)
            content["before"] = [passage_as_json(chunk) for chunk in around.before] if around else []
            content["after"] = [passage_as_json(chunk) for chunk in around.after] if around else []
    if shown.closest_sentence and question.query.strip():
        _add_closest(question.query, hits[:MOST_CLOSEST], response.hits[:MOST_CLOSEST])
    return hits


def _add_closest(query: str, contents: list[dict[str, Any]], hits: list[Hit]) -> None:
    """Compare the sentences of each hit with the question by the model of the hit's own collection."""
    by_index: dict[int, list[int]] = {}
    for position, hit in enumerate(hits):
        by_index.setdefault(hit.document.collection_id, []).append(position)
    for positions in by_index.values():
        index = hits[positions[0]].document.collection.serving_index
        if index is not None:
            texts = [hits[position].chunk.text for position in positions]
            for position, span in zip(positions, closest_sentences(index, query, texts), strict=True):
                contents[position]["closest_sentence"] = span


def _facets(facets: Facets) -> dict[str, Any]:
    return {
        "among": facets.among,
        "documents": facets.documents,
        "fields": [
            {
                "field": facet.name,
                "label": facet.label,
                "type": facet.type,
                "kind": "ranges" if facet.buckets[0].is_range else "values",
                "filtered": facet.is_filtered,
                "buckets": [bucket_as_json(bucket) for bucket in facet.buckets],
            }
            for facet in facets.fields
        ],
    }
