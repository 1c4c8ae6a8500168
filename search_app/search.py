"""Run a search: question -> vector -> plan -> ranked documents -> what SQL says of them now."""

import time
from collections.abc import Sequence

from django.utils.translation import gettext as _

from collections_app import activity
from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import ActivityKind, IndexState, VectorIndex
from collections_app.prepared import Many, prepared
from search_app.browsing import documents_in, list_passages
from search_app.degradation import Code, Degradation, because
from search_app.facets import MOST_COUNTED, Among, Facets, facets_of_all, facets_of_best
from search_app.leg import Measure
from search_app.legs import Asked, legs_for
from search_app.order import Order
from search_app.request import (
    DEPTH,
    MOST_COLLECTIONS,
    MOST_LISTED,
    MOST_RESULTS,
    PAGE_SIZE,
    Likeness,
    Mode,
    Readable,
    SearchRequest,
    clean_query,
)
from search_app.response import Hit, Part, SearchResponse
from search_app.scope import Scope, permission_of, readable_collections
from search_app.stopwatch import Stopwatch, added

__all__ = [
    "DEPTH",
    "MOST_LISTED",
    "MOST_RESULTS",
    "PAGE_SIZE",
    "Hit",
    "Likeness",
    "Mode",
    "SearchRequest",
    "SearchResponse",
    "clean_query",
    "facets_of_everything",
    "search",
]


def search(request: SearchRequest) -> SearchResponse:
    """Answer a question; whatever is wrong besides SQL makes the answer degraded, not an error.

    Raises InvalidSearchRequest for collections that the user may not read, and for what cannot be listed.
    """
    began = time.perf_counter()
    response = _search(request)
    activity.note(ActivityKind.SEARCH, time.perf_counter() - began)
    return response


def _search(request: SearchRequest) -> SearchResponse:
    indexes = _serving_indexes(request)
    _check(request)
    while indexes:
        response = _answer(request, indexes)
        # One that was dropped on the way, after another took over, may have lost what it was asked for.
        if not _are_dropped(indexes):
            return response
        indexes = _indexes_of(_readable(request))
    return SearchResponse(answered=False, degraded=(because(Code.NO_INDEX),))


def _serving_indexes(request: SearchRequest) -> list[VectorIndex]:
    """Return what the collections are searched by. Raises InvalidSearchRequest unless all of them may be read."""
    collections = request.collections
    if isinstance(collections, Readable) and collections.permission == permission_of(request.user):
        return _indexes_of(collections)
    return _indexes_of(_readable(request))


def _readable(request: SearchRequest) -> Readable:
    """Return the collections as they are now. Raises InvalidSearchRequest unless all of them may be read."""
    asked = {collection.pk for collection in request.collections}
    readable = prepared(
        lambda: (
            readable_collections(request.user)
            .filter(pk__in=Many("collections"))
            .select_related("serving_index__profile")
            .order_by("name", "pk")
        ),
        permission_of(request.user),
    ).rows(collections=asked)
    if not asked or len(readable) < len(asked):
        raise InvalidSearchRequest(_("There is no such collection, or you may not read it."), code="unknown_collection")
    return Readable.of(readable, permission_of(request.user))


def _indexes_of(collections: Readable) -> list[VectorIndex]:
    indexes = []
    for collection in collections:
        index = collection.serving_index
        if index is not None and index.state != IndexState.DROPPED:
            index.collection = collection
            indexes.append(index)
    return indexes


def _check(request: SearchRequest) -> None:
    asked = {collection.pk for collection in request.collections}
    if len(asked) > MOST_COLLECTIONS:
        raise InvalidSearchRequest(
            _("%(count)d collections are asked; at most %(most)d can be at once.")
            % {"count": len(asked), "most": MOST_COLLECTIONS}
        )
    if request.like and clean_query(request.query):
        raise InvalidSearchRequest(_("Ask a question, or for what is like a document; not for both at once."))
    if not 0 <= request.diversity <= 1:
        raise InvalidSearchRequest(_("The diversity is a number from 0 to 1."), code="invalid_diversity")
    if request.limit < 1 or request.offset < 0 or request.end > request.most:
        raise InvalidSearchRequest(_beyond(request) % {"most": request.most})


