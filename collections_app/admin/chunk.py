"""What lies between documents and their vectors: texts, segments, chunks, and values that can be filtered by."""

from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from collections_app.admin import cells
from collections_app.admin.embedding import vector_words
from collections_app.admin.filters import CollectionFilter
from collections_app.admin.pages import EndlessAdmin, Fact, PageLink, Panel, ReadOnlyAdmin
from collections_app.models import (
    Chunk,
    ChunkState,
    DocumentText,
    MetadataField,
    MetadataValue,
    Segment,
)

_CHUNK_TONES = {ChunkState.LIVE: cells.SUCCESS, ChunkState.STAGED: cells.WARNING, ChunkState.RETIRED: ""}
_PREVIEW = 20_000


@admin.register(Chunk)
class ChunkAdmin(EndlessAdmin):
    collection_path = "index__collection"
    list_display = ["id", "document", "state_tag", "index", "position", "where", "head", "language", "revision"]
    list_select_related = ["document", "index__collection"]
    list_filter = [("index", AutocompleteSelectFilter), ("state", ChoicesDropdownFilter)]
    search_fields = ["=document__key"]
    search_help_text = gettext_lazy("The exact key of a document")
    ordering = ["-id"]
    fields = [
        "document", "index", "state", "revision", "position", "characters", "where", "whole_text", "language",
        "vector", "staged_by", "created_at", "retired_at", "removed_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        return super().get_queryset(request).defer("document__metadata")

    @display(description=gettext_lazy("state"), ordering="state")
    def state_tag(self, obj: Chunk) -> str:
        return cells.tag(obj.get_state_display(), _CHUNK_TONES[ChunkState(obj.state)])

    @display(description=gettext_lazy("address"))
    def where(self, obj: Chunk) -> str:
        return obj.address or cells.NOTHING

    @display(description=gettext_lazy("text"))
    def head(self, obj: Chunk) -> str:
        return cells.shortened(obj.text, 100)

    @display(description=gettext_lazy("characters"))
    def characters(self, obj: Chunk) -> str:
        return f"{obj.start}–{obj.end}"

    @display(description=gettext_lazy("text"))
    def whole_text(self, obj: Chunk) -> str:
        return cells.preformatted(obj.text[:_PREVIEW])

    @display(description=gettext_lazy("vector"))
    def vector(self, obj: Chunk) -> str:
        if obj.embedding is None:
            return _("not embedded yet")
        return cells.link(cells.change_url(obj.embedding), cells.code(vector_words(bytes(obj.embedding.vector))))

    def links(self, request: HttpRequest, obj: Chunk) -> list[PageLink]:
        links = [PageLink(_("Document"), cells.change_url(obj.document), "description")]
        if obj.state == ChunkState.LIVE:
            place = urlencode({"revision": obj.revision, "start": obj.start, "end": obj.end})
            page = f"{reverse('search:document', args=[obj.document.public_id])}?{place}#passage"
            links.append(PageLink(_("In its document on the site"), page, "open_in_new"))
        return links


@admin.register(DocumentText)
class DocumentTextAdmin(EndlessAdmin):
    collection_path = "document__collection"
    list_display = ["id", "document", "revision", "markup", "head", "created_at"]
    list_select_related = ["document"]
    search_fields = ["=document__key"]
    search_help_text = gettext_lazy("The exact key of a document")
    ordering = ["-id"]
    fields = ["document", "revision", "markup", "digest", "whole_text", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentText]:
        return super().get_queryset(request).defer("document__metadata")

    @display(description=gettext_lazy("text"))
    def head(self, obj: DocumentText) -> str:
        return cells.shortened(obj.text, 120)

    @display(description=gettext_lazy("text"))
    def whole_text(self, obj: DocumentText) -> str:
        return cells.preformatted(obj.text[:_PREVIEW])

    def facts(self, request: HttpRequest, obj: DocumentText) -> list[Fact]:
        chunks = dict(obj.chunks.order_by().values_list("state").annotate(Count("pk")))
        return [
            Fact(_("Characters"), cells.count(len(obj.text))),
            Fact(
                _("Segments"), cells.count(obj.segments.count()), cells.list_url(Segment, source_text__id__exact=obj.pk)
            ),
            Fact(_("Live chunks"), cells.count(chunks.get(ChunkState.LIVE, 0))),
            Fact(_("Retired chunks"), cells.count(chunks.get(ChunkState.RETIRED, 0))),
        ]


@admin.register(Segment)
class SegmentAdmin(EndlessAdmin):
    collection_path = "source_text__document__collection"
    list_display = ["id", "document", "kind", "label", "level", "start", "end"]
    list_select_related = ["source_text__document"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    search_fields = ["=source_text__document__key"]
    search_help_text = gettext_lazy("The exact key of a document")
    ordering = ["-id"]
    fields = ["source_text", "position", "kind", "label", "level", "start", "end"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        rows: QuerySet[Segment] = super().get_queryset(request)
        return rows.defer("source_text__text", "source_text__document__metadata")

    @display(description=gettext_lazy("document"))
    def document(self, obj: Segment) -> str:
        return cells.object_link(obj.source_text.document)


@admin.register(MetadataField)
class MetadataFieldAdmin(ReadOnlyAdmin):
    """Fields over all collections; they are changed at the collection."""

    list_display = ["name", "collection_link", "label", "source_name", "type", "is_list", "filterable"]
    list_select_related = ["collection"]
    list_filter = [("collection", CollectionFilter), ("type", ChoicesDropdownFilter)]
    search_fields = ["name", "label", "source_name"]
    fields = ["collection", "name", "label", "source_name", "type", "is_list", "filterable", "position"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MetadataField]:
        return super().get_queryset(request).filter(collection__deleted_at=None)

    @display(description=gettext_lazy("collection"), ordering="collection__name")
    def collection_link(self, obj: MetadataField) -> str:
        return cells.object_link(obj.collection)

    def panels(self, request: HttpRequest, obj: MetadataField) -> list[Panel]:
        values = MetadataValue.objects.filter(field=obj).order_by().values_list(obj.type)
        common = values.annotate(number=Count("pk")).order_by("-number", obj.type)[:20]
        return [
            Panel(
                title=_("Most frequent values"),
                headers=[_("Value"), _("Documents")],
                rows=[[cells.field_value(value), cells.count(number)] for value, number in common],
                empty=_("No document has a value in this field."),
            )
        ]


@admin.register(MetadataValue)
class MetadataValueAdmin(EndlessAdmin):
    collection_path = "document__collection"
    list_display = ["id", "document", "field", "shown_value", "position"]
    list_select_related = ["document", "field__collection"]
    list_filter = [("field", AutocompleteSelectFilter)]
    search_fields = ["=document__key"]
    search_help_text = gettext_lazy("The exact key of a document")
    ordering = ["-id"]
    fields = ["document", "field", "position", "shown_value"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MetadataValue]:
        return super().get_queryset(request).defer("document__metadata")

    @display(description=gettext_lazy("value"))
    def shown_value(self, obj: MetadataValue) -> str:
        return cells.shortened(cells.field_value(obj.value), 120)
