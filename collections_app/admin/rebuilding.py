"""Another index beside the serving one, the switch, the way back, the end: each with figures before it is done."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from collections_app import services
from collections_app.admin import cells
from collections_app.admin.estimates import estimate_facts
from collections_app.admin.form_page import form_page, require, see_other
from collections_app.admin.pages import Fact, Panel, SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.exceptions import VectorsiteError
from collections_app.forms.rebuild import RebuildForm
from collections_app.models import Chunk, ChunkState, Collection, IndexState, VectorIndex
from collections_app.reasons import explained


def rebuild_view(request: HttpRequest, model_admin: SiteAdmin, collection: Collection) -> HttpResponse:
    """Ask for the settings, then show what they would take, then start."""
    require(model_admin.has_change_permission(request, collection))
    form = RebuildForm(request.POST or None, collection=collection, initial=_settings_of(collection))
    if request.user.has_perm("collections_app.add_embeddingprofile"):
        link = cells.link(reverse("admin:collections_app_embeddingprofile_add"), _("Set up another model"))
        form.fields["profile"].help_text = format_html("{} {}", form.fields["profile"].help_text, link)
    facts: list[Fact] = []
    if request.method == "POST" and form.is_valid() and form.planned:
        try:
            if form.is_settled:
                index = services.start_rebuild(
                    collection, **form.settings, activate=form.cleaned_data["activate"], user=user_of(request)
                )
                model_admin.message_user(request, _("%s is being built.") % index, messages.SUCCESS)
                return see_other(cells.change_url(index))
            facts = estimate_facts(services.estimate(form.planned))
        except VectorsiteError as error:
            form.add_error(None, explained(error))
        else:
            form.data = dict(form.data.items()) | {"estimated": form.fingerprint}
    return form_page(
        request, model_admin, form=form, title=_("Rebuild “%s”") % collection, facts=facts,
        submit=_("Build it") if facts else _("Estimate"),
        intro=_("Another index is built beside the one that serves; search goes on. It takes over when it is in step."),
    )  # fmt: skip


def _settings_of(collection: Collection) -> dict[str, Any]:
    index = collection.serving_index
    if index is None:
        return {}
    return {"profile": index.profile_id, "chunk_size": index.chunk_size, "chunk_overlap": index.chunk_overlap}


def switch_view(request: HttpRequest, model_admin: SiteAdmin, index: VectorIndex) -> HttpResponse:
    """Show both indexes in figures; when confirmed, let this one serve, or say what is missing."""
    if request.method == "POST":
        activate = partial(services.activate_soon, index, user=user_of(request))
        return _told(request, model_admin, index, activate, _("%s serves now."), refused=messages.WARNING)
    sentences = [
        _("Questions are answered from this index from then on; none is lost on the way."),
        _("The index that serves now is kept in step for a while, so that you can go back."),
    ]
    older = services.standby_index(index.collection)
    if older and older.pk != index.pk:
        sentences.append(_("%s, which is kept now, is dropped.") % older)
    serving = index.collection.serving_index
    facts = [_figures(index), *([_figures(serving)] if serving else [])]
    return form_page(
        request, model_admin, form=forms.Form(), facts=facts, sentences=sentences, submit=_("Let it serve"),
        title=_("Let %s serve?") % index,
    )  # fmt: skip


def drop_view(request: HttpRequest, model_admin: SiteAdmin, index: VectorIndex) -> HttpResponse:
    """Show what would be dropped; drop it when confirmed."""
    if request.method == "POST":
        drop = partial(services.drop_index, index, user=user_of(request))
        return _told(request, model_admin, index, drop, _("%s is dropped."), refused=messages.ERROR)
    return form_page(
        request, model_admin, form=forms.Form(), facts=[_figures(index)], submit=_("Drop it"),
        sentences=[
            _("The index that serves is not touched, and no document is lost."),
            _("Its passages leave the vector store and SQL. Vectors that nothing else uses are kept for a day."),
        ],
        title=_("Drop %s?") % index,
    )  # fmt: skip


def _told(
    request: HttpRequest,
    model_admin: SiteAdmin,
    index: VectorIndex,
    act: Callable[[], object],
    done: str,
    *,
    refused: int,
) -> HttpResponse:
    """Act, say on the index's page that it is done, or why not."""
    try:
        act()
    except VectorsiteError as error:
        model_admin.message_user(request, explained(error), refused)
    else:
        model_admin.message_user(request, done % index, messages.SUCCESS)
    return see_other(cells.change_url(index))


def _figures(index: VectorIndex) -> Fact:
    """Return what an index holds, in short."""
    now = services.progress(index)
    passages = Chunk.objects.filter(index=index, state=ChunkState.LIVE).count()
    told = _("%(state)s; %(profile)s, chunks of %(size)d tokens; %(passages)s passages") % {
        "state": index.get_state_display(),
        "profile": index.profile,
        "size": index.chunk_size,
        "passages": cells.count(passages),
    }
    bar = cells.progress(indexed=now.done, pending=now.pending, failed=now.failed)
    return Fact(str(index), bar, note=told)


def indexes_panel(collection: Collection) -> Panel:
    """Return a table of a collection's indexes: what each is, how far it is, and what comes next."""
    indexes = VectorIndex.objects.filter(collection=collection).exclude(state=IndexState.DROPPED)
    return Panel(
        title=_("Indexes"),
        headers=[_("Index"), _("State"), _("Embedding profile"), _("Chunk size"), _("Documents"), _("What comes next")],
        rows=[_row(index) for index in indexes.select_related("profile", "collection")],
    )


def _row(index: VectorIndex) -> list[Any]:
    now = services.progress(index)
    return [
        cells.object_link(index),
        index.get_state_display(),
        cells.object_link(index.profile),
        index.chunk_size,
        cells.progress(indexed=now.done, pending=now.pending, failed=now.failed),
        what_comes_next(index, now),
    ]


def what_comes_next(index: VectorIndex, now: services.Progress) -> Any:
    """Say what an index waits for, or until when it is kept."""
    if index.state == IndexState.STANDBY:
        return cells.noted(_("kept for rollback until:"), cells.moment(index.standby_until))
    if index.state != IndexState.BUILDING:
        return cells.NOTHING
    if now.waiting and not now.workable:
        return _("%s documents wait for a budget") % cells.count(now.waiting)
    if now.pending and now.seconds_left is not None:
        return _("about %s left") % services.duration(now.seconds_left)
    if index.problem:
        return cells.reason(index.problem)
    return _("takes over when it is in step") if index.activate_when_ready else _("waits to be activated by you")
