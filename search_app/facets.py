"""How many of some documents have which values of the declared fields.

Of text and yes/no, the values that most documents have; of numbers and dates, round ranges. Documents are given as
primary keys (those that a question found) or as a queryset (those that a filter keeps), and are counted in one
statement, however many fields there are.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection as Sized
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from django.db.models import BigIntegerField, Case, Count, F, QuerySet, When
from django.db.models.functions import Substr

from collections_app.metadata import FieldType
from collections_app.models import Document, MetadataField, MetadataValue
from collections_app.prepared import Many, Statement, prepared
from search_app.browsing import documents_in
from search_app.declared import shared_fields
from search_app.facet_ranges import ranges
from search_app.filter_fields import names_in, without
from search_app.scope import Scope

# Of a longer list only the newest documents are counted: 100,000 with six fields take a second, these 50 ms.
MOST_COUNTED = 5_000
MOST_FIELDS = 12
MOST_VALUES = 10
LONGEST_VALUE = 60
_CLASSED = (FieldType.TEXT, FieldType.BOOLEAN)

Documents: TypeAlias = Sequence[int] | QuerySet[Document]
_Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A value, or a range from `value` up to, not including, `until`, either of which may be open (None)."""

    value: Any
    count: int
    until: Any = None
    is_range: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """The buckets of one field. Where `is_filtered`, a filter of the field is set.

    Unless `is_whole`, documents were left out: a value without a bucket may be among them.
    """

    name: str
    label: str
    type: FieldType
    buckets: Sequence[Bucket]
    is_filtered: bool = False
    is_whole: bool = True


