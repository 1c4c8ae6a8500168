"""Vector indexes, what they have in the stores, and the audits that compare the two."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from collections_app import projection, services
from collections_app.admin import cells
from collections_app.admin.auditing import audit_indexes, repair_view
from collections_app.admin.filters import CollectionFilter
from collections_app.admin.form_page import require
from collections_app.admin.numbers import index_with_numbers, state_tag
from collections_app.admin.pages import EndlessAdmin, Fact, PageLink, Panel, ReadOnlyAdmin, trail_of
from collections_app.admin.pauses import Resumable, pause_fact
from collections_app.admin.peeking import peek_view
from collections_app.admin.rebuilding import drop_view, switch_view, what_comes_next
from collections_app.admin.scope import user_of
from collections_app.admin.weighing import calibrate_indexes, weight_fact, weight_panel
from collections_app.audit import running_audits
from collections_app.models import (
    AccessLevel,
    Chunk,
    ChunkState,
    IndexAudit,
    IndexEntry,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.reasons import in_readers_language
from collections_app.trail import record

_INDEX_TONES = {
    IndexState.BUILDING: cells.WARNING,
    IndexState.SERVING: cells.SUCCESS,
    IndexState.STANDBY: cells.INFO,
    IndexState.DROPPED: "",
}
_PHYSICAL_TONES = {
    PhysicalState.PLANNED: cells.INFO,
    PhysicalState.FILLING: cells.WARNING,
    PhysicalState.READY: cells.SUCCESS,
    PhysicalState.DROPPING: cells.WARNING,
    PhysicalState.DROPPED: "",
}
_AUDITS = 10


def audit_tag(audit: IndexAudit) -> str:
    if audit.finished_at is None:
        return cells.tag(_("not finished"), cells.WARNING)
    if audit.error:
        return cells.tag(_("could not be compared"), cells.WARNING)
    return cells.tag(_("in step"), cells.SUCCESS) if audit.in_step else cells.tag(_("out of step"), cells.DANGER)


def _physical_tag(physical: PhysicalCollection) -> str:
    return cells.tag(physical.get_state_display(), _PHYSICAL_TONES[PhysicalState(physical.state)])


def _why(physical: PhysicalCollection) -> str:
    return in_readers_language(physical.reason)


@admin.register(VectorIndex)
class VectorIndexAdmin(ReadOnlyAdmin):
    write_level = AccessLevel.MANAGE
    list_display = ["name", "role", "profile", "store", "done", "chunks", "step", "last_audit", "generation"]
    list_display_links = ["name"]
    list_select_related = ["collection", "profile"]
    list_filter = [("collection", CollectionFilter), ("state", ChoicesDropdownFilter)]
    search_fields = ["collection__name"]
    actions = ["audit_now", "audit_deeply", "calibrate", "rebuild"]
    object_actions = ["audit_now", "audit_deeply", "calibrate", "rebuild"]
    fields = [
        "collection", "profile", "store", "chunk_size", "chunk_overlap", "analyzer_version", "hnsw", "state",
        "generation", "created_at", "activated_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[VectorIndex]:
        return index_with_numbers(super().get_queryset(request))

    def has_rebuild_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("collections_app.change_vectorindex")

    # --- list ---

    @display(description=gettext_lazy("index"), ordering="id")
    def name(self, obj: VectorIndex) -> str:
        return str(obj)

    @display(description=gettext_lazy("state"), ordering="state")
    def role(self, obj: VectorIndex) -> str:
        return cells.tag(obj.get_state_display(), _INDEX_TONES[IndexState(obj.state)])

    @display(description=gettext_lazy("documents"))
    def done(self, obj: Any) -> str:
        return cells.progress(indexed=obj.indexed, pending=obj.pending, failed=obj.failed)

    @display(description=gettext_lazy("live chunks"))
    def chunks(self, obj: Any) -> str:
        return cells.count(obj.chunks_total)

    @display(description=gettext_lazy("in step"))
    def step(self, obj: Any) -> str:
        return state_tag(obj)

    @display(description=gettext_lazy("last audit"))
    def last_audit(self, obj: Any) -> str:
        return cells.moment(obj.audited_at)

    # --- page ---

    def facts(self, request: HttpRequest, obj: Any) -> list[Fact]:
        chunks = dict(Chunk.objects.filter(index=obj).order_by().values_list("state").annotate(Count("pk")))
        bar = cells.progress(indexed=obj.indexed, pending=obj.pending, failed=obj.failed)
        entries = cells.list_url(IndexEntry, index__id__exact=obj.pk)
        return [
            Fact(_("Documents"), state_tag(obj), entries, bar),
            *[
                Fact(
                    _("%s chunks") % state.label.capitalize(),
                    cells.count(chunks.get(state.value, 0)),
                    cells.list_url(Chunk, index__id__exact=obj.pk, state__exact=state.value),
                )
                for state in (ChunkState.LIVE, ChunkState.STAGED, ChunkState.RETIRED)
            ],
            Fact(_("Last audit"), cells.moment(obj.audited_at)),
            weight_fact(obj),
            *(
                [Fact(_("What comes next"), what_comes_next(obj, services.progress(obj)))]
                if obj.state in {IndexState.BUILDING, IndexState.STANDBY}
                else []
            ),
        ]

    def links(self, request: HttpRequest, obj: VectorIndex) -> list[PageLink]:
        links = [PageLink(str(obj.collection), cells.change_url(obj.collection), "folder_open")]
        if obj.state in {IndexState.BUILDING, IndexState.STANDBY} and self.may_switch(request, obj):
            words = _("Let it serve") if obj.state == IndexState.BUILDING else _("Go back to it")
            links.append(PageLink(words, self._act_url("switch", obj), "swap_horiz"))
            links.append(PageLink(_("Drop it"), self._act_url("drop", obj), "delete"))
        if obj.state != IndexState.DROPPED:
            links.append(PageLink(_("Look into the store"), self._act_url("peek", obj), "pageview"))
            if self.may_switch(request, obj):
                links.append(PageLink(_("Audit and repair"), self._act_url("repair", obj), "build"))
        return links

    def may_switch(self, request: HttpRequest, obj: VectorIndex) -> bool:
        return self.has_rebuild_permission(request) and self.may_write(request, obj)

    def _act_url(self, act: str, obj: VectorIndex) -> str:
        return reverse(f"admin:{self._url_name}_{act}", args=[obj.pk])

    def get_urls(self) -> list[URLPattern]:
        acts = {"switch": switch_view, "drop": drop_view, "repair": repair_view}
        views = {name: self.admin_site.admin_view(partial(self._act, view)) for name, view in acts.items()}
        views["peek"] = self.admin_site.admin_view(self._peek)
        return [
            *(path(f"<int:pk>/{name}/", view, name=f"{self._url_name}_{name}") for name, view in views.items()),
            *super().get_urls(),
        ]

    def _act(self, view: Callable[..., HttpResponse], request: HttpRequest, pk: int) -> HttpResponse:
        index = self._index_of(request, pk)
        require(self.may_switch(request, index))
        return view(request, self, index)

    def _peek(self, request: HttpRequest, pk: int) -> HttpResponse:
        index = self._index_of(request, pk)
        require(self.has_view_permission(request, index))
        return peek_view(request, self, index)

    def _index_of(self, request: HttpRequest, pk: int) -> VectorIndex:
        index = self.get_queryset(request).select_related("collection__serving_index", "profile").filter(pk=pk).first()
        if index is None:
            raise Http404
        return index

    def panels(self, request: HttpRequest, obj: VectorIndex) -> list[Panel]:
        audits = list(obj.audits.all()[: _AUDITS + 1])
        return [
            Panel(
                title=_("In the vector store"),
                headers=[_("Name"), _("Generation"), _("State"), _("Why it was made"), _("Made")],
                rows=[
                    [
                        cells.object_link(physical),
                        physical.generation,
                        _physical_tag(physical),
                        _why(physical),
                        cells.moment(physical.created_at),
                    ]
                    for physical in obj.physical_collections.all()[:20]
                ],
            ),
            Panel(
                title=_("Audits"),
                headers=[_("When"), _("Result"), _("Deep"), _("Findings"), _("Repaired")],
                rows=[
                    [
                        cells.link(cells.change_url(audit), cells.moment(audit.started_at)),
                        audit_tag(audit),
                        _("yes") if audit.deep else _("no"),
                        cells.reason(audit.error) if audit.error else cells.findings(audit.report),
                        cells.repaired(audit.report),
                    ]
                    for audit in audits[:_AUDITS]
                ],
                more=cells.list_url(IndexAudit, index__id__exact=obj.pk) if len(audits) > _AUDITS else "",
                empty=_("This index has not been compared with its store yet."),
            ),
            weight_panel(obj),
            trail_of(obj),
        ]

    def is_settling(self, obj: Any) -> bool:
        filling = obj.physical_collections.filter(generation=obj.generation).exclude(state=PhysicalState.READY)
        if obj.state == IndexState.BUILDING:
            return True
        if running_audits().filter(index=obj).exists():
            return True
        return bool(obj.pending) or (obj.state != IndexState.DROPPED and filling.exists())

    # --- actions ---

    @admin.action(description=gettext_lazy("Audit now"), permissions=["view"])
    def audit_now(self, request: HttpRequest, queryset: QuerySet[VectorIndex]) -> None:
        audit_indexes(self, request, queryset.exclude(state=IndexState.DROPPED))

    @admin.action(description=gettext_lazy("Audit vectors and metadata too"), permissions=["view"])
    def audit_deeply(self, request: HttpRequest, queryset: QuerySet[VectorIndex]) -> None:
        audit_indexes(self, request, queryset.exclude(state=IndexState.DROPPED), deep=True)

    @admin.action(description=gettext_lazy("Learn the weight of meaning"), permissions=["rebuild"])
    def calibrate(self, request: HttpRequest, queryset: QuerySet[VectorIndex]) -> None:
        calibrate_indexes(self, request, self.writable(request, queryset).exclude(state=IndexState.DROPPED))

    @admin.action(description=gettext_lazy("Rebuild in the store"), permissions=["rebuild"])
    def rebuild(self, request: HttpRequest, queryset: QuerySet[VectorIndex]) -> None:
        """Raise the generation: a new physical collection is filled from SQL, without one call to a model."""
        for index in self.writable(request, queryset).exclude(state=IndexState.DROPPED):
            with transaction.atomic():
                projection.raise_generation(index.pk, reason=f"asked for by {request.user}")
                record(user_of(request), "rebuilt", index)
            text = _("%s is copied anew from SQL into a new physical collection; nothing is embedded again.")
            self.message_user(request, text % index, messages.SUCCESS)


@admin.register(PhysicalCollection)
class PhysicalCollectionAdmin(ReadOnlyAdmin):
    collection_path = "index__collection"
    list_display = ["name", "index", "generation", "state_tag", "copied_through", "why", "created_at"]
    list_select_related = ["index__collection"]
    list_filter = [("state", ChoicesDropdownFilter)]
    search_fields = ["name"]
    fields = ["name", "index", "generation", "state", "copied_through", "filler_expires_at", "why", "created_at"]

    @display(description=gettext_lazy("state"), ordering="state")
    def state_tag(self, obj: PhysicalCollection) -> str:
        return _physical_tag(obj)

    @display(description=gettext_lazy("why it was made"))
    def why(self, obj: PhysicalCollection) -> str:
        return _why(obj)


@admin.register(IndexAudit)
class IndexAuditAdmin(EndlessAdmin):
    collection_path = "index__collection"
    list_display = ["started_at", "index", "result", "deep", "documents", "chunks", "in_store", "findings", "took"]
    list_select_related = ["index__collection"]
    list_filter = ["in_step", "deep"]
    fields = ["index", "started_at", "finished_at", "deep", "repair", "in_step", "why", "report"]

    @display(description=gettext_lazy("result"), ordering="in_step")
    def result(self, obj: IndexAudit) -> str:
        return audit_tag(obj)

    @display(description=gettext_lazy("error"))
    def why(self, obj: IndexAudit) -> str:
        return cells.reason(obj.error)

    @display(description=gettext_lazy("documents"))
    def documents(self, obj: IndexAudit) -> str:
        return cells.count(obj.report.get("documents", 0))

    @display(description=gettext_lazy("live chunks"))
    def chunks(self, obj: IndexAudit) -> str:
        return cells.count(obj.report.get("live_chunks", 0))

    @display(description=gettext_lazy("ids in the store"))
    def in_store(self, obj: IndexAudit) -> str:
        return cells.count(obj.report.get("store_ids", 0))

    @display(description=gettext_lazy("findings"))
    def findings(self, obj: IndexAudit) -> str:
        return cells.findings(obj.report)

    @display(description=gettext_lazy("took"))
    def took(self, obj: IndexAudit) -> str:
        return cells.seconds((obj.finished_at - obj.started_at).total_seconds()) if obj.finished_at else cells.NOTHING


@admin.register(VectorStoreStatus)
class VectorStoreStatusAdmin(Resumable, ReadOnlyAdmin):
    collection_path = None
    list_display = ["alias", "pause_state", "tried_again", "pauses", "why"]
    fields = ["alias", "paused_until", "why", "pauses"]

    def facts(self, request: HttpRequest, obj: VectorStoreStatus) -> list[Fact]:
        return [pause_fact(obj), Fact(_("Pauses in a row"), obj.pauses)]

    def is_settling(self, obj: VectorStoreStatus) -> bool:
        return obj.paused_until is not None
