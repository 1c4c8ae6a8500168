"""List filters that cost one indexed query at most and count nothing."""

from collections.abc import Iterator
from typing import Any

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from collections_app.admin.cells import TRAIL_ACTIONS, language
from collections_app.models import (
    Collection,
    Document,
    EmbeddingProfile,
    EntryState,
    IndexEntry,
    SourceFile,
    User,
    VectorIndex,
)

LANGUAGES_SECONDS = 60


class CollectionFilter(AutocompleteSelectFilter):
    """Choose a collection by typing its name; only those that the user may read are offered."""


class StateFilter(DropdownFilter):
    """Documents by what became of them in the index that serves their collection."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state.value, state.label) for state in EntryState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        serving = Collection.objects.alive().exclude(serving_index=None).values("serving_index")
        entries = IndexEntry.objects.filter(index__in=serving, state=self.value())
        return queryset.filter(pk__in=entries.values("document"))


class LanguageFilter(DropdownFilter):
    """Documents by language; the choices are what the documents have, looked up now and then."""

    title = gettext_lazy("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        known = cache.get_or_set("admin-document-languages", _languages_in_use, LANGUAGES_SECONDS) or []
        # Django ignores a filter without choices, and would then show everything for a language that is new.
        codes = {*known, request.GET.get(self.parameter_name, "")} - {""}
        return [(code, f"{language(code)} ({code})") for code in sorted(codes)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = self.value()
        if not code:
            return queryset
        return queryset.filter(Q(language_override=code) | Q(language_override="", language=code))


def _languages_in_use() -> list[str]:
    documents = Document.objects.alive().order_by()
    codes = {*documents.values_list("language", flat=True).distinct()}
    codes |= {*documents.values_list("language_override", flat=True).distinct()}
    return sorted(codes)


class PresenceFilter(DropdownFilter):
    """Rows that have, or have not, a value in `column`, which may be null."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext("Yes")), ("no", gettext("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() == "no"})


class FromFileFilter(PresenceFilter):
    title = gettext_lazy("source file")
    parameter_name = "from_file"
    column = "source_file"


class FailureFilter(DropdownFilter):
    """Rows by error code. The codes are looked up among the failed rows, which are few."""

    title = gettext_lazy("error code")
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, Any]]:
        rows = model_admin.get_queryset(request).filter(state="failed").order_by()
        codes = {*rows.exclude(error_code="").values_list("error_code", flat=True).distinct()[:50]}
        chosen = request.GET.get(self.parameter_name, "")
        return ((code, code) for code in sorted(codes | {chosen} - {""}))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(error_code=self.value()) if self.value() else queryset


class TrailActionFilter(DropdownFilter):
    """Trail records by what was done."""

    title = gettext_lazy("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(TRAIL_ACTIONS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class TrailTypeFilter(DropdownFilter):
    """Trail records by the type of their object."""

    title = gettext_lazy("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        types = (Collection, Document, EmbeddingProfile, VectorIndex, SourceFile, User)
        return [(str(model._meta.model_name), model._meta.verbose_name) for model in types]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(object_type=self.value()) if self.value() else queryset
