"""What a browser may do with the site's pages: run and show what this site serves as files, and nothing else."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase

_HEADER = "Content-Security-Policy"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The OpenAPI page draws its icons from data in its own style sheet.
_DOCUMENTATION = _POLICY.replace("img-src 'self'", "img-src 'self' data:")
# Unfold writes its behaviour into attributes that Alpine.js makes into functions, which is what unsafe-eval allows.
# Scripts inside of a page stay refused. Colours and widths are style attributes, and icons are a font.
_ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_INERT = "default-src 'none'; sandbox"

Response = TypeVar("Response", bound=HttpResponseBase)


class ContentSecurityPolicy:
    """Middleware that gives every page its policy: the admin has its own, and a view may have set another."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        match = request.resolver_match
        response.headers.setdefault(_HEADER, _ADMIN if match and "admin" in match.namespaces else _POLICY)
        return response


def documentation(view: Callable[..., Response]) -> Callable[..., Response]:
    """Let the OpenAPI page, whose scripts are files of this site too, draw its icons."""

    @wraps(view)
    def restricted(request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        response = view(request, *args, **kwargs)
        response.headers[_HEADER] = _DOCUMENTATION
        return response

    return restricted


def make_inert(response: Response) -> Response:
    """Have the browser treat what somebody uploaded as a file to save, never as a page."""
    response.headers[_HEADER] = _INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
