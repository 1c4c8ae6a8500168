"""The pages where people import a table: they see what its columns hold, and say what becomes of each."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from collections_app import fields, services, sources, table_import
from collections_app.admin import cells
from collections_app.admin.estimates import estimate_facts
from collections_app.admin.form_page import form_page, require, see_other
from collections_app.admin.pages import Fact, SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.exceptions import VectorsiteError
from collections_app.extraction import TableMapping
from collections_app.file_estimates import FileToTake, estimate_files
from collections_app.forms.table_import import HeldTable, TableColumnsForm, TableFileForm
from collections_app.models import Collection, Import, ImportOrigin, MetadataField, User
from collections_app.reasons import explained, in_readers_language
from collections_app.trail import record


def table_import_view(request: HttpRequest, model_admin: SiteAdmin) -> HttpResponse:
    """Ask for a table, show what it holds, then take it as it was mapped.

    Between the steps nothing is kept but the bytes; who goes away leaves no trace of it after a day.
    """
    if request.method != "POST":
        return _file_step(request, model_admin)
    if "held" in request.POST:
        return _columns_step(request, model_admin)
    form = _file_form(request, request.POST, request.FILES)
    if form.is_valid():
        stored = sources.keep_bytes(form.cleaned_data["table"])
        held = form.held(stored)
        try:
            with sources.local_path(stored) as path:
                table = table_import.look_at(path, filename=held.filename)
        except VectorsiteError as error:
            form.add_error("table", explained(error))
        else:
            collection = form.cleaned_data["collection"]
            columns = TableColumnsForm(initial={"held": held.sign()}, table=table, declared=_declared(collection))
            return _columns_page(request, model_admin, form=columns, table=table, held=held, collection=collection)
    return _file_step(request, model_admin, form=form)


def _file_form(request: HttpRequest, *data: Any, **kwargs: Any) -> TableFileForm:
    may_add = request.user.has_perm("collections_app.add_collection")
    return TableFileForm(*data, user=user_of(request), may_add=may_add, **kwargs)


def _file_step(request: HttpRequest, model_admin: SiteAdmin, *, form: TableFileForm | None = None) -> HttpResponse:
    return form_page(
        request,
        model_admin,
        form=form or _file_form(request, initial={"collection": request.GET.get("collection", "")}),
        title=_("Import a table"),
        submit=_("Next: choose columns"),
        intro=_("Each row becomes a document. Nothing is imported before you have seen what the columns hold."),
    )


def _columns_step(request: HttpRequest, model_admin: SiteAdmin) -> HttpResponse:
    """Take the table as it was mapped, or show again what is wrong with the choice."""
    try:
        held = HeldTable.from_signed(request.POST["held"])
        if not default_storage.exists(held.stored):
            raise ValidationError(_("The uploaded table is no longer kept. Choose the file again."))
        collection = _collection_of(request, held)
        with sources.local_path(held.stored) as path:
            table = table_import.look_at(path, filename=held.filename)
            form = TableColumnsForm(request.POST, table=table, declared=_declared(collection))
            if form.is_valid() and (chosen := form.to_check()):
                tz = ZoneInfo(collection.time_zone if collection else "UTC")
                found = table_import.misfits(
                    path, filename=held.filename, chosen=chosen, separators=form.separators, tz=tz
                )
                for misfit in found:
                    form.refuse(misfit.column, _misfit(misfit))
            only_estimate = "estimate" in request.POST
            facts = _estimate(path, held, form, collection) if only_estimate and form.is_valid() else []
    except ValidationError as error:
        model_admin.message_user(request, " ".join(error.messages), messages.ERROR)
        return see_other(request.path)
    except VectorsiteError as error:
        model_admin.message_user(request, explained(error), messages.ERROR)
        return see_other(request.path)
    if only_estimate or not form.is_valid():
        return _columns_page(
            request, model_admin, form=form, table=table, held=held, collection=collection, facts=facts
        )
    import_act = _take(held, form, collection, user=user_of(request))
    model_admin.message_user(request, _("The table was taken. A worker is reading its rows."), messages.SUCCESS)
    return see_other(cells.change_url(import_act))


def _estimate(path: Path, held: HeldTable, form: TableColumnsForm, collection: Collection | None) -> list[Fact]:
    """Return what embedding the table would take; a reason at the form if it cannot be told."""
    target = collection or Collection(name=held.new_collection, time_zone="UTC")
    file = FileToTake(path, key=held.filename, filename=held.filename)
    try:
        told = estimate_files(target, services.index_to_fill(target), [file], mapping=_mapping(form))
    except VectorsiteError as error:
        form.add_error(None, explained(error))
        return []
    return estimate_facts(told.embedding)


def _mapping(form: TableColumnsForm) -> TableMapping:
    return table_import.mapping_of(form.roles, separators=form.separators)


def _collection_of(request: HttpRequest, held: HeldTable) -> Collection | None:
    """Return the collection the table goes into, None for one to be made, if that is still allowed."""
    if held.collection is None:
        require(request.user.has_perm("collections_app.add_collection"))
        return None
    collection = Collection.objects.writable_by(user_of(request)).filter(pk=held.collection).first()
    if collection is None:
        raise ValidationError(_("The collection is gone, or you may no longer write to it. Choose another one."))
    return collection


def _declared(collection: Collection | None) -> dict[str, MetadataField]:
    declared = MetadataField.objects.filter(collection=collection) if collection else ()
    return {field.source_name: field for field in declared}


def _misfit(misfit: table_import.Misfit) -> str:
    text = _("%(count)s rows hold something else. %(first)s Choose another type, or “Leave out”.")
    return text % {"count": cells.count(misfit.count), "first": in_readers_language(misfit.first)}


def _columns_page(
    request: HttpRequest,
    model_admin: SiteAdmin,
    *,
    form: TableColumnsForm,
    table: table_import.Table,
    held: HeldTable,
    collection: Collection | None,
    facts: Sequence[Fact] = (),
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Import %(name)s") % {"name": held.filename},
        "form": form,
        "table": table,
        "parts": {"facts": facts},
        "target": collection or held.new_collection,
        "is_new": collection is None,
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "collections_app/admin/table_import.html", context)


def _take(held: HeldTable, form: TableColumnsForm, collection: Collection | None, *, user: User) -> Import:
    collection = collection or services.create_collection(held.new_collection, visibility=held.visibility, user=user)
    fields.declare_as(collection, form.specs())
    mapping = _mapping(form)
    options = {name: value for name, value in asdict(mapping).items() if value}
    import_act = sources.start_import(collection, origin=ImportOrigin.UPLOAD, user=user, options=options)
    record(user, "uploaded", import_act, files=1)
    with default_storage.open(held.stored) as content:
        sources.store_upload(
            collection,
            content=content,
            filename=held.filename,
            key=held.filename,
            import_act=import_act,
            mapping=mapping,
            user=user,
        )
    return import_act
