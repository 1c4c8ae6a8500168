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
    ProfileComparison,
    SavedSearch,
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


@dataclass(frozen=True, slots=True)
class _Page:
    """An entry of its own for those who have one of `rights`; `url` names an address below that of a model's list."""

    url: str
    icon: str
    title: str | Promise
    rights: tuple[str, ...]


_SEEING = ("view", "change")
_ADD_FILES = ("collections_app.add_sourcefile",)


def _seeing(model: str) -> tuple[str, ...]:
    return tuple(f"collections_app.{right}_{model}" for right in _SEEING)


_GROUPS: Sequence[tuple[str | Promise, Sequence[_Item | _Page]]] = (
    (
        gettext_lazy("Content"),
        (
            _Item(Collection, "folder_open"),
            _Item(Document, "description"),
            _Item(SourceFile, "attach_file"),
            _Item(Import, "move_to_inbox"),
            _Item(MetadataField, "label"),
            _Page("collections_app_sourcefile_upload", "upload_file", gettext_lazy("Upload files"), _ADD_FILES),
            _Page("collections_app_sourcefile_table", "table", gettext_lazy("Import a table"), _ADD_FILES),
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
            _Page("collections_app_lab", "science", gettext_lazy("Lab"), _seeing("embeddingprofile")),
            _Item(ProfileComparison, "compare_arrows", gettext_lazy("Comparisons")),
        ),
    ),
    (
        gettext_lazy("System"),
        (
            _Page("collections_app_health", "monitor_heart", gettext_lazy("Health"), _seeing("workerstatus")),
            _Item(WorkerStatus, "engineering"),
            _Item(VectorStoreStatus, "storage", gettext_lazy("Vector stores")),
            _Item(TrailRecord, "history", gettext_lazy("Trail")),
            _Item(User, "person"),
            _Item(Group, "groups"),
            _Item(SavedSearch, "bookmark"),
        ),
    ),
)

_PAGES = [item for _title, items in _GROUPS for item in items if isinstance(item, _Page)]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups in the form that Unfold takes."""
    badges = _badges(request)
    groups = [{"items": [_entry(gettext_lazy("Dashboard"), "dashboard", reverse("admin:index"), request)]}]
    for title, items in _GROUPS:
        shown = [shown for item in items if (shown := _shown(item, badges, request))]
        if shown:
            groups.append({"title": title, "separator": True, "items": shown})  # type: ignore[dict-item]
    return groups


def _shown(item: _Item | _Page, badges: dict[type[Model], int], request: HttpRequest) -> dict[str, Any] | None:
    if isinstance(item, _Page):
        link = reverse(f"admin:{item.url}")
        return _entry(item.title, item.icon, link, request) if _has_one(request, item.rights) else None
    return _model_entry(item, badges, request) if _may_see(request, item.model) else None


def _has_one(request: HttpRequest, rights: Sequence[str]) -> bool:
    return any(request.user.has_perm(right) for right in rights)


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    return _has_one(request, [f"{model._meta.app_label}.{right}_{model._meta.model_name}" for right in _SEEING])


def _model_entry(item: _Item, badges: dict[type[Model], int], request: HttpRequest) -> dict[str, Any]:
    title = item.title or str(item.model._meta.verbose_name_plural).capitalize()
    entry = _entry(title, item.icon, list_url(item.model), request)
    if badges.get(item.model):
        entry |= {"badge": count(badges[item.model]), "badge_variant": "danger"}
    return entry


def _entry(title: str | Promise, icon: str, link: str, request: HttpRequest) -> dict[str, Any]:
    inside = request.path.startswith(link) and (link != reverse("admin:index") or request.path == link)
    # A page's address begins with that of a model's list, whose entry is another one.
    pages = (reverse(f"admin:{page.url}") for page in _PAGES)
    elsewhere = any(page != link and page.startswith(link) and request.path.startswith(page) for page in pages)
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
