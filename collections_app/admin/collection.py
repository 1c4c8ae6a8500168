"""Collections: what they hold, who may use them, and whether their serving index is in step."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import TabularInline
from unfold.decorators import display

from collections_app import accounting, services
from collections_app.admin import cells
from collections_app.admin.auditing import audit_indexes
from collections_app.admin.budget import standings_panel
from collections_app.admin.deletion import Effects, ServiceDeletion
from collections_app.admin.form_page import form_page, require, see_other
from collections_app.admin.numbers import state_tag, with_numbers
from collections_app.admin.pages import Fact, PageLink, Panel, ReadOnlyAdmin, SiteAdmin, trail_of
from collections_app.admin.portable_file import export_view, import_view
from collections_app.admin.rebuilding import indexes_panel, rebuild_view
from collections_app.admin.scope import user_of
from collections_app.exceptions import VectorsiteError
from collections_app.forms.collection import CollectionAddForm, CollectionForm
from collections_app.forms.field import MetadataFieldFormSet
from collections_app.models import (
    AccessLevel,
    Budget,
    Chunk,
    ChunkState,
    Collection,
    CollectionGrant,
    Document,
    EntryState,
    Import,
    IndexEntry,
    IndexState,
    MetadataField,
    SourceFile,
    Usage,
    VectorIndex,
    Visibility,
)
from collections_app.reasons import explained
from collections_app.trail import record, record_many

_VISIBILITY_TONES = {
    Visibility.PUBLIC: cells.SUCCESS,
    Visibility.INTERNAL: cells.INFO,
    Visibility.PRIVATE: cells.WARNING,
}


class FollowsCollection:
    """An inline that whoever may manage the collection may edit, without a model permission of its own."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may_manage(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may_manage(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may_manage(request, obj)

    def _may_manage(self, request: HttpRequest, obj: Model | None) -> bool:
        parent = self.admin_site.get_model_admin(Collection)  # type: ignore[attr-defined]
        return bool(parent.has_change_permission(request, obj))


