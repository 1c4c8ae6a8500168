"""What can stand at the end of a typed line: fields, how they are compared, and values with how many have them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from collections_app.metadata import FieldType
from collections_app.models import Collection, MetadataField
from search_app.declared import shared_fields
from search_app.facet_links import range_in_words
from search_app.facet_ranges import ranges
from search_app.field_values import MOST_COUNTED, counts, distinct_texts, extent
from search_app.filters import by_name
from search_app.results import as_parameter, in_words
from search_app.unfinished import Part, Unfinished, unfinished

MOST_OPTIONS = 10
# Of a field with at most so many values, what is typed may stand anywhere in one; of others at the beginning.
_MOST_LOOKED_THROUGH = 500
# Values that are counted, to show those that most documents have.
_MOST_COMPARED = 40
_LONGEST_VALUE = 60
# What would not be read as one value without quotes.
_NEEDS_QUOTES = re.compile(r"[\s,，、()（）\"＂“”「」『』]|^\*$|\.\.")


class Kind(StrEnum):
    """What an option is."""

    FIELD = "field"
    COMPARISON = "comparison"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Option:
    """One way to go on. `text` takes the place of what is typed; `note` says what it is.

    `count` is how many documents have the value, MOST_COUNTED + 1 for more, None where nothing was counted. After an
    option that `goes_on`, the filter is not finished.
    """

    kind: Kind
    text: str
    label: str
    note: str = ""
    count: int | None = None
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """The options, and how many characters of the line stay before them."""

    keep: int
    options: Sequence[Option]


def complete(line: str, collections: Sequence[Collection]) -> Completion:
    """Return what can stand at the end of `line`, the part of a question before the caret.

    `collections` are those that are searched, and may be read by whoever asks.
    """
    fields = _fields(collections)
    specs = by_name(same[0].spec for same in fields.values())
    if not line or line[-1].isspace():
        return Completion(len(line), _named("", fields))
    end = unfinished(line, specs)
    if end is None:
        return Completion(len(line), [])
    if end.part is Part.NAME:
        exact = next((same for name, same in fields.items() if end.text == name), None)
        return Completion(end.start, _comparisons(exact[0]) if exact else _named(end.text, fields))
    same = fields[end.field.name] if end.field else []
    return Completion(end.start, [_quoted(option) for option in _values(same, end)])


def complete_value(typed: str, name: str, collections: Sequence[Collection]) -> Completion:
    """Return values of the text field `name` that go on from what is typed; none of a field that is not declared."""
    same = _fields(collections).get(name, [])
    if not same or same[0].type != FieldType.TEXT:
        return Completion(0, [])
    return Completion(0, _texts(same, typed))


def _fields(collections: Sequence[Collection]) -> dict[str, list[MetadataField]]:
    found: dict[str, list[MetadataField]] = defaultdict(list)
    for field in shared_fields([collection.pk for collection in collections]):
        found[field.name].append(field)
    return found


# --- names and signs ----------------------------------------------------------------------------------------------


def _named(typed: str, fields: dict[str, list[MetadataField]]) -> list[Option]:
    """Return the fields whose name or label begins with what is typed."""
    typed = typed.casefold()
    found = [
        same[0]
        for name, same in fields.items()
        if name.casefold().startswith(typed) or str(same[0]).casefold().startswith(typed)
    ]
    return [
        Option(Kind.FIELD, text, text, f"{field} · {_kind(field)}", goes_on=True)
        for field in found[:MOST_OPTIONS]
        for text in [f"{field.name}{_usual_sign(field)}"]
    ]


def _usual_sign(field: MetadataField) -> str:
    return ":" if field.type in (FieldType.TEXT, FieldType.BOOLEAN) else ""


def _kind(field: MetadataField) -> str:
    kind = str(field.get_type_display())
    return _("a list of %(type)s") % {"type": kind} if field.is_list else kind


def _comparisons(field: MetadataField) -> list[Option]:
    """Return the ways to compare a field, as they are typed."""
    signs = [(":", _("is"))]
    if field.type != FieldType.BOOLEAN:
        signs += [("!=", _("is not"))]
    if field.type == FieldType.TEXT:
        signs += [("~", _("contains"))]
    elif field.type != FieldType.BOOLEAN:
        signs += [(">=", _("at least")), ("<=", _("at most")), (">", _("more than")), ("<", _("less than"))]
    options = [Option(Kind.COMPARISON, f"{field.name}{sign}", f"{field.name}{sign}", note, goes_on=True)
               for sign, note in signs]  # fmt: skip
    return [*options, Option(Kind.COMPARISON, f"{field.name}:* ", f"{field.name}:*", _("has any value"))]


# --- values -------------------------------------------------------------------------------------------------------


def _values(same: Sequence[MetadataField], end: Unfinished) -> list[Option]:
    match FieldType(same[0].type):
        case FieldType.TEXT:
            return _texts(same, end.text)
        case FieldType.BOOLEAN:
            known = {"true": True, "false": False}
            found = [word for word in known if word.startswith(end.text.lower())]
            numbers = counts(same, [[("=", known[word])] for word in found])
            return [
                Option(Kind.VALUE, word, word, in_words(known[word]), count)
                for word, count in zip(found, numbers, strict=True)
            ]
        case _:
            return _ranges(same, end) if end.sign in (":", "=", "==", ":=") else _bounds(same, end)


def _texts(same: Sequence[MetadataField], typed: str) -> list[Option]:
    """Return the values that most documents have among those that go on from what is typed."""
    field_ids = [field.pk for field in same]
    wanted = typed.strip().casefold()
    known = distinct_texts(field_ids, limit=_MOST_LOOKED_THROUGH + 1)
    if len(known) > _MOST_LOOKED_THROUGH:
        # The index knows beginnings, letter by letter.
        spelt = dict.fromkeys([typed, typed.lower(), typed.upper(), typed.capitalize(), typed.title()])
        known = [
            value
            for beginning in spelt
            for value in distinct_texts(field_ids, limit=_MOST_COMPARED, beginning=beginning)
        ]
    found = [value for value in dict.fromkeys(known) if wanted in value.casefold() and len(value) <= _LONGEST_VALUE]
    found.sort(key=lambda value: not value.casefold().startswith(wanted))
    found = found[:_MOST_COMPARED]
    options = [
        Option(Kind.VALUE, value, value, count=count)
        for value, count in zip(found, counts(same, [[("=", value)] for value in found]), strict=True)
    ]
    options.sort(key=lambda option: (not option.label.casefold().startswith(wanted), -(option.count or 0)))
    return options[:MOST_OPTIONS]


def _ranges(same: Sequence[MetadataField], end: Unfinished) -> list[Option]:
    """Return round ranges between the least and the greatest value, as they are typed."""
    ends = extent(same)
    found = [(start, until) for start, until in ranges(*ends) if None not in (start, until)] if ends else []
    numbers = counts(same, [[(">=", start), ("<", until)] for start, until in found])
    options = [
        Option(Kind.VALUE, f"{_written(start)}..{_written(_last(until))}", range_in_words(start, until), count=count)
        for (start, until), count in zip(found, numbers, strict=True)
    ]
    return [option for option in options if option.text.startswith(end.text) and option.count][:MOST_OPTIONS]


def _bounds(same: Sequence[MetadataField], end: Unfinished) -> list[Option]:
    """Return the least, the greatest and round values between them."""
    ends = extent(same)
    if ends is None:
        return []
    least, most = ends
    between = [start for start, _until in ranges(*ends) if start is not None and least < start < most]
    values = dict.fromkeys(_written(value) for value in (least, *between, most))
    notes = {_written(least): _("the least"), _written(most): _("the greatest")}
    return [Option(Kind.VALUE, value, value, notes.get(value, "")) for value in values if value.startswith(end.text)][
        :MOST_OPTIONS
    ]


def _last(until: Any) -> Any:
    """Return the last value before the end of a range, which is not in it; of numbers that are no integers, the end."""
    match until:
        case datetime() | date():
            return until - timedelta(days=1)
        case int():
            return until - 1
        case _:
            return until


def _written(value: Any) -> str:
    return as_parameter(value.date() if isinstance(value, datetime) else value)


def _quoted(option: Option) -> Option:
    """Return a value as it has to be typed: in quotes where it has spaces or commas, and with a space after it."""
    text = option.text
    if option.label == text and _NEEDS_QUOTES.search(text):
        text = '"' + text.replace('"', '""') + '"'
    return Option(option.kind, f"{text} ", option.label, option.note, option.count)


def as_json(completion: Completion) -> dict[str, Any]:
    """Return a completion as the page's script reads it."""
    return {"keep": completion.keep, "options": list(_described(completion.options))}


def _described(options: Iterable[Option]) -> Iterable[dict[str, Any]]:
    for option in options:
        yield {
            "kind": option.kind,
            "text": option.text,
            "label": option.label,
            "note": option.note,
            "count": _number(option.count),
            "goesOn": option.goes_on,
        }


def _number(count: int | None) -> str:
    if count is None:
        return ""
    if count > MOST_COUNTED:
        return f"{number_format(MOST_COUNTED, force_grouping=True)}+"
    return number_format(count, force_grouping=True)
