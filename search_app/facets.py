"""How many of some documents have which values of the declared fields.

Of text and yes/no, the values that most documents have; of numbers and dates, round ranges. Documents are given as
primary keys (those that a question found) or as a queryset (those that a filter keeps), and are counted in three
statements, however many fields there are.
"""

from collections import defaultdict
from collections.abc import Collection as Sized
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from django.db.models import Count, F, Max, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from collections_app.metadata import FieldType
from collections_app.models import Document, MetadataField, MetadataValue
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
    """The buckets of one field. Where `is_filtered`, a filter of the field is set."""

    name: str
    label: str
    type: FieldType
    buckets: Sequence[Bucket]
    is_filtered: bool = False


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
    return Facets(min(documents, MOST_COUNTED), among, fields=sorted(found, key=lambda facet: place[facet.name]))


def count_facets(documents: Documents, fields: Sequence[MetadataField], *, filtered: Sized[str] = ()) -> list[Facet]:
    """Return the facets of `fields` that tell documents apart. Fields of one name, of several collections, are one."""
    by_name = _by_name(fields)
    if not by_name:
        return []
    values = MetadataValue.objects.filter(document__in=_subquery(documents)).order_by()
    buckets = _classes(values, by_name) | _ranges(values, by_name)
    return [
        Facet(name, str(same[0]), FieldType(type_), buckets[name, type_], name in filtered)
        for (name, type_), same in by_name.items()
        if _tells_apart(buckets.get((name, type_), []), is_filtered=name in filtered)
    ]


def _subquery(documents: Documents) -> Any:
    return documents.order_by("-pk").values("pk")[:MOST_COUNTED] if isinstance(documents, QuerySet) else documents


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


# --- values -------------------------------------------------------------------------------------------------------


def _classes(values: QuerySet[MetadataValue], by_name: dict[_Key, list[MetadataField]]) -> dict[_Key, list[Bucket]]:
    """Return the values of text and yes/no that most documents have, in one statement for all fields."""
    classed = {declared.pk: key for key, same in by_name.items() if key[1] in _CLASSED for declared in same}
    if not classed:
        return {}
    # A document has a value of a field once, so rows are documents.
    counted = values.filter(field__in=classed).values("field", "text", "boolean").annotate(count=Count("pk"))
    rank = Window(RowNumber(), partition_by=F("field"), order_by=[F("count").desc(), F("text"), F("boolean")])
    best = counted.annotate(rank=rank).filter(rank__lte=4 * MOST_VALUES)
    added: dict[_Key, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
    for row in best.values_list("field", "text", "boolean", "count"):
        field_id, text, boolean, count = row
        key = classed[field_id]
        value = text if key[1] == FieldType.TEXT else boolean
        if value is not None and not (isinstance(value, str) and len(value) > LONGEST_VALUE):
            added[key][value] += count
    return {key: _best(counts) for key, counts in added.items()}


def _best(counts: dict[Any, int]) -> list[Bucket]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [Bucket(value, count) for value, count in ordered[:MOST_VALUES]]


# --- ranges -------------------------------------------------------------------------------------------------------


def _ranges(values: QuerySet[MetadataValue], by_name: dict[_Key, list[MetadataField]]) -> dict[_Key, list[Bucket]]:
    """Return round ranges of numbers and dates: one statement for the ends of all fields, one for their counts."""
    ranged = {key: [declared.pk for declared in same] for key, same in by_name.items() if key[1] not in _CLASSED}
    if not ranged:
        return {}
    ends = values.filter(field__in=[pk for pks in ranged.values() for pk in pks]).aggregate(
        **{
            f"{end.__name__.lower()}_{position}": end(key[1], filter=Q(field__in=pks))
            for position, (key, pks) in enumerate(ranged.items())
            for end in (Min, Max)
        }
    )
    wanted: dict[str, tuple[_Key, Any, Any, Count]] = {}
    for position, (key, pks) in enumerate(ranged.items()):
        least, most = ends[f"min_{position}"], ends[f"max_{position}"]
        if least is None:
            continue
        several = any(declared.is_list for declared in by_name[key])
        for number, (start, until) in enumerate(ranges(least, most)):
            inside = Q(field__in=pks, **{f"{key[1]}__isnull": False})
            inside &= Q() if start is None else Q(**{f"{key[1]}__gte": start})
            inside &= Q() if until is None else Q(**{f"{key[1]}__lt": until})
            wanted[f"r{position}_{number}"] = key, start, until, Count("document", filter=inside, distinct=several)
    if not wanted:
        return {}
    counted = values.aggregate(**{name: count for name, (_key, _start, _until, count) in wanted.items()})
    buckets: dict[_Key, list[Bucket]] = defaultdict(list)
    for name, (key, start, until, _count) in wanted.items():
        if counted[name]:
            buckets[key].append(Bucket(start, counted[name], until, is_range=True))
    return {key: found for key, found in buckets.items() if len(found) > 1}
