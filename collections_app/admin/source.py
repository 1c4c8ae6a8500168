"""Source files and imports: what was uploaded, and what became of it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from collections_app import sources
from collections_app.admin import cells
from collections_app.admin.deletion import Effects, ServiceDeletion
from collections_app.admin.estimates import waiting_facts
from collections_app.admin.filters import CollectionFilter, FailureFilter
from collections_app.admin.form_page import require
from collections_app.admin.numbers import number_of
from collections_app.admin.pages import PANEL_ROWS, EndlessAdmin, Fact, PageLink, Panel, ReadOnlyAdmin, trail_of
from collections_app.admin.scope import user_of
from collections_app.admin.table_import import table_import_view
from collections_app.admin.upload import upload_view
from collections_app.models import (
    Document,
    ExtractionState,
    Import,
    ImportItem,
    ImportOutcome,
    SourceFile,
)
from collections_app.reasons import in_readers_language
from collections_app.trail import record_many

_STATE_TONES = {
    ExtractionState.PENDING: cells.WARNING,
    ExtractionState.EXTRACTED: cells.SUCCESS,
    ExtractionState.FAILED: cells.DANGER,
}
_OUTCOME_TONES = {
    ImportOutcome.PENDING: cells.WARNING,
    ImportOutcome.CREATED: cells.SUCCESS,
    ImportOutcome.UPDATED: cells.SUCCESS,
    ImportOutcome.UNCHANGED: cells.INFO,
    ImportOutcome.FAILED: cells.DANGER,
}


def extraction_tag(source: SourceFile) -> str:
    return cells.tag(
        source.get_state_display(), _STATE_TONES[ExtractionState(source.state)], title=in_readers_language(source.error)
    )


def outcome_tag(item: ImportItem) -> str:
    return cells.tag(item.get_outcome_display(), _OUTCOME_TONES[ImportOutcome(item.outcome)])


@admin.register(SourceFile)
class SourceFileAdmin(ServiceDeletion, ReadOnlyAdmin):
    list_display = [
        "name",
        "collection",
        "state_tag",
        "media_type",
        "bytes",
        "documents_made",
        "attempts",
        "why",
        "when",
    ]
    list_display_links = ["name"]
    list_select_related = ["collection"]
    list_filter = [("collection", CollectionFilter), ("state", ChoicesDropdownFilter), FailureFilter]
    search_fields = ["key", "filename"]
    search_help_text = gettext_lazy("Search paths and file names")
    actions = ["extract_again"]
    object_actions = ["extract_again"]
    list_before_template = "collections_app/admin/upload_link.html"
    fields = [
        "collection", "key", "filename", "media_type", "size", "sha256", "options", "extractor_version", "attempts",
        "lease_expires_at", "created_by", "created_at", "changed_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SourceFile]:
        made = number_of(Document.objects.alive(), source_file="pk")
        return super().get_queryset(request).filter(collection__deleted_at=None).annotate(made=made)  # type: ignore[no-any-return]

    def get_urls(self) -> list[URLPattern]:
        upload = path("upload/", self.admin_site.admin_view(self.upload), name="collections_app_sourcefile_upload")
        table = path("table/", self.admin_site.admin_view(self.table), name="collections_app_sourcefile_table")
        return [upload, table, *super().get_urls()]

    def upload(self, request: HttpRequest) -> HttpResponse:
        """Take files; it needs the right to add source files and a collection to write to."""
        require(self.may_upload(request))
        return upload_view(request, self)

    def table(self, request: HttpRequest) -> HttpResponse:
        """Take a table whose columns somebody maps; it needs what uploading needs."""
        require(self.may_upload(request))
        return table_import_view(request, self)

    def may_upload(self, request: HttpRequest) -> bool:
        """Return whether the user may add files to some collection. Files come in by uploading, not by a plain form."""
        return super(ReadOnlyAdmin, self).has_add_permission(request)

    def may_retry(self, request: HttpRequest) -> bool:
        return super(ReadOnlyAdmin, self).has_change_permission(request)

    has_retry_permission = may_retry

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super(ReadOnlyAdmin, self).has_delete_permission(request, obj))

    def deletion_effects(self, rows: QuerySet[Any]) -> Effects:
        documents = Document.objects.alive().filter(source_file__in=rows)
        return Effects(
            counts=[(_("documents"), documents.count())],
            sentences=[
                _("The documents that were read from them go too, from search and from the database at once."),
                _("Whoever uploads the same file again gets them back."),
                _("This cannot be undone."),
            ],
        )

    def delete_rows(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        sources.delete_sources(rows, user=user_of(request))

    # --- list ---

    @display(description=gettext_lazy("file"), ordering="key")
    def name(self, obj: SourceFile) -> str:
        return cells.title_and_key(obj.filename, obj.key)

    @display(description=gettext_lazy("state"), ordering="state")
    def state_tag(self, obj: SourceFile) -> str:
        return extraction_tag(obj)

    @display(description=gettext_lazy("size"), ordering="size")
    def bytes(self, obj: SourceFile) -> str:
        return cells.size(obj.size)

    @display(description=gettext_lazy("documents"))
    def documents_made(self, obj: Any) -> str:
        return cells.link(_documents_url(obj), cells.count(obj.made)) if obj.made else "0"

    @display(description=gettext_lazy("error"))
    def why(self, obj: SourceFile) -> str:
        return cells.shortened(in_readers_language(obj.error), 100)

    @display(description=gettext_lazy("changed"), ordering="changed_at")
    def when(self, obj: SourceFile) -> str:
        return cells.moment(obj.changed_at)

    # --- page ---

    def facts(self, request: HttpRequest, obj: Any) -> list[Fact]:
        note = in_readers_language(obj.error) if obj.state == ExtractionState.FAILED else ""
        return [
            Fact(_("Extraction"), extraction_tag(obj), note=note),
            Fact(_("Documents"), cells.count(obj.made), _documents_url(obj)),
            Fact(_("Size"), cells.size(obj.size), note=obj.media_type),
            Fact(_("Attempts"), obj.attempts),
        ]

    def links(self, request: HttpRequest, obj: SourceFile) -> list[PageLink]:
        return [PageLink(_("Download"), reverse("search:source", args=[obj.public_id]), "download")]

    def panels(self, request: HttpRequest, obj: SourceFile) -> list[Panel]:
        documents = list(Document.objects.alive().filter(source_file=obj).order_by("pk")[: PANEL_ROWS + 1])
        items = ImportItem.objects.filter(source_file=obj).select_related("import_act").order_by("-pk")[:PANEL_ROWS]
        return [
            Panel(
                title=_("Documents"),
                headers=[_("Title"), _("Key"), _("Characters")],
                rows=[[cells.object_link(row), row.key, cells.count(row.size)] for row in documents[:PANEL_ROWS]],
                more=_documents_url(obj) if len(documents) > PANEL_ROWS else "",
                empty=_("This file has given no documents."),
            ),
            Panel(
                title=_("Imports"),
                headers=[_("Import"), _("Outcome"), _("Documents"), _("Reason")],
                rows=[
                    [cells.object_link(item.import_act), outcome_tag(item), item_words(item), cells.reason(item.reason)]
                    for item in items
                ],
            ),
            trail_of(obj),
        ]

    def is_settling(self, obj: SourceFile) -> bool:
        return obj.state == ExtractionState.PENDING

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_module_permission(request))

    @admin.action(description=gettext_lazy("Extract again"), permissions=["retry"])
    def extract_again(self, request: HttpRequest, queryset: QuerySet[SourceFile]) -> None:
        chosen = list(self.writable(request, queryset))
        count = sources.retry_sources(SourceFile.objects.filter(pk__in=[source.pk for source in chosen]))
        record_many(user_of(request), {"read again": chosen})
        text = ngettext("%(count)s file is read again.", "%(count)s files are read again.", count)
        self.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)


def _documents_url(source: SourceFile) -> str:
    return cells.list_url(Document, source_file__id__exact=source.pk)


def item_words(item: ImportItem) -> str:
    """Return what an import item did to documents, in words."""
    counts = [
        (item.created, _("%d new")),
        (item.updated, _("%d updated")),
        (item.unchanged, _("%d unchanged")),
        (item.removed, _("%d removed")),
        (item.failed, _("%d failed")),
    ]
    return cells.listed(words % number for number, words in counts if number)


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = ["title", "collection", "user", "origin", "items_total", "waiting", "failures", "started_at"]
    list_select_related = ["collection", "user"]
    list_filter = [("collection", CollectionFilter), ("origin", ChoicesDropdownFilter)]
    list_before_template = "collections_app/admin/upload_link.html"
    # What became of the files comes before who brought them.
    change_form_outer_before_template = "collections_app/admin/live.html"
    change_form_outer_after_template = None
    fields = ["user", "origin", "options", "started_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Import]:
        items = ImportItem.objects.all()
        return (  # type: ignore[no-any-return]
            super()
            .get_queryset(request)
            .filter(collection__deleted_at=None)
            .annotate(
                items_all=number_of(items, import_act="pk"),
                items_waiting=number_of(items.filter(outcome=ImportOutcome.PENDING), import_act="pk"),
                items_failed=number_of(items.filter(outcome=ImportOutcome.FAILED), import_act="pk"),
            )
        )

    @display(description=gettext_lazy("import"), ordering="id")
    def title(self, obj: Import) -> str:
        return str(obj)

    @display(description=gettext_lazy("items"))
    def items_total(self, obj: Any) -> str:
        return cells.count(obj.items_all)

    @display(description=gettext_lazy("waiting"))
    def waiting(self, obj: Any) -> str:
        return cells.tag(cells.count(obj.items_waiting), cells.WARNING) if obj.items_waiting else "0"

    @display(description=gettext_lazy("failed"))
    def failures(self, obj: Any) -> str:
        return cells.tag(cells.count(obj.items_failed), cells.DANGER) if obj.items_failed else "0"

    def facts(self, request: HttpRequest, obj: Any) -> list[Fact]:
        outcomes = dict(obj.items.order_by().values_list("outcome").annotate(Count("pk")))
        facts = [Fact(_("Collection"), obj.collection, cells.change_url(obj.collection))]
        for outcome in ImportOutcome:
            number = outcomes.get(outcome.value, 0)
            if number or outcome in {ImportOutcome.CREATED, ImportOutcome.FAILED}:
                url = cells.list_url(ImportItem, import_act__id__exact=obj.pk, outcome__exact=outcome.value)
                facts.append(Fact(outcome.label.capitalize(), cells.count(number), url))
        return [*facts, *waiting_facts(obj)]

    def links(self, request: HttpRequest, obj: Import) -> list[PageLink]:
        upload = reverse("admin:collections_app_sourcefile_upload")
        search = f"{reverse('search:search')}?collection={obj.collection.slug}"
        return [
            PageLink(_("Upload more"), f"{upload}?collection={obj.collection_id}", "upload_file"),
            PageLink(_("Search page"), search, "search"),
        ]

    def panels(self, request: HttpRequest, obj: Import) -> list[Panel]:
        failed_first = obj.items.select_related("source_file").order_by("id")
        items = list(failed_first[: 2 * PANEL_ROWS + 1])
        return [
            Panel(
                title=_("What became of each file"),
                headers=[_("File"), _("Outcome"), _("Documents"), _("Reason")],
                rows=[
                    [
                        cells.object_link(item.source_file, item.key) if item.source_file else item.key,
                        outcome_tag(item),
                        item_words(item),
                        cells.reason(item.reason),
                    ]
                    for item in items[: 2 * PANEL_ROWS]
                ],
                more=cells.list_url(ImportItem, import_act__id__exact=obj.pk) if len(items) > 2 * PANEL_ROWS else "",
                empty=_("This import brought nothing."),
            ),
        ]

    def is_settling(self, obj: Any) -> bool:
        return bool(obj.items_waiting)


@admin.register(ImportItem)
class ImportItemAdmin(EndlessAdmin):
    collection_path = "import_act__collection"
    list_display = ["key", "import_act", "outcome_tag", "words", "why"]
    list_select_related = ["import_act", "source_file"]
    list_filter = [("outcome", ChoicesDropdownFilter)]
    search_fields = ["key"]
    fields = [
        "import_act", "key", "source_file", "outcome", "reason", "created", "updated", "unchanged", "failed", "removed",
    ]  # fmt: skip
    ordering = ["-id"]

    @display(description=gettext_lazy("outcome"), ordering="outcome")
    def outcome_tag(self, obj: ImportItem) -> str:
        return outcome_tag(obj)

    @display(description=gettext_lazy("documents"))
    def words(self, obj: ImportItem) -> str:
        return item_words(obj)

    @display(description=gettext_lazy("reason"))
    def why(self, obj: ImportItem) -> str:
        return cells.reason(obj.reason)
