"""Documents: found, read, written and deleted through the services."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from collections_app import services
from collections_app.admin import cells
from collections_app.admin.deletion import Effects, ServiceDeletion
from collections_app.admin.filters import CollectionFilter, FromFileFilter, LanguageFilter, StateFilter
from collections_app.admin.form_page import see_other
from collections_app.admin.pages import PANEL_ROWS, Fact, PageLink, Panel, SiteAdmin, trail_of
from collections_app.admin.scope import user_of
from collections_app.admin.tagging import tagging_view
from collections_app.forms.document import DocumentForm, is_editable
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    EntryState,
    ImportOutcome,
    IndexEntry,
    Segment,
)
from collections_app.reasons import in_readers_language

STATE_TONES = {EntryState.INDEXED: cells.SUCCESS, EntryState.PENDING: cells.WARNING, EntryState.FAILED: cells.DANGER}
_EXCERPT = 5000


def entry_state_tag(state: str | None, why: str = "") -> str:
    """Return the state of a ledger entry as a tag; `why` appears under the pointer."""
    if state is None:
        return cells.tag(_("not in the index yet"))
    return cells.tag(EntryState(state).label, STATE_TONES[EntryState(state)], title=why)


@admin.register(Document)
class DocumentAdmin(ServiceDeletion, SiteAdmin):
    form = DocumentForm
    list_display = ["heading", "collection", "state", "spoken", "length", "source", "changed"]
    list_display_links = ["heading"]
    list_select_related = ["collection", "source_file"]
    list_filter = [("collection", CollectionFilter), StateFilter, LanguageFilter, FromFileFilter]
    search_fields = ["title", "key"]
    search_help_text = gettext_lazy("Search titles and keys")
    ordering = ["-id"]
    actions = ["change_field", "resync"]
    object_actions = ["resync"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        entries = IndexEntry.objects.filter(document=OuterRef("pk"), index=OuterRef("collection__serving_index"))
        living: QuerySet[Document] = super().get_queryset(request).filter(deleted_at=None)
        return living.defer("metadata").annotate(
            entry_state=Subquery(entries.values("state")[:1]), entry_error=Subquery(entries.values("error")[:1])
        )

    # --- list ---

    @display(description=gettext_lazy("title"), ordering="title")
    def heading(self, obj: Document) -> str:
        return cells.title_and_key(str(obj), obj.key)

    @display(description=gettext_lazy("state"))
    def state(self, obj: Any) -> str:
        return entry_state_tag(obj.entry_state, in_readers_language(obj.entry_error or ""))

    @display(description=gettext_lazy("language"), ordering="language")
    def spoken(self, obj: Document) -> str:
        return cells.language(obj.effective_language)

    @display(description=gettext_lazy("characters"), ordering="size")
    def length(self, obj: Document) -> str:
        return cells.count(obj.size)

    @display(description=gettext_lazy("source file"))
    def source(self, obj: Document) -> str:
        return cells.object_link(obj.source_file, obj.source_file.filename if obj.source_file else "")

    @display(description=gettext_lazy("changed"), ordering="updated_at")
    def changed(self, obj: Document) -> str:
        return cells.moment(obj.updated_at)

    # --- page ---

    def get_fieldsets(self, request: HttpRequest, obj: Document | None = None) -> list[Any]:
        name = ["title"] if obj else ["collection", "title", "key"]
        text = ["excerpt"] if obj and not is_editable(obj) else ["text"]
        return [(None, {"fields": [*name, *text, "markup", "metadata", "language_override"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Document | None = None) -> list[str]:
        return ["excerpt"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"collection": request.GET.get("collection", "")}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the collections that the user may write to; they are made and changed elsewhere."""
        if db_field.name == "collection":
            kwargs["queryset"] = Collection.objects.writable_by(user_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return field if db_field.name != "collection" else self.formfield_for_foreignkey(db_field, request, **kwargs)

    @display(description=gettext_lazy("markup"))
    def markup(self, obj: Document) -> str:
        return obj.content.get_markup_display() if obj.content else ""

    @display(description=gettext_lazy("text"))
    def excerpt(self, obj: Document) -> str:
        note = _("This text is too long to be edited here. Upload a new version of its file instead. It begins:")
        return cells.noted(note, cells.preformatted(obj.text[:_EXCERPT]))

    def facts(self, request: HttpRequest, obj: Any) -> list[Fact]:
        facts = [
            Fact(_("Collection"), obj.collection, cells.change_url(obj.collection), _("key: %s") % obj.key),
            Fact(_("State"), entry_state_tag(obj.entry_state), note=in_readers_language(obj.entry_error or "")),
            Fact(_("Revision"), obj.revision, note=cells.moment(obj.updated_at)),
            Fact(_("Language"), cells.language(obj.effective_language), note=_language_note(obj)),
            Fact(_("Characters"), cells.count(obj.size)),
        ]
        if obj.source_file:
            note = _("The next reading of this file overwrites what you change here.")
            facts.append(Fact(_("Source file"), obj.source_file, cells.change_url(obj.source_file), note))
        return facts

    def links(self, request: HttpRequest, obj: Document) -> list[PageLink]:
        question = urlencode({"collection": obj.collection.slug, "like": obj.public_id})
        return [PageLink(_("More like this"), f"{reverse('search:search')}?{question}", "join_inner")]

    def panels(self, request: HttpRequest, obj: Document) -> list[Panel]:
        return [_entries_panel(obj), _chunks_panel(obj), *_segments_panel(obj), trail_of(obj)]

    def is_settling(self, obj: Any) -> bool:
        return bool(obj.entry_state == EntryState.PENDING)

    def view_on_site(self, obj: Document) -> str:
        return reverse("search:document", args=[obj.public_id])

    # --- writing ---

    def save_model(self, request: HttpRequest, obj: Document, form: DocumentForm, change: bool) -> None:
        collection = obj.collection
        saved = services.save_document(collection, form.document_input(), user=user_of(request))
        assert saved.document is not None  # noqa: S101 - save_document raises otherwise
        obj.pk, obj._state.adding = saved.document.pk, False
        obj.refresh_from_db()
        obj.saved_outcome = saved.outcome  # type: ignore[attr-defined]

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if obj.saved_outcome != ImportOutcome.UNCHANGED:
            response: HttpResponse = super().response_change(request, obj)
            return response
        self.message_user(request, _("Nothing was changed in “%s”, so nothing was saved.") % obj, messages.INFO)
        return see_other(request.path if "_continue" in request.POST else cells.list_url(Document))

    def deletion_effects(self, rows: QuerySet[Any]) -> Effects:
        chunks = Chunk.objects.filter(document__in=rows, state=ChunkState.LIVE)
        return Effects(
            counts=[(_("chunks"), chunks.count())],
            sentences=[
                _("The text is gone from search and from the database at once."),
                _("Workers then take the chunks out of the vector store. Source files stay."),
                _("This cannot be undone."),
            ],
        )

    def delete_rows(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        services.delete_documents(rows, user=user_of(request))

    @admin.action(description=gettext_lazy("Change a field"), permissions=["change"])
    def change_field(self, request: HttpRequest, queryset: QuerySet[Document]) -> HttpResponse | None:
        return tagging_view(request, self, queryset)

    @admin.action(description=gettext_lazy("Re-sync"), permissions=["change"])
    def resync(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        count = services.resync(self.writable(request, queryset))
        text = ngettext(
            "%(count)s document is being indexed anew.", "%(count)s documents are being indexed anew.", count
        )
        self.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)


def _language_note(obj: Document) -> str:
    if not obj.language_override:
        return _("detected")
    return _("set by hand; detected: %s") % cells.language(obj.language)


def _entries_panel(obj: Document) -> Panel:
    entries = IndexEntry.objects.filter(document=obj).select_related("index", "index__collection")
    return Panel(
        title=_("In the indexes"),
        headers=[_("Index"), _("State"), _("Revision"), _("Attempts"), _("Error"), _("Lease"), _("Indexed")],
        rows=[
            [
                cells.object_link(entry.index),
                cells.link(cells.change_url(entry), entry_state_tag(entry.state)),
                _("%(indexed)d of %(wanted)d") % {"indexed": entry.indexed_revision, "wanted": entry.wanted_revision},
                entry.attempts,
                cells.reason(entry.error),
                cells.moment(entry.lease_expires_at),
                cells.moment(entry.indexed_at),
            ]
            for entry in entries
        ],
        empty=_("No index knows this document yet; the sweeper adds it within seconds."),
    )


def _chunks_panel(obj: Document) -> Panel:
    live = Chunk.objects.filter(document=obj, state=ChunkState.LIVE).order_by("index", "position")
    rows = list(live[: PANEL_ROWS + 1])
    return Panel(
        title=_("Live chunks"),
        headers=["#", _("Address"), _("Text"), _("Characters")],
        rows=[
            [
                cells.object_link(chunk, str(chunk.position)),
                chunk.address or cells.NOTHING,
                cells.shortened(chunk.text, 160),
                f"{chunk.start}–{chunk.end}",
            ]
            for chunk in rows[:PANEL_ROWS]
        ],
        more=cells.list_url(Chunk, document__id__exact=obj.pk) if len(rows) > PANEL_ROWS else "",
        empty=_("None yet."),
    )


def _segments_panel(obj: Document) -> list[Panel]:
    segments = list(Segment.objects.filter(source_text=obj.content_id)[: PANEL_ROWS + 1]) if obj.content_id else []
    if not segments:
        return []
    return [
        Panel(
            title=_("Segments"),
            headers=[_("Kind"), _("Label"), _("Characters")],
            rows=[
                [segment.get_kind_display(), segment.label or cells.NOTHING, f"{segment.start}–{segment.end}"]
                for segment in segments[:PANEL_ROWS]
            ],
            more=cells.list_url(Segment, source_text__id__exact=obj.content_id) if len(segments) > PANEL_ROWS else "",
        )
    ]
