"""The admin's first page: what the workers do, how far the indexes are, what failed, what is paused."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from collections_app.admin import cells
from collections_app.admin.activity import activity_charts
from collections_app.admin.budget import warnings as budget_warnings
from collections_app.admin.charts import Chart
from collections_app.admin.numbers import state_tag, with_numbers
from collections_app.admin.pages import Fact, Panel
from collections_app.admin.scope import user_of
from collections_app.models import (
    Collection,
    Document,
    EmbeddingProfile,
    EntryState,
    ExtractionState,
    IndexEntry,
    IndexState,
    SourceFile,
    User,
    VectorIndex,
    VectorStoreStatus,
    WorkerStatus,
)
from collections_app.reasons import in_readers_language

LATEST = 10
COLLECTIONS = 50
# Work that has waited this long, while something should have taken it, is worth a warning.
LATE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the first page shows."""

    warnings: list[str]
    facts: list[Fact]
    charts: list[Chart]
    panels: list[Panel]


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard to the context of the admin's first page."""
    may_upload = request.user.has_perm("collections_app.add_sourcefile")
    return context | {
        "dashboard": read_dashboard(user_of(request)),
        "live_url": reverse("admin:collections_app_dashboard"),
        "upload_url": reverse("admin:collections_app_sourcefile_upload") if may_upload else "",
        "table_url": reverse("admin:collections_app_sourcefile_table") if may_upload else "",
        "collection_add_url": _add_collection_url(user_of(request)),
    }


def live_dashboard(request: HttpRequest) -> HttpResponse:
    """Answer with the part of the first page that changes by itself."""
    if not user_of(request).is_staff:
        raise PermissionDenied
    context = {
        "dashboard": read_dashboard(user_of(request)),
        "live_url": reverse("admin:collections_app_dashboard"),
    }
    return TemplateResponse(request, "collections_app/admin/dashboard.html", context)


def _add_collection_url(user: User) -> str:
    allowed = user.has_perm("collections_app.add_collection")
    return reverse("admin:collections_app_collection_add") if allowed else ""


def read_dashboard(user: User) -> Dashboard:
    """Return the state of everything that `user` may read."""
    readable = Collection.objects.readable_by(user)
    collections: list[Any] = list(with_numbers(readable.order_by("name"))[:COLLECTIONS])
    indexes = VectorIndex.objects.filter(collection__in=readable).exclude(state=IndexState.DROPPED)
    pending = IndexEntry.objects.filter(index__in=indexes, state=EntryState.PENDING)
    oldest = pending.filter(budget=None).aggregate(oldest=Min("wanted_at"))["oldest"]
    panels = [_collections_panel(collections), _failures_panel(indexes, readable)]
    may_watch = user.has_perm("collections_app.view_workerstatus")
    if may_watch:
        panels.insert(0, _workers_panel())
    return Dashboard(
        warnings=[*_pauses(), *budget_warnings(user), *_lateness(oldest)],
        facts=_facts(collections, readable, oldest),
        charts=activity_charts() if may_watch else [],
        panels=panels,
    )


def _facts(collections: list[Any], readable: QuerySet[Collection], oldest: datetime | None) -> list[Fact]:
    return [
        Fact(_("Documents"), cells.count(sum(row.documents_total for row in collections)), cells.list_url(Document)),
        Fact(_("Chunks"), cells.count(sum(row.chunks_total for row in collections))),
        Fact(_("Waiting to be indexed"), cells.count(sum(row.pending for row in collections)), note=_since(oldest)),
        _files_fact(_("Files waiting to be read"), ExtractionState.PENDING, readable),
        Fact(
            _("Failed documents"),
            _alarming(sum(row.failed for row in collections)),
            cells.list_url(IndexEntry, state__exact=EntryState.FAILED),
        ),
        _files_fact(_("Failed files"), ExtractionState.FAILED, readable),
    ]


