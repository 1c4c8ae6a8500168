"""The endpoints as one application: its OpenAPI page, and every error as a problem."""

from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.renderers import JSONRenderer

from collections_app.exceptions import InvalidFilter, InvalidSearchRequest
from collections_app.reasons import explained, in_readers_language
from search_app.api import problems
from search_app.api.collections import router as collections_router
from search_app.api.documents import router as documents_router
from search_app.api.schemas import KindOut
from search_app.api.searching import router as search_router
from search_app.security import documentation


class _Renderer(JSONRenderer):
    """JSON in UTF-8, as people can read it."""

    json_dumps_params = {"ensure_ascii": False}


api = NinjaAPI(
    renderer=_Renderer(),
    title="Vectorsite",
    version="1",
    urls_namespace="api-1",
    docs_url="/docs",
    openapi_url="/openapi.json",
    docs_decorator=documentation,
    description="Semantic and hybrid search over the collections that you may read. Errors are problem details "
    "(RFC 9457). Whoever is signed in on the site is signed in here; everybody else reads public collections.",
)
api.add_router("", search_router)
api.add_router("", collections_router)
api.add_router("", documents_router)


@api.get("/problems/{code}", response=KindOut, url_name="problem", tags=["problems"], summary="What a problem means")
def problem(request: HttpRequest, code: str) -> dict[str, Any]:
    if code not in problems.KINDS:
        raise problems.Problem("not_found", _("There is no problem of this code."))
    kind = problems.KINDS[code]
    return {"code": code, "title": str(kind.title), "status": kind.status.value, "remedy": str(kind.remedy)}


@api.exception_handler(problems.Problem)
def _problem(request: HttpRequest, error: problems.Problem) -> HttpResponse:
    return problems.respond(request, error.code, str(error))


@api.exception_handler(InvalidFilter)
def _invalid_filter(request: HttpRequest, error: InvalidFilter) -> HttpResponse:
    return problems.respond(request, "invalid_filter", explained(error))


@api.exception_handler(InvalidSearchRequest)
def _invalid_request(request: HttpRequest, error: InvalidSearchRequest) -> HttpResponse:
    return problems.respond(request, error.code, str(error))


@api.exception_handler(ValidationError)
def _invalid_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    # The framework names our argument first.
    place = ".".join(str(part) for part in first["loc"][1:] if part != "asked")
    reason = in_readers_language(str(first["msg"]).rstrip("."))
    detail = _("“%(name)s”: %(problem)s.") % {"name": place or _("body"), "problem": reason}
    return problems.respond(request, "invalid_parameter", detail)


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What the framework itself refuses: a body that is no JSON."""
    return problems.respond(request, "invalid_json", explained(error))


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _no_database(request: HttpRequest, error: Exception) -> HttpResponse:
    return problems.respond(request, "database_unavailable", _("The database does not answer. Try again in a moment."))


def _nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    return problems.respond(request, "not_found", _("There is nothing at “%(path)s”.") % {"path": request.path[:200]})


def _with_problems(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    if isinstance(pattern, URLPattern):
        pattern.callback = problems.with_problems(pattern.callback)
    return pattern


endpoints = (
    [*map(_with_problems, api.urls[0]), path("<path:rest>", problems.with_problems(_nothing_here))],
    *api.urls[1:],
)
