"""Facets as people use them: each value in words, with the search among the documents that have it too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from search_app.facets import Among, Bucket, Facet, Facets
from search_app.parameters import Parameters, key_of
from search_app.results import as_parameter, in_words

# More fields wait behind "more".
PROMINENT = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """A value in words, how many documents have it, and the search with it, or without it if it is set."""

    text: str
    count: int
    url: str
    is_set: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The choices of one field."""

    label: str
    choices: Sequence[Choice]


@dataclass(frozen=True, slots=True)
class FacetLinks:
    """The groups, and among how many documents they were counted."""

    documents: int
    among: Among
    prominent: Sequence[Group]
    others: Sequence[Group]


def facet_links(facets: Facets, parameters: Parameters) -> FacetLinks | None:
    """Return the facets of an answer; None where there is nothing to choose from."""
    groups = [group for facet in facets.fields if (group := _group(facet, parameters)).choices]
    if not groups:
        return None
    return FacetLinks(facets.documents, facets.among, groups[:PROMINENT], groups[PROMINENT:])


def _group(facet: Facet, parameters: Parameters) -> Group:
    choices = [_choice(facet, bucket, parameters) for bucket in facet.buckets]
    return Group(facet.label, choices)


def _choice(facet: Facet, bucket: Bucket, parameters: Parameters) -> Choice:
    if not bucket.is_range:
        pair = key_of(facet.name), as_parameter(bucket.value)
        is_set = pair in parameters.filters
        changed = parameters.without_filter(*pair) if is_set else parameters.with_filter(*pair)
        return Choice(in_words(bucket.value), bucket.count, _address(changed), is_set)
    ends = [("gte", bucket.value), ("lt", bucket.until)]
    pairs = [(key_of(facet.name, operator), as_parameter(end)) for operator, end in ends if end is not None]
    is_set = all(pair in parameters.filters for pair in pairs)
    changed = parameters
    for pair in pairs:
        changed = changed.without_filter(*pair) if is_set else changed.with_filter(*pair)
    return Choice(_range_in_words(bucket.value, bucket.until), bucket.count, _address(changed), is_set)


def _address(parameters: Parameters) -> str:
    return parameters.query_string or reverse("search:search")


def _range_in_words(start: Any, until: Any) -> str:
    match start if until is None else until:
        case datetime():
            days = [end and timezone.localtime(end).date() for end in (start, until)]
            return _days_in_words(*days)
        case date():
            return _days_in_words(start, until)
        case int():
            return _ends_in_words(start, None if until is None else until - 1)
        case _:
            return _ends_in_words(start, until)


def _days_in_words(start: date | None, until: date | None) -> str:
    """Say whole years and months as such: 2020, 1990-1999, March 2020."""
    last = until and until - timedelta(days=1)
    if all(day is None or (day.day, day.month) == (1, 1) for day in (start, until)):
        return _ends_in_words(start and start.year, last and last.year)
    if all(day is None or day.day == 1 for day in (start, until)):
        ends = [day and formats.date_format(day, "YEAR_MONTH_FORMAT") for day in (start, last)]
        return _ends_in_words(*ends)
    return _ends_in_words(start and in_words(start), last and in_words(last))


def _ends_in_words(first: Any, last: Any) -> str:
    if first == last:
        return str(first)
    if first is None:
        return _("up to %(last)s") % {"last": last}
    if last is None:
        return _("from %(first)s") % {"first": first}
    return f"{first} – {last}"
