"""The ledger: which revision of which document each index has, wants, or cannot have."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from collections_app import accounting, services
from collections_app.admin import cells
from collections_app.admin.document import entry_state_tag
from collections_app.admin.filters import FailureFilter
from collections_app.admin.pages import EndlessAdmin, Fact
from collections_app.models import Document, EntryState, IndexEntry
from collections_app.reasons import in_readers_language


@admin.register(IndexEntry)
class IndexEntryAdmin(EndlessAdmin):
    collection_path = "index__collection"
    list_display = [
        "document_link", "index", "state_tag", "revisions", "attempts", "next_try", "lease_until", "why",
    ]  # fmt: skip
    list_display_links = ["state_tag"]
    list_select_related = ["index__collection", "document", "budget__profile", "budget__collection"]
    list_filter = [("index", AutocompleteSelectFilter), ("state", ChoicesDropdownFilter), FailureFilter]
    search_fields = ["document__title", "document__key"]
    search_help_text = gettext_lazy("Search titles and keys of documents")
    actions = ["retry_failures", "resync"]
    object_actions = ["retry_failures", "resync"]
    fields = [
        "document", "index", "state", "wanted_revision", "indexed_revision", "priority", "attempts",
        "next_attempt_at", "lease_token", "lease_expires_at", "suspect", "error_code", "error", "chunk_count",
        "text_digest", "wanted_at", "indexed_at", "budget",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndexEntry]:
        return super().get_queryset(request).defer("document__metadata")

    def has_work_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("collections_app.change_document")

    @display(description=gettext_lazy("document"))
    def document_link(self, obj: IndexEntry) -> str:
        return cells.object_link(obj.document)

    @display(description=gettext_lazy("state"), ordering="state")
    def state_tag(self, obj: IndexEntry) -> str:
        return entry_state_tag(obj.state)

    @display(description=gettext_lazy("revision"))
    def revisions(self, obj: IndexEntry) -> str:
        return f"{obj.indexed_revision} / {obj.wanted_revision}"

    @display(description=gettext_lazy("next attempt"), ordering="next_attempt_at")
    def next_try(self, obj: IndexEntry) -> str:
        return cells.moment(obj.next_attempt_at) if obj.state == EntryState.PENDING else cells.NOTHING

    @display(description=gettext_lazy("lease expires"), ordering="lease_expires_at")
    def lease_until(self, obj: IndexEntry) -> str:
        return cells.moment(obj.lease_expires_at)

    @display(description=gettext_lazy("error"))
    def why(self, obj: IndexEntry) -> str:
        if obj.budget and obj.state == EntryState.PENDING:
            return accounting.reason(obj.budget)
        return cells.shortened(in_readers_language(obj.error), 160) if obj.error else cells.NOTHING

    def facts(self, request: HttpRequest, obj: IndexEntry) -> list[Fact]:
        return [
            Fact(_("Document"), obj.document, cells.change_url(obj.document)),
            Fact(_("State"), entry_state_tag(obj.state), note=_state_note(obj)),
            Fact(_("Revision"), self.revisions(obj), note=_("indexed / wanted")),
            Fact(_("Chunks"), obj.chunk_count),
        ]

    def can_act(self, obj: IndexEntry, action: str) -> bool:
        return action != "retry_failures" or obj.state == EntryState.FAILED

    def is_settling(self, obj: IndexEntry) -> bool:
        return obj.state == EntryState.PENDING

    @admin.action(description=gettext_lazy("Retry what failed"), permissions=["work"])
    def retry_failures(self, request: HttpRequest, queryset: QuerySet[IndexEntry]) -> None:
        chosen = self.writable(request, queryset).order_by().values("pk")
        count = services.retry_entries(IndexEntry.objects.filter(pk__in=chosen, state=EntryState.FAILED))
        text = ngettext(
            "%(count)s failed document is tried again.", "%(count)s failed documents are tried again.", count
        )
        self.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Re-sync the documents"), permissions=["work"])
    def resync(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        chosen = self.writable(request, queryset).order_by().values("document")
        count = services.resync(Document.objects.alive().filter(pk__in=chosen))
        text = ngettext(
            "%(count)s document is being indexed anew.", "%(count)s documents are being indexed anew.", count
        )
        self.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)


def _state_note(entry: IndexEntry) -> str:
    if entry.budget and entry.state == EntryState.PENDING:
        return accounting.reason(entry.budget)
    return cells.reason(entry.error) if entry.error else ""