def _beyond(request: SearchRequest) -> str:
    if not request.is_question:
        return _("Only the first %(most)d documents can be listed; make the filters narrower.")
    if request.is_rearranged:
        return _(
            "Only the best %(most)d results are put into another order; make the question or the filters narrower."
        )
    return _("Only the best %(most)d results can be listed; make the question or the filters narrower.")


def _are_dropped(indexes: Sequence[VectorIndex]) -> bool:
    dropped = prepared(
        lambda: VectorIndex.objects.filter(pk__in=Many("indexes"), state=IndexState.DROPPED).values_list("pk")
    )
    return bool(dropped.rows(indexes=[index.pk for index in indexes]))


def facets_of_everything(request: SearchRequest) -> Facets:
    """Count all documents of the collections that the filter keeps, whatever is asked, without listing any.

    Raises InvalidSearchRequest for collections that the user may not read.
    """
    scopes = _scopes(request, _serving_indexes(request))
    if not scopes:
        return Facets(0, Among.ALL)
    return facets_of_all(documents_in(scopes).order_by()[: MOST_COUNTED + 1].count(), scopes)


def _answer(request: SearchRequest, indexes: Sequence[VectorIndex]) -> SearchResponse:
    if not request.is_question:
        return _list(request, indexes)
    asked = [legs_for(request, index) for index in indexes]
    watch = asked[0].watch if len(asked) == 1 else Stopwatch()
    order = Order.of(request, [one.member for one in asked], watch)
    with watch.step("read"):
        hits, has_more = order.page()
    facets = None
    if request.facets:
        with watch.step("facets"):
            best = [candidate.document_id for candidate in order.all()[:DEPTH]]
            facets = facets_of_best(best, [one.scope for one in asked])
    parts = tuple(Part(one.scope, one.member.found, one.watch, one.weight) for one in asked)
    kept = [part.found.plan.kept for part in parts]
    return SearchResponse(
        hits=hits,
        has_more=has_more,
        total_estimate=sum(counted.documents for counted in kept if counted) if all(kept) else None,
        ranked=len(order.all()),
        degraded=_degraded(asked),
        facets=facets,
        parts=parts,
        timings=added(list(dict.fromkeys([*(one.watch for one in asked), watch]))),
    )


def _degraded(asked: Sequence[Asked]) -> tuple[Degradation, ...]:
    """Return every reason once, however many collections it holds for."""
    reasons = [*(reason for one in asked for reason in one.degraded)]
    reasons += [reason for one in asked for reason in one.member.found.degraded]
    return tuple(dict.fromkeys(reasons))


# --- without a question -------------------------------------------------------------------------------------------


def _list(request: SearchRequest, indexes: Sequence[VectorIndex]) -> SearchResponse:
    watch = Stopwatch()
    scopes = _scopes(request, indexes)
    documents = documents_in(scopes)
    with watch.step("count"):
        total = documents.order_by().count()
    with watch.step("read"):
        passages = list_passages(documents, indexes, request.sort, start=request.offset, end=request.end)
    facets = None
    if request.facets:
        with watch.step("facets"):
            facets = facets_of_all(total, scopes)
    return SearchResponse(
        hits=[Hit(chunk, 0.0, Measure.NONE) for chunk in passages],
        has_more=total > request.end,
        total_estimate=total,
        ranked=total,
        facets=facets,
        timings=watch.timings,
    )


def _scopes(request: SearchRequest, indexes: Sequence[VectorIndex]) -> list[Scope]:
    return [Scope(index, request.user, request.filter) for index in indexes]
