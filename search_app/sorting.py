"""Documents in the order of a field, a title or a date instead of their scores. Who has no value comes last."""

from collections.abc import Collection as Sized
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, Max, Min, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from collections_app.exceptions import InvalidSearchRequest
from collections_app.metadata import FieldType
from collections_app.models import Document, MetadataField, MetadataValue

# No field can be called like these: names have no dots.
TITLE, CREATED, UPDATED = "document.title", "document.created", "document.updated"
_COLUMNS: Mapping[str, F | Lower] = {TITLE: Lower("title"), CREATED: F("created_at"), UPDATED: F("updated_at")}


@dataclass(frozen=True, slots=True)
class Sort:
    """By `column`'s values of the fields of the primary keys `fields`; without any by one of the three above.

    Of a list, the least value counts, or descending the greatest.
    """

    key: str
    descending: bool = False
    fields: tuple[int, ...] = ()
    column: str = ""
    is_list: bool = False

    def __str__(self) -> str:
        return f"-{self.key}" if self.descending else self.key


def parse_sort(given: str, fields: Sequence[MetadataField]) -> Sort | None:
    """Read `year`, or `-year` for the greatest first; blank and `relevance` are None.

    `fields` are those of all collections asked that can be sorted by; of one name they have one type. Raises
    InvalidSearchRequest.
    """
    given = given.strip()
    key, descending = (given[1:], True) if given.startswith("-") else (given, False)
    named = [field for field in fields if field.name == key]
    if named:
        keys = tuple(field.pk for field in named)
        return Sort(key, descending, keys, FieldType(named[0].type).value, any(field.is_list for field in named))
    if given in ("", "relevance"):
        return None
    if key in _COLUMNS:
        return Sort(key, descending)
    known = ", ".join([*dict.fromkeys(field.name for field in fields), *_COLUMNS])
    raise InvalidSearchRequest(
        _("Documents cannot be sorted by “%(given)s”. Sort by relevance, or by one of: %(known)s.")
        % {"given": given[:100], "known": known},
        code="invalid_sort",
    )


def sorted_ids(sort: Sort, document_ids: Sequence[int]) -> list[int]:
    """Return the given documents, equal ones as they were given."""
    values = dict(_values(sort, document_ids))
    having = [document for document in document_ids if document in values]
    # Sorting keeps equal ones in their order in reverse, too.
    having.sort(key=lambda document: values[document], reverse=sort.descending)
    return having + [document for document in document_ids if document not in values]


def _values(sort: Sort, document_ids: Sized[int]) -> Iterable[tuple[int, Any]]:
    if sort.fields:
        return _by_value(sort, MetadataValue.objects.filter(document__in=document_ids))
    return Document.objects.filter(pk__in=document_ids).values_list("pk", _COLUMNS[sort.key])


def listed_ids(sort: Sort | None, documents: QuerySet[Document], *, start: int, end: int) -> list[int]:
    """Return the primary keys of `documents` from rank `start` up to `end`; without a sort the newest first."""
    documents = documents.order_by()
    if sort is None:
        return list(documents.order_by("-pk").values_list("pk", flat=True)[start:end])
    if not sort.fields:
        column = _COLUMNS[sort.key]
        order = column.desc() if sort.descending else column.asc()
        return list(documents.order_by(order, "pk").values_list("pk", flat=True)[start:end])
    # Asked for one by one in the order of their values, of which an index knows: the first page is found at once.
    values = _by_value(sort, MetadataValue.objects.filter(Exists(documents.filter(pk=OuterRef("document")))))
    having = [document for document, _value in values[start:end]]
    if len(having) == end - start:
        return having
    before = values.count()
    without = documents.exclude(pk__in=_having(sort, MetadataValue.objects.all()).values("document"))
    rest = without.order_by("pk").values_list("pk", flat=True)
    return having + list(rest[max(0, start - before) : max(0, end - before)])


def _by_value(sort: Sort, values: QuerySet[MetadataValue]) -> QuerySet[MetadataValue, tuple[int, Any]]:
    """Return documents with the value that they are sorted by, in its order."""
    having, sign = _having(sort, values).order_by(), "-" if sort.descending else ""
    if not sort.is_list:
        return having.order_by(f"{sign}{sort.column}", "document").values_list("document", sort.column)
    end = Max(sort.column) if sort.descending else Min(sort.column)
    return having.values("document").annotate(end=end).order_by(f"{sign}end", "document").values_list("document", "end")


def _having(sort: Sort, values: QuerySet[MetadataValue]) -> QuerySet[MetadataValue]:
    # One field is asked for by itself: only then the index gives its values in order.
    of = {"field": sort.fields[0]} if len(sort.fields) == 1 else {"field__in": sort.fields}
    return values.filter(**of, **{f"{sort.column}__isnull": False})