class LabelledInline(TabularInline):
    """A table of inputs, each of which says what it is to those who do not see the head of its column."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field:
            field.widget.attrs["aria-label"] = field.label
        return field


class MetadataFieldInline(FollowsCollection, LabelledInline):
    model = MetadataField
    formset = MetadataFieldFormSet
    fields = ["name", "label", "source_name", "type", "is_list", "filterable", "position"]
    extra = 0
    hide_title = True
    ordering = ["position", "name"]


class GrantInline(FollowsCollection, LabelledInline):
    model = CollectionGrant
    fields = ["user", "group", "level"]
    autocomplete_fields = ["user", "group"]
    extra = 0
    hide_title = True


@admin.register(Collection)
class CollectionAdmin(ServiceDeletion, SiteAdmin):
    collection_path = "pk"
    write_level = AccessLevel.MANAGE
    form = CollectionForm
    list_display = ["name", "documents", "chunks", "state", "last_audit", "visible_to", "created"]
    list_filter = ["visibility"]
    search_fields = ["name", "slug", "description"]
    search_help_text = gettext_lazy("Search names and descriptions")
    ordering = ["name"]
    list_before_template = "collections_app/admin/import_link.html"
    actions = ["resync", "retry_failures", "audit_now"]
    object_actions = ["resync", "retry_failures", "audit_now"]
    inlines = [MetadataFieldInline, GrantInline]
    fieldsets = [(None, {"fields": ["name", "slug", "description", "visibility", "time_zone", "semantic_weight"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        return with_numbers(super().get_queryset(request).filter(deleted_at=None)).select_related(
            "serving_index", "created_by"
        )

    # --- list ---

    @display(description=gettext_lazy("documents"), ordering="documents_total")
    def documents(self, obj: Any) -> str:
        return cells.link(cells.list_url(Document, collection__id__exact=obj.pk), cells.count(obj.documents_total))

    @display(description=gettext_lazy("chunks"), ordering="chunks_total")
    def chunks(self, obj: Any) -> str:
        return cells.count(obj.chunks_total)

    @display(description=gettext_lazy("serving index"))
    def state(self, obj: Any) -> str:
        return state_tag(obj)

    @display(description=gettext_lazy("last audit"))
    def last_audit(self, obj: Any) -> str:
        return cells.moment(obj.audited_at)

    @display(description=gettext_lazy("who may read it"), ordering="visibility")
    def visible_to(self, obj: Collection) -> str:
        return cells.tag(obj.get_visibility_display(), _VISIBILITY_TONES[Visibility(obj.visibility)])

    @display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, obj: Collection) -> str:
        return cells.moment(obj.created_at)

    # --- page ---

    def can_act(self, obj: Any, action: str) -> bool:
        if action != "retry_failures":
            return True
        return IndexEntry.objects.filter(index__collection=obj, state=EntryState.FAILED).exists()

    def facts(self, request: HttpRequest, obj: Any) -> list[Fact]:
        index = obj.serving_index
        numbers = [
            Fact(
                _("Documents"), cells.count(obj.documents_total), cells.list_url(Document, collection__id__exact=obj.pk)
            ),
            Fact(
                _("Chunks"), cells.count(obj.chunks_total), cells.list_url(Chunk, index__id__exact=obj.serving_index_id)
            ),
            Fact(_("Source files"), cells.count(obj.source_files.count()), _of(SourceFile, obj)),
            Fact(_("Imports"), cells.count(obj.imports.count()), _of(Import, obj)),
            *_usage_facts(request, obj),
        ]
        if index is None:
            return numbers
        failed = cells.list_url(IndexEntry, index__id__exact=index.pk, state__exact=EntryState.FAILED)
        return [
            *numbers,
            Fact(
                _("Serving index"),
                state_tag(obj),
                failed if obj.failed else cells.change_url(index),
                cells.progress(indexed=obj.indexed, pending=obj.pending, failed=obj.failed),
            ),
            Fact(_("Last audit"), cells.moment(obj.audited_at), note=_audit_words(obj)),
        ]

    def links(self, request: HttpRequest, obj: Collection) -> list[PageLink]:
        may_add_files = request.user.has_perm("collections_app.add_sourcefile")
        may_add_documents = request.user.has_perm("collections_app.add_document")
        links = [PageLink(_("Search page"), f"{reverse('search:search')}?collection={obj.slug}", "search")]
        links.append(PageLink(_("Pictures of its vectors"), reverse("search:map", args=[obj.slug]), "scatter_plot"))
        if may_add_files:
            upload = reverse("admin:collections_app_sourcefile_upload")
            table = reverse("admin:collections_app_sourcefile_table")
            links.append(PageLink(_("Upload files"), f"{upload}?collection={obj.pk}", "upload_file"))
            links.append(PageLink(_("Import a table"), f"{table}?collection={obj.pk}", "table"))
        if may_add_documents:
            add = reverse("admin:collections_app_document_add")
            links.append(PageLink(_("Paste a document"), f"{add}?collection={obj.pk}", "post_add"))
        if self.has_change_permission(request, obj):
            rebuild = reverse("admin:collections_app_collection_rebuild", args=[obj.pk])
            links.append(PageLink(_("Rebuild with other settings"), rebuild, "deployed_code_update"))
            export = reverse("admin:collections_app_collection_export", args=[obj.pk])
            links.append(PageLink(_("Export to a file"), export, "download"))
        if request.user.has_perm("collections_app.add_profilecomparison") and self.may_write(request, obj):
            compare = f"{reverse('admin:collections_app_profilecomparison_add')}?collection={obj.pk}"
            links.append(PageLink(_("Compare embedding profiles"), compare, "compare_arrows"))
        return links

    def panels(self, request: HttpRequest, obj: Collection) -> list[Panel]:
        budgets = Budget.objects.filter(Q(collection=obj) | Q(collection=None, profile__indexes__collection=obj))
        panels = [indexes_panel(obj), standings_panel(user_of(request), budgets.distinct()), trail_of(obj)]
        return panels

    def is_settling(self, obj: Any) -> bool:
        return bool(obj.pending) or obj.indexes.filter(state=IndexState.BUILDING).exists()

    def view_on_site(self, obj: Collection) -> str:
        return f"{reverse('search:search')}?collection={obj.slug}"

    # --- writing ---

    def get_urls(self) -> list[URLPattern]:
        views = {"<int:pk>/rebuild/": self.rebuild, "<int:pk>/export/": self.export, "import/": self.import_file}
        named = {name: f"collections_app_collection_{name.strip('/').rpartition('/')[2]}" for name in views}
        ours = [path(name, self.admin_site.admin_view(view), name=named[name]) for name, view in views.items()]
        return [*ours, *super().get_urls()]

    def rebuild(self, request: HttpRequest, pk: int) -> HttpResponse:
        return rebuild_view(request, self, self._collection(request, pk))

    def export(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Hand out a collection as a file; it needs the right to manage it."""
        return export_view(request, self, self._collection(request, pk))

    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Make a collection of such a file; it needs the right to add collections."""
        return import_view(request, self)

    def _collection(self, request: HttpRequest, pk: int) -> Collection:
        collection: Collection | None = self.get_queryset(request).filter(pk=pk).first()
        if collection is None:
            raise Http404
        return collection

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a collection outside of any transaction, because the first one may have to load an embedding model."""
        require(self.has_add_permission(request))
        form = CollectionAddForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                collection = form.create(user_of(request))
            except VectorsiteError as error:
                form.add_error(None, explained(error))
            else:
                self.message_user(
                    request, _("The collection “%s” is ready for documents.") % collection, messages.SUCCESS
                )
                return see_other(cells.change_url(collection))
        return form_page(
            request, self, form=form, title=_("New collection"), submit=_("Create"),
            intro=_("A collection is a set of documents that are searched together."),
        )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_data)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if not isinstance(formset, MetadataFieldFormSet):
            super().save_formset(request, form, formset, change)
            return
        count = formset.save_and_derive(all_times="time_zone" in form.changed_data)
        if count:
            text = ngettext(
                "%(count)s document is being indexed anew.", "%(count)s documents are being indexed anew.", count
            )
            self.message_user(request, text % {"count": cells.count(count)}, messages.INFO)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = [
            *form.changed_data,
            *(str(formset.model._meta.verbose_name_plural) for formset in formsets if formset.has_changed()),
        ]
        if changed:
            record(user_of(request), "changed", form.instance, fields=", ".join(changed))

    def deletion_effects(self, rows: QuerySet[Any]) -> Effects:
        documents = Document.objects.alive().filter(collection__in=rows)
        chunks = Chunk.objects.filter(index__collection__in=rows, state=ChunkState.LIVE)
        sources = SourceFile.objects.filter(collection__in=rows)
        return Effects(
            counts=[
                (_("documents"), documents.count()),
                (_("chunks"), chunks.count()),
                (_("source files"), sources.count()),
            ],
            sentences=[
                _("They disappear from search at once, and the texts are emptied in the same transaction."),
                _("Workers then take the chunks out of the vector store, and after that remove what is left in SQL."),
                _("This cannot be undone."),
            ],
        )

    def delete_rows(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        services.delete_collections(rows, user=user_of(request))

    # --- actions ---

    @admin.action(description=gettext_lazy("Re-sync all documents"), permissions=["change"])
    def resync(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        collections = list(self.writable(request, queryset))
        count = services.resync(Document.objects.alive().filter(collection__in=collections))
        record_many(user_of(request), {"re-synced": collections})
        text = ngettext(
            "%(count)s document is being indexed anew.", "%(count)s documents are being indexed anew.", count
        )
        self.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Retry what failed"), permissions=["change"])
    def retry_failures(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        collections = list(self.writable(request, queryset))
        failed = IndexEntry.objects.filter(index__collection__in=collections, state=EntryState.FAILED)
        count = services.retry_entries(failed)
        record_many(user_of(request), {"retried": collections})
        text = ngettext(
            "%(count)s failed document is tried again.", "%(count)s failed documents are tried again.", count
        )
        self.message_user(request, text % {"count": cells.count(count)}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Audit now"), permissions=["view"])
    def audit_now(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        audit_indexes(self, request, VectorIndex.objects.filter(pk__in=queryset.order_by().values("serving_index")))


def _of(model: type[Model], collection: Collection) -> str:
    return cells.list_url(model, collection__id__exact=collection.pk)


def _usage_facts(request: HttpRequest, obj: Collection) -> list[Fact]:
    """Say what was embedded for it this month, and which budgets its documents wait for."""
    this_month = Usage.objects.filter(collection_public_id=obj.public_id, day__gte=accounting.today().replace(day=1))
    sums = accounting.totals(this_month)
    money = [cells.money(total.money, total.currency) for total in sums if total.currency]
    url = cells.list_url(Usage, collection=obj.public_id) if request.user.has_perm("collections_app.view_usage") else ""
    tokens = cells.count(sum(total.tokens for total in sums))
    facts = [Fact(_("Tokens this month"), tokens, url, cells.listed(money) if money else "")]
    waiting = Budget.objects.filter(waiting_entries__index__collection=obj).distinct()
    facts += [
        Fact(
            _("Paused"),
            cells.tag(_("%s documents wait for a budget") % cells.count(standing.waiting), cells.WARNING),
            cells.change_url(standing.budget),
            accounting.reason(standing.budget),
        )
        for standing in accounting.standings(waiting)
    ]
    return facts


def _audit_words(obj: Any) -> str:
    if obj.audit_in_step is None:
        return _("never compared with the vector store")
    return _("SQL and vector store agreed") if obj.audit_in_step else _("SQL and vector store differed")


@admin.register(CollectionGrant)
class CollectionGrantAdmin(ReadOnlyAdmin):
    """Who may do what, over all collections; it is changed at the collection."""

    list_display = ["collection_link", "user", "group", "level"]
    list_display_links = None
    list_filter = ["level"]
    list_select_related = ["collection", "user", "group"]
    search_fields = ["collection__name", "user__username", "group__name"]
    fields = ["collection", "user", "group", "level"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CollectionGrant]:
        return super().get_queryset(request).filter(collection__deleted_at=None)

    @display(description=gettext_lazy("collection"), ordering="collection__name")
    def collection_link(self, obj: CollectionGrant) -> str:
        return cells.object_link(obj.collection)