class Among(StrEnum):
    """Which documents are counted: the best that a question found; all that are listed, or the newest of them."""

    BEST = "best"
    ALL = "all"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts among so many documents."""

    documents: int
    among: Among
    fields: Sequence[Facet] = field(default_factory=tuple)


def facets_of_best(document_ids: Sequence[int], scopes: Sequence[Scope]) -> Facets:
    """Count what a question found. Of a filtered field, only values that the filter lets through can be there."""
    fields = shared_fields([scope.index.collection_id for scope in scopes])
    found = count_facets(document_ids, fields, filtered=names_in(scopes[0].filter))
    return Facets(len(document_ids), among=Among.BEST, fields=found)


def facets_of_all(documents: int, scopes: Sequence[Scope]) -> Facets:
    """Count the documents in the scopes, of so many in all, up to MOST_COUNTED.

    Each filtered field is counted among what the other filters keep, so that its other values can be chosen.
    """
    fields = shared_fields([scope.index.collection_id for scope in scopes])
    filtered = names_in(scopes[0].filter)
    found = count_facets(documents_in(scopes), [declared for declared in fields if declared.name not in filtered])
    for name in filtered:
        others = [Scope(scope.index, scope.user, without(scope.filter, name)) for scope in scopes]
        own = [declared for declared in fields if declared.name == name]
        found += count_facets(documents_in(others), own, filtered=(name,))
    place = {declared.name: position for position, declared in reversed(list(enumerate(fields)))}
    among = Among.ALL if documents <= MOST_COUNTED else Among.NEWEST
    if among is Among.NEWEST:
        found = [replace(facet, is_whole=False) for facet in found]
    return Facets(min(documents, MOST_COUNTED), among, fields=sorted(found, key=lambda facet: place[facet.name]))


def count_facets(documents: Documents, fields: Sequence[MetadataField], *, filtered: Sized[str] = ()) -> list[Facet]:
    """Return the facets of `fields` that tell documents apart. Fields of one name, of several collections, are one."""
    by_name = _by_name(fields)
    if not by_name:
        return []
    counted = _count_values(documents, by_name)
    buckets = {key: _classes(counts) if key[1] in _CLASSED else _ranges(counts) for key, counts in counted.items()}
    return [
        Facet(name, str(same[0]), FieldType(type_), buckets[name, type_], name in filtered)
        for (name, type_), same in by_name.items()
        if _tells_apart(buckets.get((name, type_), []), is_filtered=name in filtered)
    ]


def _by_name(fields: Sequence[MetadataField]) -> dict[_Key, list[MetadataField]]:
    by_name: dict[_Key, list[MetadataField]] = defaultdict(list)
    for declared in fields:
        by_name[declared.name, declared.type].append(declared)
    return dict(list(by_name.items())[:MOST_FIELDS])


def _tells_apart(buckets: Sequence[Bucket], *, is_filtered: bool) -> bool:
    """Values that no two documents share, such as keys and titles, lead nowhere; nor does a single range."""
    if not buckets:
        return False
    return buckets[0].is_range or is_filtered or max(bucket.count for bucket in buckets) > 1


# --- counting -----------------------------------------------------------------------------------------------------


def _count_values(documents: Documents, by_name: dict[_Key, list[MetadataField]]) -> dict[_Key, Counter[Any]]:
    """Return how many documents have which value of each field, in one statement for all.

    Where documents have lists of numbers or dates, each (value, document) is counted, since a range counts a document
    once, however many of its values are inside.
    """
    fields = {declared.pk: key for key, same in by_name.items() for declared in same}
    lists = {
        declared.pk for key, same in by_name.items() for declared in same if declared.is_list and key[1] not in _CLASSED
    }
    columns = tuple(sorted({type_ for _name, type_ in by_name}))

    def counted(among: Any) -> QuerySet[MetadataValue, tuple[Any, ...]]:
        values = MetadataValue.objects.filter(document__in=among, field__in=Many("fields")).order_by()
        of_list = Case(When(field__in=Many("lists"), then=F("document")), default=None, output_field=BigIntegerField())
        # A value that is too long to be shown is not read as a whole.
        texts = {"start": Substr("text", 1, LONGEST_VALUE + 1)} if FieldType.TEXT in columns else {}
        shown = ["start" if column == FieldType.TEXT else column for column in columns]
        # A document has a value of a field once, so rows are documents.
        rows = values.annotate(of_list=of_list, **texts).values("field", "of_list", *shown)
        listed: QuerySet[MetadataValue, tuple[Any, ...]] = rows.annotate(count=Count("pk")).values_list(
            "field", "of_list", "count", *shown
        )
        return listed

    if isinstance(documents, QuerySet):
        newest = documents.order_by("-pk").values("pk")[:MOST_COUNTED]
        statement: Statement[tuple[Any, ...]] = Statement(counted(newest))
    else:
        statement = prepared(lambda: counted(Many("documents")), columns)
    found: dict[_Key, Counter[Any]] = defaultdict(Counter)
    for field_id, document, count, *values in statement.rows(documents=documents, fields=fields, lists=lists):
        key = fields[field_id]
        value = values[columns.index(key[1])]
        if value is not None:
            found[key][value if document is None else (value, document)] += count
    return found


def _classes(counts: Counter[Any]) -> list[Bucket]:
    """Return the values that most documents have."""
    shown = {value: count for value, count in counts.items() if isinstance(value, bool) or len(value) <= LONGEST_VALUE}
    ordered = sorted(shown.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [Bucket(value, count) for value, count in ordered[:MOST_VALUES]]


def _ranges(counts: Counter[Any]) -> list[Bucket]:
    """Return round ranges of numbers or dates, unless one holds them all."""
    pairs = [(key if isinstance(key, tuple) else (key, None), count) for key, count in counts.items()]
    inside = ranges(min(value for (value, _document), _count in pairs), max(value for (value, _), _count in pairs))
    # Each begins where the one before it ends.
    ends = [until for _start, until in inside[:-1]]
    found: Counter[int] = Counter()
    seen: set[tuple[int, int]] = set()
    for (value, document), count in pairs:
        place = bisect_right(ends, value)
        if document is None:
            found[place] += count
        elif (place, document) not in seen:
            seen.add((place, document))
            found[place] += 1
    buckets = [
        Bucket(start, found[place], until, is_range=True) for place, (start, until) in enumerate(inside) if found[place]
    ]
    return buckets if len(buckets) > 1 else []
