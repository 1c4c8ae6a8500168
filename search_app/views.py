"""Pages of the search site. They parse, call and render; what they show is worked out elsewhere."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from collections_app.models import Collection, Document, SourceFile
from search_app.answer import answer, progress_of
from search_app.document_page import Reference, document_page, readable_document
from search_app.forms import filter_form, problem_slots
from search_app.parameters import Parameters, whole_number
from search_app.security import make_inert, own_files_only


@own_files_only
@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """The search page, or with HTMX the answer alone."""
    given = Parameters.read(request.GET)
    collections = _readable_collections(request)
    collection = _choose(collections, given.collection)
    parameters = given.settled()
    address = reverse("search:search") + parameters.query_string
    partial = _wants_part(request)
    if given.filters_of and not partial:
        return HttpResponseRedirect(address)
    if given.filters_of not in ("", given.collection):
        # The filters beside the answer are those of another collection, so the whole page has to change.
        return HttpResponse(headers={"HX-Location": address})
    context: dict[str, Any] = {"collections": collections, "collection": collection, "parameters": parameters}
    status = 200
    if collection:
        found = answer(collection, parameters, request.user)
        status = found.status
        context["answer"] = found
        wrong = {"wrong_field": found.wrong_field, "problem": found.problem}
        if partial:
            context["slots"] = problem_slots(collection, **wrong)
        else:
            context["filters"] = filter_form(collection, parameters, **wrong)
    template = "search_app/_answer.html" if partial else "search_app/search.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    if partial:
        response.headers["HX-Push-Url"] = address
    return response


def _wants_part(request: HttpRequest) -> bool:
    htmx = HtmxDetails(request)
    return bool(htmx) and not htmx.history_restore_request and htmx.target == "answer"


def _readable_collections(request: HttpRequest) -> list[Collection]:
    return list(Collection.objects.readable_by(request.user).select_related("serving_index__profile"))


def _choose(collections: list[Collection], slug: str) -> Collection | None:
    if not slug:
        return _largest(collections)
    for collection in collections:
        if collection.slug == slug:
            return collection
    raise Http404(_("There is no such collection, or you may not read it."))


def _largest(collections: list[Collection]) -> Collection | None:
    """Return the collection with the most documents: the likeliest one for a question that names none."""
    by_pk = {collection.pk: collection for collection in collections}
    counted = Document.objects.alive().filter(collection__in=by_pk).values("collection").annotate(documents=Count("pk"))
    largest = counted.order_by("-documents", "collection").first()
    return by_pk[largest["collection"]] if largest else next(iter(collections), None)


@own_files_only
@never_cache
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """The progress bar of a collection, fetched again and again while documents are waiting."""
    collection = _choose(_readable_collections(request), request.GET.get("collection", ""))
    context = {"progress": progress_of(collection) if collection else None, "collection": collection}
    return render(request, "search_app/_progress.html", context)


@own_files_only
@require_safe
def document(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A document's text, metadata and state; with `revision`, `start` and `end`, a passage in it."""
    found = readable_document(Document.objects.readable_by(request.user), public_id)
    if found is None:
        raise Http404(_("There is no such document, or you may not read it."))
    page = document_page(found, reference=Reference.read(request.GET), page=whole_number(request.GET.get("page", "")))
    context = {"page": page, "document": found, "admin_url": _admin_url(request, found)}
    return render(request, "search_app/document.html", context)


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
