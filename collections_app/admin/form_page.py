"""A page of the admin with a plain form, for what is not the saving of one model instance.

Unlike the admin's own add and change views it opens no transaction, so what it calls may use the network.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from collections_app.admin.pages import Fact, Panel, SiteAdmin


def form_page(
    request: HttpRequest,
    model_admin: SiteAdmin,
    *,
    form: forms.Form,
    title: Any,
    submit: Any,
    intro: Any = "",
    facts: Sequence[Fact] = (),
    sentences: Sequence[Any] = (),
    panels: Sequence[Panel] = (),
    repeated: Sequence[tuple[str, str]] = (),
) -> HttpResponse:
    """Show a form, bound or not, as a page of `model_admin`, `panels` beneath; one without fields is a confirmation.

    `repeated` are names and values that go with it, for the page of a list's action.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "intro": intro,
        "form": form,
        "parts": {"facts": facts, "panels": panels},
        "sentences": sentences,
        "repeated": repeated,
        "submit_label": submit,
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        "is_multipart": form.is_multipart(),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "collections_app/admin/form_page.html", context)


def require(allowed: bool) -> None:
    """Refuse the request unless `allowed`."""
    if not allowed:
        raise PermissionDenied


def see_other(url: str) -> HttpResponseRedirect:
    """Send the browser on to `url` after a form was taken."""
    return HttpResponseRedirect(url, status=303)
