"""What a browser may do with the public pages: run and show what this site serves as files, and nothing else."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The OpenAPI page draws its icons from data in its own style sheet.
_DOCUMENTATION = _POLICY.replace("img-src 'self'", "img-src 'self' data:")
_INERT = "default-src 'none'; sandbox"

Response = TypeVar("Response", bound=HttpResponseBase)


def own_files_only(view: Callable[..., Response]) -> Callable[..., Response]:
    """Have the browser refuse scripts and styles inside of the page, and anything from other hosts."""

    return _restricted(view, _POLICY)


def documentation(view: Callable[..., Response]) -> Callable[..., Response]:
    """The same for the OpenAPI page, whose scripts are files of this site too."""
    return _restricted(view, _DOCUMENTATION)


def _restricted(view: Callable[..., Response], policy: str) -> Callable[..., Response]:
    @wraps(view)
    def restricted(request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return restricted


def make_inert(response: Response) -> Response:
    """Have the browser treat what somebody uploaded as a file to save, never as a page."""
    response.headers["Content-Security-Policy"] = _INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
