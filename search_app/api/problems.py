"""Errors as problem details (RFC 9457): what is wrong for programs and for people, and what helps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collections_app.exceptions import VectorsiteError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = "5"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its status, what it is called, and what helps against it."""

    status: HTTPStatus
    title: "StrPromise"
    remedy: "StrPromise"


KINDS: Mapping[str, Kind] = {
    "invalid_json": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("The body is not the JSON that is expected"),
        gettext_lazy("Send a JSON object with the members that the OpenAPI page names, each of its type."),
    ),
    "invalid_parameter": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("A parameter is missing or not of its type"),
        gettext_lazy("The detail names the parameter and what is expected."),
    ),
    "invalid_filter": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("The filter cannot be used"),
        gettext_lazy("The collection's own page, /api/v1/collections/{slug}, lists its fields with their operators."),
    ),
    "invalid_sort": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("The documents cannot be put into this order"),
        gettext_lazy("Sort by relevance, by a field that can be filtered, or by one of the document's own."),
    ),
    "invalid_mode": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("There is no such mode"),
        gettext_lazy("Leave it out, or give one of those that the detail names."),
    ),
    "invalid_diversity": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("The diversity is out of range"),
        gettext_lazy("Give a number from 0 to 1, or leave it out."),
    ),
    "not_comparable": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("There is nothing to compare with"),
        gettext_lazy("Search in the document's own collection, and wait until the document is indexed."),
    ),
    "invalid_request": Kind(
        HTTPStatus.BAD_REQUEST,
        gettext_lazy("The search cannot be run as asked"),
        gettext_lazy("The detail says what can be asked instead."),
    ),
    "unknown_collection": Kind(
        HTTPStatus.NOT_FOUND,
        gettext_lazy("There is no such collection"),
        gettext_lazy("/api/v1/collections lists those that you may read; sign in to read more."),
    ),
    "unknown_document": Kind(
        HTTPStatus.NOT_FOUND,
        gettext_lazy("There is no such document"),
        gettext_lazy("Take its public id from a search; sign in to read more."),
    ),
    "not_found": Kind(
        HTTPStatus.NOT_FOUND,
        gettext_lazy("There is nothing at this address"),
        gettext_lazy("/api/v1/docs lists all addresses."),
    ),
    "method_not_allowed": Kind(
        HTTPStatus.METHOD_NOT_ALLOWED,
        gettext_lazy("This address does not take this method"),
        gettext_lazy("Use one of the methods in the header Allow."),
    ),
    "database_unavailable": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        gettext_lazy("The database does not answer"),
        gettext_lazy("Ask again after the seconds in the header Retry-After."),
    ),
}


class Problem(VectorsiteError):
    """The request gets a problem instead of an answer; `code` is one of KINDS."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def respond(request: HttpRequest, code: str, detail: str) -> HttpResponse:
    """Return the response of a problem."""
    kind = KINDS[code]
    content = {
        "type": reverse("api-1:problem", args=[code]),
        "title": str(kind.title),
        "status": kind.status.value,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "remedy": str(kind.remedy),
    }
    response = JsonResponse(
        content, status=kind.status, content_type=CONTENT_TYPE, json_dumps_params={"ensure_ascii": False}
    )
    if kind.status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def with_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have a view of the framework answer HEAD as GET, refuse other methods with a problem, and never be cached."""

    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method == "HEAD":
            # The server leaves the body out.
            request.method = "GET"
        response = view(request, *args, **kwargs)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = response.headers["Allow"]
            response = respond(request, "method_not_allowed", _("Use one of: %(known)s.") % {"known": allowed})
            response.headers["Allow"] = allowed
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    # Django looks for this mark on the view itself.
    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer
