"""Pages of the search site. They parse, call and render; what they show is worked out elsewhere."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from collections_app.exceptions import InvalidFilter, InvalidSearchRequest
from collections_app.models import Collection, Document, SavedSearch, SourceFile
from collections_app.reasons import explained
from search_app.answer import State, answer, asked_by, progress_of
from search_app.asking import readable_document
from search_app.completion import Completion, as_json, complete, complete_value
from search_app.context import context_of
from search_app.declared import shared_fields
from search_app.document_page import Reference, document_page
from search_app.explanation import explain
from search_app.forms import filter_form
from search_app.parameters import EVERY, Parameters, whole_number
from search_app.picking import choose, picker, readable_list
from search_app.search import search
from search_app.security import make_inert

# Of a longer line nothing is completed.
_LONGEST_LINE = 800
# Saved searches that are offered before anything is asked; their own page has them all.
_MOST_SAVED = 6


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """The search page, or with HTMX the answer alone."""
    given = Parameters.read(request.GET)
    readable = readable_list(request.user)
    chosen = _choose(readable, given, request)
    parameters = given.settled()
    address = reverse("search:search") + parameters.query_string
    partial = _wants_part(request, "answer")
    if given.filters_of and not partial:
        return HttpResponseRedirect(address)
    if given.are_of_other_collections:
        # The filters beside the answer are those of other collections, so the whole page has to change.
        return HttpResponse(headers={"HX-Redirect": address})
    is_every = EVERY in given.collections
    context: dict[str, Any] = {
        "chosen": chosen,
        "collection": chosen[0] if len(chosen) == 1 else None,
        "filters_of": EVERY if is_every else ",".join(collection.slug for collection in chosen),
        "parameters": parameters,
    }
    if not partial:
        context["picker"] = picker(readable, chosen, parameters, is_every=is_every)
    status = 200
    if chosen:
        found = answer(chosen, parameters, request.user)
        status = found.status
        context["answer"] = found
        if found.state is State.WELCOME and request.user.is_authenticated:
            context["saved"] = SavedSearch.objects.filter(owner=request.user)[:_MOST_SAVED]
        context["filters"] = filter_form(
            shared_fields([collection.pk for collection in chosen]),
            parameters,
            facets=found.facets,
            wrong_field=found.wrong_field,
            problem=found.problem,
        )
    template = "search_app/_answer.html" if partial else "search_app/search.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    if partial:
        # While somebody types, what is on the way to a question leaves no trace in the history.
        response.headers["HX-Replace-Url" if request.headers.get("X-Typing") else "HX-Push-Url"] = address
    return response


@require_safe
def explain_page(request: HttpRequest) -> HttpResponse:
    """How the search that the address stands for is answered, step by step."""
    parameters = Parameters.read(request.GET).settled()
    chosen = _choose(readable_list(request.user), parameters, request)
    if not chosen:
        raise Http404(_("There is nothing to search yet."))
    layout = "search_app/part.html" if _wants_part(request, "drawer-content") else "search_app/base.html"
    context: dict[str, Any] = {"parameters": parameters, "chosen": chosen, "layout": layout}
    status = 200
    try:
        asked = asked_by(parameters, chosen, request.user, facets=False)
        response = search(asked.request)
        context |= {"explanation": explain(asked.request, response), "question": asked.question, "response": response}
    except (InvalidFilter, InvalidSearchRequest) as error:
        context["problem"], status = explained(error), 400
    page = render(request, "search_app/explain.html", context, status=status)
    patch_vary_headers(page, ["HX-Request"])
    return page


def _wants_part(request: HttpRequest, target: str) -> bool:
    """Say whether HTMX asks for what stands in the element `target`, and for nothing else."""
    htmx = HtmxDetails(request)
    return bool(htmx) and not htmx.history_restore_request and htmx.target == target


def _choose(readable: Sequence[Collection], given: Parameters, request: HttpRequest) -> tuple[Collection, ...]:
    try:
        return choose(readable, given, request.user)
    except InvalidSearchRequest as error:
        raise Http404(str(error)) from error


@never_cache
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """The progress bar of the chosen collections, fetched again and again while documents are waiting."""
    parameters = Parameters.read(request.GET)
    chosen = _choose(readable_list(request.user), parameters, request)
    context = {"progress": progress_of(chosen), "chosen": chosen}
    return render(request, "search_app/_progress.html", context)


@require_safe
def document(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A document's text, metadata and state; with `revision`, `start` and `end`, a passage in it."""
    found = _readable_document(request, public_id)
    page = document_page(found, reference=Reference.read(request.GET), page=whole_number(request.GET.get("page", "")))
    context = {"page": page, "document": found, "admin_url": _admin_url(request, found)}
    return render(request, "search_app/document.html", context)


@require_safe
def context(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A passage with its neighbours, put by HTMX where its excerpt was; without HTMX, the document itself."""
    found, reference = _readable_document(request, public_id), Reference.read(request.GET)
    count = whole_number(request.GET.get("count", "1"))
    query = request.GET.get("q", "")
    shown = reference and context_of(found, reference, query, count=1 if count is None else count)
    if reference and shown and HtmxDetails(request):
        place = urlencode({"revision": reference.revision, "start": reference.start, "end": reference.end, "q": query})
        return render(request, "search_app/_context.html", {"context": shown, "document": found, "place": place})
    address = f"{reverse('search:document', args=[public_id])}?{request.GET.urlencode()}#passage"
    return HttpResponse(headers={"HX-Redirect": address}) if HtmxDetails(request) else HttpResponseRedirect(address)


def _readable_document(request: HttpRequest, public_id: UUID) -> Document:
    try:
        return readable_document(public_id, request.user)
    except InvalidSearchRequest as error:
        raise Http404(str(error)) from error


def _admin_url(request: HttpRequest, document: Document) -> str:
    if not (request.user.is_staff and admin.site.is_registered(Document)):
        return ""
    return reverse("admin:collections_app_document_change", args=[document.pk])


@require_safe
def source(request: HttpRequest, public_id: UUID) -> FileResponse:
    """The file that documents were read from, to be saved; only while one of them is there to be read."""
    documents = Document.objects.readable_by(request.user)
    found = get_object_or_404(SourceFile.objects.filter(documents__in=documents).distinct(), public_id=public_id)
    try:
        content = found.file.open("rb")
    except FileNotFoundError as error:
        raise Http404(_("The file is no longer in storage.")) from error
    return make_inert(
        FileResponse(content, as_attachment=True, filename=found.filename, content_type="application/octet-stream")
    )


@never_cache
@require_safe
def completion(request: HttpRequest) -> JsonResponse:
    """What can stand at the end of `q`, a question before the caret; with `field`, values of it that go on from `q`."""
    chosen = _choose(readable_list(request.user), Parameters.read(request.GET), request)
    typed, field = request.GET.get("q", "").replace("\0", ""), request.GET.get("field", "")
    if len(typed) > _LONGEST_LINE or not chosen:
        return JsonResponse(as_json(Completion(len(typed), [])))
    found = complete_value(typed, field, chosen) if field else complete(typed, chosen)
    return JsonResponse(as_json(found))