def _files_fact(label: str, state: ExtractionState, readable: QuerySet[Collection]) -> Fact:
    number = SourceFile.objects.filter(collection__in=readable, state=state).count()
    value = _alarming(number) if state == ExtractionState.FAILED else cells.count(number)
    return Fact(label, value, cells.list_url(SourceFile, state__exact=state))


def _alarming(number: int) -> str:
    return cells.tag(cells.count(number), cells.DANGER) if number else "0"


def _since(oldest: datetime | None) -> str:
    return _("the oldest for %s") % cells.waited(oldest) if oldest else ""


def _pauses() -> list[str]:
    paused: list[Any] = [
        *EmbeddingProfile.objects.filter(paused_until__isnull=False),
        *VectorStoreStatus.objects.filter(paused_until__isnull=False),
    ]
    text = _("{what} “{name}” is paused and tried again {when}: {reason}")
    return [
        format_html(
            text,
            what=str(thing._meta.verbose_name).capitalize(),
            name=thing,
            when=cells.moment(thing.paused_until),
            reason=in_readers_language(thing.pause_reason),
        )
        for thing in paused
    ]


def _lateness(oldest: datetime | None) -> list[str]:
    if oldest is None or (timezone.now() - oldest).total_seconds() < LATE_SECONDS:
        return []
    return [
        _(
            "The oldest pending document has waited for %s. If no worker below is at work, see whether workers and "
            "Redis are running."
        )
        % cells.waited(oldest)
    ]


def _workers_panel() -> Panel:
    return Panel(
        title=_("Workers"),
        headers=[_("Process"), _("State"), _("Doing"), _("For"), _("Documents done"), _("Chunks done")],
        rows=[
            [
                worker.name,
                cells.worker_tag(worker),
                worker.activity or cells.NOTHING,
                cells.waited(worker.since),
                cells.count(worker.documents),
                cells.count(worker.chunks),
            ]
            for worker in WorkerStatus.objects.order_by("name")[:32]
        ],
        empty=_("No worker has done anything in the last hour."),
    )


def _collections_panel(collections: list[Any]) -> Panel:
    return Panel(
        title=_("Collections"),
        headers=[_("Collection"), _("Documents"), _("Progress"), _("State"), _("Last audit")],
        rows=[
            [
                cells.object_link(row),
                cells.link(cells.list_url(Document, collection__id__exact=row.pk), cells.count(row.documents_total)),
                cells.progress(indexed=row.indexed, pending=row.pending, failed=row.failed),
                state_tag(row),
                cells.moment(row.audited_at),
            ]
            for row in collections
        ],
        more=cells.list_url(Collection) if len(collections) == COLLECTIONS else "",
        empty=_("There is no collection yet."),
    )


def _failures_panel(indexes: QuerySet[VectorIndex], readable: QuerySet[Collection]) -> Panel:
    entries = (
        IndexEntry.objects.filter(index__in=indexes, state=EntryState.FAILED)
        .select_related("document", "index__collection")
        .defer("document__metadata")
        .order_by("-id")[:LATEST]
    )
    sources = (
        SourceFile.objects.filter(collection__in=readable, state=ExtractionState.FAILED)
        .select_related("collection")
        .order_by("-id")[:LATEST]
    )
    rows: list[list[Any]] = [
        [
            cells.object_link(entry, _("document")),
            cells.object_link(entry.document),
            cells.object_link(entry.index.collection),
            cells.reason(entry.error),
        ]
        for entry in entries
    ]
    rows += [
        [_("file"), cells.object_link(source), cells.object_link(source.collection), cells.reason(source.error)]
        for source in sources
    ]
    return Panel(
        title=_("What failed"),
        headers=[_("Kind"), _("What"), _("Collection"), _("Reason")],
        rows=rows,
        more=cells.list_url(IndexEntry, state__exact=EntryState.FAILED) if len(entries) == LATEST else "",
        empty=_("Nothing has failed."),
    )
