"""The pages where a collection becomes a file, and a file a collection."""

import tempfile
from pathlib import Path

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from collections_app import portable
from collections_app.admin import cells
from collections_app.admin.form_page import form_page, require, see_other
from collections_app.admin.pages import Fact, SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.exceptions import VectorsiteError
from collections_app.forms.portable_file import CollectionFileForm
from collections_app.models import Chunk, ChunkState, Collection, Document
from collections_app.reasons import explained


def export_view(request: HttpRequest, model_admin: SiteAdmin, collection: Collection) -> HttpResponseBase:
    """Say what the file will hold; then hand it out."""
    require(model_admin.has_change_permission(request, collection))
    form = forms.Form(request.POST or None)
    if request.method == "POST":
        try:
            return _file_of(request, collection)
        except VectorsiteError as error:
            form.add_error(None, explained(error))
    documents = Document.objects.alive().filter(collection=collection).count()
    chunks = Chunk.objects.filter(index=collection.serving_index_id, state=ChunkState.LIVE).count()
    return form_page(
        request, model_admin, form=form, title=_("Export “%s”") % collection, submit=_("Export"),
        facts=[Fact(_("Documents"), cells.count(documents)), Fact(_("Chunks"), cells.count(chunks))],
        sentences=[
            _("The file holds texts, metadata, fields, passages, vectors and the weights that were learned."),
            _("It does not hold keys of servers, who may read the collection, or the files that were uploaded."),
            _("Another site takes it in without embedding anything, if it has the same embedding model."),
        ],
    )  # fmt: skip


def _file_of(request: HttpRequest, collection: Collection) -> FileResponse:
    name = f"{collection.slug}{portable.SUFFIX}"
    with tempfile.TemporaryDirectory() as folder:
        done = portable.export_collection(collection, Path(folder, "collection"), user=user_of(request))
        # Its name goes now, and the file itself when it is handed out.
        return FileResponse(done.path.open("rb"), as_attachment=True, filename=name, content_type=portable.MEDIA_TYPE)


def import_view(request: HttpRequest, model_admin: SiteAdmin) -> HttpResponse:
    """Ask for a file; make its collection, and go on to the page that tells what becomes of it."""
    require(model_admin.has_add_permission(request))
    user = user_of(request)
    form = CollectionFileForm(request.POST or None, request.FILES or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            item = form.take()
        except VectorsiteError as error:
            form.add_error("upload", explained(error))
        else:
            told = _("The file is checked and taken by a worker. The collection is private until all of it is there.")
            model_admin.message_user(request, told, messages.SUCCESS)
            return see_other(cells.change_url(item.import_act))
    return form_page(
        request, model_admin, form=form, title=_("Import a collection file"), submit=_("Import"),
        intro=_("A collection that was exported by this site or another one comes with its vectors."),
    )  # fmt: skip
