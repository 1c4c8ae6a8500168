"""The ranges that a facet counts, in words, each with the search among the documents that are in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from search_app.facets import Facet
from search_app.parameters import Parameters, key_of
from search_app.results import as_parameter, in_words


@dataclass(frozen=True, slots=True)
class RangeLink:
    """A range in words, how many documents are in it, and the search within it, or without it if it is set."""

    text: str
    count: int
    url: str
    is_set: bool


def range_links(facet: Facet, parameters: Parameters) -> Sequence[RangeLink]:
    """Return the ranges of a facet in their order; none of a facet that counts single values."""
    links = []
    for bucket in facet.buckets:
        if bucket.is_range:
            ends = [("gte", bucket.value), ("lt", bucket.until)]
            pairs = [(key_of(facet.name, operator), as_parameter(end)) for operator, end in ends if end is not None]
            is_set = all(pair in parameters.filters for pair in pairs)
            changed = parameters
            for pair in pairs:
                changed = changed.without_filter(*pair) if is_set else changed.with_filter(*pair)
            text = range_in_words(bucket.value, bucket.until)
            links.append(RangeLink(text, bucket.count, _address(changed), is_set))
    return links


def _address(parameters: Parameters) -> str:
    return parameters.query_string or reverse("search:search")


def range_in_words(start: Any, until: Any) -> str:
    """Say from where to where a range goes, its end not included: 1990 – 1999, from 100, up to March 2020."""
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
