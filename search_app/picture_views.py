"""Pages that show what a collection's vectors look like, for everybody who may read the collection."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Collection
from collections_app.pictures import NEAR_DUPLICATE, NEIGHBOURS
from search_app.asking import readable_collection
from search_app.highlighting import excerpt
from search_app.parameters import whole_number
from search_app.pictures.asked import asked, cosines_of_all
from search_app.pictures.charts import chart_of, drawing_of
from search_app.pictures.clusters import nearest_passages, shown_clusters
from search_app.pictures.colours import colours_of
from search_app.pictures.lists import near_duplicates, outliers, threshold_of
from search_app.pictures.present import Present, State, passage_at, present
from search_app.results import passage_url

_EXCERPT = 320
# The pages by the names of their addresses.
PAGES = {
    "map": gettext_lazy("Map"),
    "similarities": gettext_lazy("Similarities"),
    "clusters": gettext_lazy("Clusters"),
    "near-duplicates": gettext_lazy("Near-duplicates"),
    "outliers": gettext_lazy("Outliers"),
}

Fill = Callable[[HttpRequest, Collection, Present], dict[str, Any]]


def _page(name: str, fill: Fill) -> Callable[[HttpRequest, str], HttpResponse]:
    """Make a page of what `fill` says, or of why there is nothing to see yet."""

    @never_cache
    @require_safe
    def page(request: HttpRequest, slug: str) -> HttpResponse:
        collection = _readable_collection(request, slug)
        state, found = present(collection, request.user)
        context: dict[str, Any] = {"collection": collection, "state": state, "present": found, "page_name": name}
        context["pages"] = [(f"search:{other}", label, other == name) for other, label in PAGES.items()]
        if found:
            context |= fill(request, collection, found)
        return render(request, f"search_app/pictures/{name.replace('-', '_')}.html", context)

    return page


def _readable_collection(request: HttpRequest, slug: str) -> Collection:
    try:
        return readable_collection(slug, request.user)
    except InvalidSearchRequest as error:
        raise Http404(str(error)) from error


def _map(request: HttpRequest, collection: Collection, found: Present) -> dict[str, Any]:
    clusters = shown_clusters(found, whole_number(request.GET.get("clusters", "")))
    colours = colours_of(found, clusters, request.GET.get("colour", ""))
    question = asked(found, collection, request.GET.get("q", ""), request.user)
    is_plain = request.GET.get("plain") == "1"
    plain = request.GET.copy()
    plain["plain"] = "1"
    return {
        "clusters": clusters,
        "colours": colours,
        "asked": question,
        "hits": _described(question),
        "explained": found.picture.findings.explained,
        "drawing": drawing_of(found, colours, question) if is_plain else None,
        "plain_query": plain.urlencode(),
        "data_query": request.GET.urlencode(),
    }


def _described(question: Any) -> list[dict[str, Any]]:
    return [
        {
            "shown": shown,
            "title": str(shown.hit.document),
            "url": passage_url(shown.hit.chunk),
            "passage": excerpt(shown.hit.chunk.text, question.query, length=_EXCERPT),
        }
        for shown in (question.hits if question else ())
    ]


def _similarities(request: HttpRequest, collection: Collection, found: Present) -> dict[str, Any]:
    question = asked(found, collection, request.GET.get("q", ""), request.user)
    pairs = found.picture.findings.random_pairs
    context: dict[str, Any] = {"asked": question, "hits": _described(question), "pairs": pairs}
    if question and question.vector is not None:
        cosines = cosines_of_all(found, question.vector)
        context |= {"cosines": cosines, "chart": chart_of(cosines, pairs, question)}
    return context


def _clusters(request: HttpRequest, collection: Collection, found: Present) -> dict[str, Any]:
    clusters = shown_clusters(found, whole_number(request.GET.get("clusters", "")))
    if clusters is None:
        return {"clusters": None}
    nearest = nearest_passages(found, clusters)
    shown = [
        {"cluster": cluster, "nearest": _linked(chunks)}
        for cluster, chunks in zip(clusters.clusters, nearest, strict=True)
        if cluster.size
    ]
    return {"clusters": clusters, "shown": shown}


def _linked(chunks: Any) -> list[dict[str, Any]]:
    return [
        {"title": str(chunk.document), "url": passage_url(chunk), "passage": excerpt(chunk.text, "", length=160)}
        for chunk in chunks
    ]


def _near_duplicates(request: HttpRequest, collection: Collection, found: Present) -> dict[str, Any]:
    above = threshold_of(request.GET.get("above", ""))
    page = near_duplicates(found, above=above, page=whole_number(request.GET.get("page", "")) or 1)
    return {"page": page, "above": above, "least": NEAR_DUPLICATE, "kept": f"above={above:g}&"}


def _outliers(request: HttpRequest, collection: Collection, found: Present) -> dict[str, Any]:
    page = outliers(found, page=whole_number(request.GET.get("page", "")) or 1)
    return {"page": page, "neighbours": NEIGHBOURS}


map_page = _page("map", _map)
similarities_page = _page("similarities", _similarities)
clusters_page = _page("clusters", _clusters)
near_duplicates_page = _page("near-duplicates", _near_duplicates)
outliers_page = _page("outliers", _outliers)


@never_cache
@require_safe
def map_points(request: HttpRequest, slug: str) -> JsonResponse:
    """The points of the map as its script wants them: columns of coordinates, classes and places."""
    collection = _readable_collection(request, slug)
    state, found = present(collection, request.user)
    if found is None or state is not State.READY:
        raise Http404(_("There is no map of this collection yet."))
    clusters = shown_clusters(found, whole_number(request.GET.get("clusters", "")))
    colours = colours_of(found, clusters, request.GET.get("colour", ""))
    coordinates = found.coordinates.astype(float).round(4)
    return JsonResponse(
        {
            "made": str(found.picture.made_as),
            "scale": colours.is_scale,
            "x": coordinates[:, 0].tolist(),
            "y": coordinates[:, 1].tolist(),
            "class": colours.classes.tolist(),
            "place": found.places.tolist(),
        }
    )


@never_cache
@require_safe
def map_point(request: HttpRequest, slug: str, made_as: UUID, place: int) -> JsonResponse:
    """What a point of a map stands for; 404 if that map was made anew, or the passage is gone."""
    collection = _readable_collection(request, slug)
    chunk = passage_at(collection, request.user, made_as, place)
    if chunk is None:
        raise Http404(_("This passage is no longer on the map."))
    text = "".join(piece.text for piece in excerpt(chunk.text, "", length=_EXCERPT))
    return JsonResponse(
        {"title": str(chunk.document), "address": chunk.address, "text": text, "url": passage_url(chunk)}
    )
