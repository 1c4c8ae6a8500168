"""The sidebar: what a person may see, grouped by what it is for, with counts of what has failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from collections_app.admin.budget import visible_to
from collections_app.admin.cells import count, list_url
from collections_app.admin.scope import user_of
from collections_app.models import (
    Budget,
    Chunk,
    Collection,
    Document,
    Embedding,
    EmbeddingProfile,
    EntryState,
    ExtractionState,
    Import,
    IndexAudit,
    IndexEntry,
    IndexState,
    MetadataField,
    PhysicalCollection,
    SourceFile,
    TrailRecord,
    Usage,
    User,
    VectorIndex,
    VectorStoreStatus,
    WorkerStatus,
)


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry that leads to a model's list; the title is the model's own unless given."""

    model: type[Model]
    icon: str
    title: str | Promise = ""


_GROUPS: Sequence[tuple[str | Promise, Sequence[_Item]]] = (
    (
        gettext_lazy("Content"),
        (
            _Item(Collection, "folder_open"),
            _Item(Document, "description"),
            _Item(SourceFile, "attach_file"),
            _Item(Import, "move_to_inbox"),
            _Item(MetadataField, "label"),
        ),
    ),
    (
        gettext_lazy("Index"),
        (
            _Item(VectorIndex, "hub"),
            _Item(IndexEntry, "checklist", gettext_lazy("Entries")),
            _Item(Chunk, "short_text"),
            _Item(PhysicalCollection, "dns"),
            _Item(IndexAudit, "fact_check", gettext_lazy("Audits")),
        ),
    ),
    (
        gettext_lazy("Embeddings"),
        (
            _Item(EmbeddingProfile, "tune", gettext_lazy("Profiles")),
            _Item(Embedding, "scatter_plot", gettext_lazy("Vectors")),
            _Item(Usage, "bar_chart", gettext_lazy("Usage")),
            _Item(Budget, "account_balance_wallet"),
        ),
    ),
    (
        gettext_lazy("System"),
        (
            _Item(WorkerStatus, "engineering"),
            _Item(VectorStoreStatus, "storage", gettext_lazy("Vector stores")),
            _Item(TrailRecord, "history", gettext_lazy("Trail")),
            _Item(User, "person"),
            _Item(Group, "groups"),
        ),
    ),
)

# Entries of their own whose addresses begin with that of a model's list.
_PAGES_BELOW_LISTS = ("/upload/", "/health/")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups in the form that Unfold takes."""
    badges = _badges(request)
    groups = [{"items": [_entry(gettext_lazy("Dashboard"), "dashboard", reverse("admin:index"), request)]}]
    for title, items in _GROUPS:
        shown = [_model_entry(item, badges, request) for item in items if _may_see(request, item.model)]
        if Collection in {item.model for item in items} and request.user.has_perm("collections_app.add_sourcefile"):
            upload = reverse("admin:collections_app_sourcefile_upload")
            shown.append(_entry(gettext_lazy("Upload files"), "upload_file", upload, request))
        if WorkerStatus in {item.model for item in items} and _may_see(request, WorkerStatus):
            health = reverse("admin:collections_app_health")
            shown.insert(0, _entry(gettext_lazy("Health"), "monitor_heart", health, request))
        if shown:
            groups.append({"title": title, "separator": True, "items": shown})  # type: ignore[dict-item]
    return groups


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    label, name = model._meta.app_label, model._meta.model_name
    return any(request.user.has_perm(f"{label}.{right}_{name}") for right in ("view", "change"))


def _model_entry(item: _Item, badges: dict[type[Model], int], request: HttpRequest) -> dict[str, Any]:
    title = item.title or str(item.model._meta.verbose_name_plural).capitalize()
    entry = _entry(title, item.icon, list_url(item.model), request)
    if badges.get(item.model):
        entry |= {"badge": count(badges[item.model]), "badge_variant": "danger"}
    return entry


def _entry(title: str | Promise, icon: str, link: str, request: HttpRequest) -> dict[str, Any]:
    inside = request.path.startswith(link) and (link != reverse("admin:index") or request.path == link)
    elsewhere = any(page in request.path and page not in link for page in _PAGES_BELOW_LISTS)
    return {"title": title, "icon": icon, "link": link, "active": inside and not elsewhere}


def _badges(request: HttpRequest) -> dict[type[Model], int]:
    """Count what has failed or is paused, over all collections that the user may read."""
    readable = Collection.objects.readable_by(request.user)
    indexes = VectorIndex.objects.filter(collection__in=readable).exclude(state=IndexState.DROPPED)
    failed = IndexEntry.objects.filter(index__in=indexes, state=EntryState.FAILED)
    unread = SourceFile.objects.filter(collection__in=readable, state=ExtractionState.FAILED)
    return {
        IndexEntry: failed.count(),
        SourceFile: unread.count(),
        Budget: visible_to(user_of(request), Budget.objects.filter(reached_at__isnull=False)).count(),
        EmbeddingProfile: EmbeddingProfile.objects.filter(paused_until__isnull=False).count(),
        VectorStoreStatus: VectorStoreStatus.objects.filter(paused_until__isnull=False).count(),
    }
