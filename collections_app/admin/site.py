"""The site itself: who it is, what its workers do, and the trail of who did what."""

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from collections_app.admin import cells
from collections_app.admin.dashboard import live_dashboard
from collections_app.admin.filters import TrailActionFilter, TrailTypeFilter
from collections_app.admin.health import health_page
from collections_app.admin.pages import EndlessAdmin, ReadOnlyAdmin
from collections_app.models import SiteIdentity, TrailRecord, WorkerStatus


@admin.register(WorkerStatus)
class WorkerStatusAdmin(ReadOnlyAdmin):
    collection_path = None
    list_display = ["name", "state", "activity", "began", "seen", "documents", "chunks"]
    search_fields = ["name"]
    fields = ["name", "activity", "since", "seen_at", "documents", "chunks", "last_error"]

    def get_urls(self) -> list[URLPattern]:
        live = path("dashboard/", self.admin_site.admin_view(live_dashboard), name="collections_app_dashboard")
        health = path("health/", self.admin_site.admin_view(self.health), name="collections_app_health")
        return [live, health, *super().get_urls()]

    def health(self, request: HttpRequest) -> HttpResponse:
        """The checks of the doctor."""
        return health_page(request, self)

    @display(description=gettext_lazy("state"))
    def state(self, obj: WorkerStatus) -> str:
        return cells.worker_tag(obj)

    @display(description=gettext_lazy("since"), ordering="since")
    def began(self, obj: WorkerStatus) -> str:
        return cells.moment(obj.since)

    @display(description=gettext_lazy("last seen"), ordering="seen_at")
    def seen(self, obj: WorkerStatus) -> str:
        return cells.moment(obj.seen_at)


@admin.register(TrailRecord)
class TrailRecordAdmin(EndlessAdmin):
    """The trail is only ever added to: nobody changes or deletes a record, here or anywhere."""

    collection_path = None
    list_display = ["at", "actor", "done", "type_words", "object_link", "details_line"]
    list_select_related = ["actor"]
    list_filter = [TrailActionFilter, TrailTypeFilter]
    search_fields = ["object_name", "=object_id"]
    search_help_text = gettext_lazy("Search names; or a public id")
    fields = ["at", "actor", "done", "type_words", "object_id", "object_link", "details"]

    @display(description=gettext_lazy("action"), ordering="action")
    def done(self, obj: TrailRecord) -> str:
        return cells.trail_action(obj.action)

    @display(description=gettext_lazy("type"), ordering="object_type")
    def type_words(self, obj: TrailRecord) -> str:
        model = _models().get(obj.object_type)
        return str(model._meta.verbose_name) if model else obj.object_type

    @display(description=gettext_lazy("object"))
    def object_link(self, obj: TrailRecord) -> str:
        url = _object_url(obj)
        return cells.link(url, obj.object_name) if url else obj.object_name

    @display(description=gettext_lazy("details"))
    def details_line(self, obj: TrailRecord) -> str:
        return cells.trail_details(obj.details)


def _models() -> dict[str, type[Model]]:
    return {str(model._meta.model_name): model for model in apps.get_app_config("collections_app").get_models()}


def _object_url(record: TrailRecord) -> str:
    """Return the address of a list that holds just the object of a record, "" for what has no such list."""
    model = _models().get(record.object_type)
    if model is None or record.object_id is None or not hasattr(model, "public_id"):
        return ""
    return cells.list_url(model, public_id__exact=record.object_id)


@admin.register(SiteIdentity)
class SiteIdentityAdmin(ReadOnlyAdmin):
    collection_path = None
    list_display = ["site_id", "created_at"]
    fields = ["site_id", "created_at"]
