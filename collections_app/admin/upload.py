"""The page where people upload files into a collection."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collections_app import services, sources
from collections_app.admin import cells
from collections_app.admin.estimates import estimate_facts
from collections_app.admin.form_page import form_page, see_other
from collections_app.admin.pages import Fact, SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.exceptions import VectorsiteError
from collections_app.file_estimates import FileToTake, estimate_files
from collections_app.forms.upload import UploadForm
from collections_app.models import Collection, Import, ImportItem, ImportOrigin, ImportOutcome, User
from collections_app.reasons import explained, in_readers_language
from collections_app.trail import record


def upload_view(request: HttpRequest, model_admin: SiteAdmin) -> HttpResponse:
    """Show the form, or take what was uploaded and go on to the page that tells what becomes of each file."""
    user, facts, sentences = user_of(request), list[Fact](), list[str]()
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES, user=user)
        if form.is_valid() and form.cleaned_data["only_estimate"]:
            facts, sentences = _estimate(form)
        elif form.is_valid():
            import_act = take(form, user)
            count = len(form.cleaned_data["uploads"])
            taken = ngettext("%(count)d file was taken.", "%(count)d files were taken.", count) % {"count": count}
            waiting = _("Workers are reading what is waiting below.")
            model_admin.message_user(request, f"{taken} {waiting}", messages.SUCCESS)
            return see_other(cells.change_url(import_act))
    else:
        form = UploadForm(initial={"collection": request.GET.get("collection", "")}, user=user)
    return form_page(
        request, model_admin, form=form, title=_("Upload files"), submit=_("Upload"),
        intro=_("Files are kept as they are, read by a worker, and can be searched seconds later."),
        facts=facts, sentences=sentences,
    )  # fmt: skip


def _estimate(form: UploadForm) -> tuple[list[Fact], list[str]]:
    """Return what the uploaded files would take, and how far that is to be trusted; a reason if it cannot be told."""
    collection: Collection = form.cleaned_data["collection"]
    with tempfile.TemporaryDirectory(prefix="vectorsite-estimate-") as folder:
        files = [_copied(file, form.key_of(file), Path(folder) / str(number)) for number, file in _small_enough(form)]
        try:
            told = estimate_files(collection, services.index_to_fill(collection), files, mapping=form.mapping)
        except (VectorsiteError, OSError) as error:
            form.add_error(None, explained(error))
            return [], []
    sentences = [
        _("%(files)d files: %(unchanged)d are unchanged and cost nothing, %(read)d were read now. None was kept.")
        % {"files": told.files, "unchanged": told.unchanged, "read": told.read}
    ]
    if not told.embedding.is_exact:
        sentences.append(
            _(
                "The rest follows by size in bytes, which may be far off: how much text a file holds is known when "
                "it is read."
            )
        )
    words = _("%(name)s: %(value)s")
    sentences += [
        words % {"name": key, "value": in_readers_language(reason)} for key, reason in told.unreadable.items()
    ]
    return estimate_facts(told.embedding), sentences


def _small_enough(form: UploadForm) -> Iterator[tuple[int, UploadedFile]]:
    for number, file in enumerate(form.cleaned_data["uploads"]):
        if (file.size or 0) <= settings.UPLOAD_LIMIT_BYTES:
            yield number, file


def _copied(file: UploadedFile, key: str, path: Path) -> FileToTake:
    """Give an upload, which may be in memory, as a file on this machine."""
    with path.open("wb") as copy:
        for part in file.chunks():
            copy.write(part)
    return FileToTake(path, key, str(file.name))


def take(form: UploadForm, user: User) -> Import:
    """Keep the uploaded files as one import. A file that is too large is told apart and hinders no other."""
    data: dict[str, Any] = form.cleaned_data
    options = {name: data[name] for name in ("folder", "text_fields", "title_field", "key_field") if data[name]}
    import_act = sources.start_import(data["collection"], origin=ImportOrigin.UPLOAD, user=user, options=options)
    record(user, "uploaded", import_act, files=len(data["uploads"]))
    for file in data["uploads"]:
        if file.size > settings.UPLOAD_LIMIT_BYTES:
            _refuse(import_act, form.key_of(file), file)
            continue
        sources.store_upload(
            data["collection"],
            content=file,
            filename=str(file.name),
            key=form.key_of(file),
            import_act=import_act,
            mapping=form.mapping,
            user=user,
        )
    return import_act


def _refuse(import_act: Import, key: str, file: UploadedFile) -> None:
    reason = _("The file has %(size)s; at most %(limit)s are taken. Split it, or have UPLOAD_LIMIT_MB raised.") % {
        "size": cells.size(file.size or 0),
        "limit": cells.size(settings.UPLOAD_LIMIT_BYTES),
    }
    ImportItem.objects.create(import_act=import_act, key=key, outcome=ImportOutcome.FAILED, reason=reason, failed=1)
