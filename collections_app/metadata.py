"""Types of metadata: what raw values look like, and what they are as values of a declared field. Pure.

Raw values are what JSON, a table or Python gives: text, numbers, booleans, dates, None, lists and mappings. They are
kept as given; a field declares how to read them, so that declaring it anew loses nothing.
"""

import math
import re
import reprlib
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeAlias

from collections_app.exceptions import InvalidMetadata

Scalar: TypeAlias = str | int | float | bool | date | datetime
"""One value of a field. Text is trimmed NFC without NUL and lone surrogates; a date-time is aware and in UTC."""

MAX_NAME = 100
MAX_PATH = 300
MAX_TEXT = 500
MAX_VALUES = 1000
RESERVED_NAMES = frozenset({"document", "id", "score", "q", "collection", "page", "filters_of"})
"""Names that mean something else in the query string of a search, or in its answer."""

_INT64 = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)
"""The whole numbers that a float holds without loss."""
_SIGNIFICANT_DIGITS = 15
"""Decimal digits that a float is sure to keep."""

_EARLIEST = datetime.min + timedelta(days=2)
_LATEST = datetime.max - timedelta(days=2)

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,64}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})(e[+-]?[0-9]{1,4})?", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
    re.IGNORECASE,
)
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+(e[+-]?[0-9]+)?", re.IGNORECASE)
"""How machines write numbers. What looks otherwise (00123, +5, 1e5, 1,5) may be a code that must not change."""
_TRUE = frozenset({"true", "yes", "1", "是"})
_FALSE = frozenset({"false", "no", "0", "否"})


class FieldType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


_TYPES: tuple[tuple[type, FieldType], ...] = (
    (bool, FieldType.BOOLEAN),  # before int, of which it is a kind, as date-times are of dates
    (int, FieldType.INTEGER),
    (float, FieldType.NUMBER),
    (datetime, FieldType.DATETIME),
    (date, FieldType.DATE),
)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """How raw values are read. A field that is not filterable may hold text of any length, and any number of values.

    `declared` says which rows declare it, if any do: pairs of a collection's primary key and its MetadataField's.
    """

    name: str
    type: FieldType
    is_list: bool = False
    filterable: bool = True
    declared: tuple[tuple[int, int], ...] = ()


# --- names --------------------------------------------------------------------------------------------------------


def flatten(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The values of nested mappings under their keys joined by dots. Where two paths become one, the last stays."""
    flat: dict[str, Any] = {}
    # A stack of its own, so that no depth of nesting exhausts Python's.
    levels: list[tuple[str, Iterator[tuple[Any, Any]]]] = [("", iter(raw.items()))]
    while levels:
        prefix, items = levels[-1]
        for key, value in items:
            if isinstance(value, Mapping):
                levels.append((f"{prefix}{key}.", iter(value.items())))
                break
            flat[f"{prefix}{key}"] = value
        else:
            levels.pop()
    return flat


def normalise_name(name: str, *, taken: Iterable[str] = ()) -> str:
    """A field name out of any heading: letters of any script, digits and single underscores, lower case.

    It has at most MAX_NAME characters, does not begin with a digit or an underscore, and is neither reserved nor in
    `taken`. A name that is fine already stays as it is.
    """
    base = _reduced(name)
    if not base or base in RESERVED_NAMES or unicodedata.category(base[0]).startswith("N"):
        base = f"field_{base}".rstrip("_")
    if len(base) > MAX_NAME:
        # Long headings often differ only at their end.
        base = f"{base[: MAX_NAME - 9].rstrip('_')}_{sha256(base.encode()).hexdigest()[:8]}"
    return _untaken(base, frozenset(taken))


def _reduced(name: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    letters = (character if _is_part_of_a_word(character) else "_" for character in folded)
    return re.sub("_+", "_", "".join(letters)).strip("_")


def _is_part_of_a_word(character: str) -> bool:
    # Marks (M) are vowel signs and accents, without which words of many scripts fall apart.
    return unicodedata.category(character)[0] in "LMN"


def _untaken(base: str, taken: Container[str]) -> str:
    candidate, number = base, 2
    while candidate in taken:
        suffix = f"_{number}"
        candidate, number = base[: MAX_NAME - len(suffix)].rstrip("_") + suffix, number + 1
    return candidate


# --- inference ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Observed:
    """What the values under one path have shown so far: a few bytes however many there are."""

    types: set[FieldType] = field(default_factory=set)
    is_list: bool = False
    is_short: bool = True
    is_exact: bool = True
    is_scalar: bool = True

    def add(self, raw: Any) -> None:
        items = _items(raw)
        self.is_list |= isinstance(raw, list | tuple) and bool(items)
        self.is_short &= len(items) <= MAX_VALUES
        for item in items:
            found = _type_of(item)
            if found is None:
                self.is_scalar = False
                return
            self.types.add(found)
            self.is_short &= not isinstance(item, str) or len(_cleaned(item)) <= MAX_TEXT
            self.is_exact &= found is not FieldType.INTEGER or int(item) in _EXACT

    def spec(self, name: str) -> FieldSpec | None:
        """None where there is nothing that could be declared: no value at all, or lists of lists and mappings."""
        if not self.types or not self.is_scalar:
            return None
        return FieldSpec(name=name, type=self._type(), is_list=self.is_list, filterable=self.is_short)

    def _type(self) -> FieldType:
        if len(self.types) == 1:
            return next(iter(self.types))
        if self.types == {FieldType.INTEGER, FieldType.NUMBER} and self.is_exact:
            return FieldType.NUMBER
        return FieldType.TEXT


def infer_fields(rows: Iterable[Mapping[str, Any]]) -> list[FieldSpec]:
    """Fields that hold all values of `rows`, in order of first appearance, named by their flattened paths.

    Reads `rows` once, in memory that grows with the number of paths alone. Every value can be read as a value of the
    field inferred for it, except numbers that are not finite, which no field takes. The rules:

    * Whole and fractional numbers together are numbers, anything else that is mixed is text.
    * What a type would change is text: `00123`, `1,5`, `1e5`, whole numbers beyond 64 bits (or beyond 2^53 among
      fractional ones), decimals of more than 15 digits.
    * A path with a list anywhere holds lists. Text beyond MAX_TEXT characters, and more than MAX_VALUES values, make a
      field that is not filterable.
    * Paths without any value, with lists of lists or mappings, or longer than MAX_PATH are left out.
    """
    observed: dict[str, _Observed] = {}
    for row in rows:
        for path, raw in flatten(row).items():
            if len(path) <= MAX_PATH:
                observed.setdefault(path, _Observed()).add(raw)
    specs = (seen.spec(path) for path, seen in observed.items())
    return [spec for spec in specs if spec is not None]


def _type_of(item: Any) -> FieldType | None:
    """The narrowest type that keeps a scalar as it is, None for what is no scalar."""
    if isinstance(item, str):
        return _type_of_text(_cleaned(item))
    if isinstance(item, datetime) and not _fits_every_zone(item):
        return FieldType.TEXT
    if isinstance(item, int) and item not in _INT64:
        return FieldType.TEXT
    return next((found for kind, found in _TYPES if isinstance(item, kind)), None)


def _type_of_text(text: str) -> FieldType:
    if _PLAIN_INTEGER.fullmatch(text):
        return FieldType.INTEGER if len(text) <= 20 and int(text) in _INT64 else FieldType.TEXT
    if _PLAIN_NUMBER.fullmatch(text):
        return FieldType.NUMBER if _keeps_digits(text) else FieldType.TEXT
    if text.lower() in ("true", "false"):
        return FieldType.BOOLEAN
    if _DATE.fullmatch(text):
        return FieldType.DATE if _reads(date.fromisoformat, text) else FieldType.TEXT
    if _DATETIME.fullmatch(text) and _reads(_datetime, text) and _fits_every_zone(_datetime(text)):
        return FieldType.DATETIME
    return FieldType.TEXT


def _keeps_digits(text: str) -> bool:
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").lstrip("0")
    return len(digits) <= _SIGNIFICANT_DIGITS and _reads(_number, text)


def _fits_every_zone(moment: datetime) -> bool:
    """Whether the moment is one in UTC too, whatever zone it is read in."""
    return _EARLIEST <= moment.replace(tzinfo=None) <= _LATEST


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


# --- values -------------------------------------------------------------------------------------------------------


def parse_value(raw: Any, spec: FieldSpec, *, tz: tzinfo) -> list[Scalar]:
    """The values of the field where `raw` is given: none for None, blank text and empty lists, several for a list.

    Naive date-times are read in `tz`. Values that come twice are given once. Raises InvalidMetadata, naming field,
    value and remedy, for what is not of the field's type.
    """
    items = _items(raw)
    if isinstance(raw, list | tuple) and items and not spec.is_list:
        raise _invalid(spec, raw, "declare the field as a list, or give one value")
    values = list(dict.fromkeys(_parse(item, spec, tz) for item in items))
    if spec.filterable and len(values) > MAX_VALUES:
        raise _invalid(spec, raw, f"give at most {MAX_VALUES} values, or declare the field as not filterable")
    return values


def _items(raw: Any) -> list[Any]:
    """What is there of a raw value: without None and blank text."""
    items = raw if isinstance(raw, list | tuple) else [raw]
    return [item for item in items if item is not None and not (isinstance(item, str) and not _cleaned(item))]


def _parse(item: Any, spec: FieldSpec, tz: tzinfo) -> Scalar:
    try:
        value = _READERS[spec.type](item)
        if isinstance(value, datetime):
            # A time that the zone skips or repeats, when clocks are changed, is read as before the change.
            return (value if value.tzinfo else value.replace(tzinfo=tz)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _invalid(spec, item, _REMEDIES[spec.type]) from error
    if spec.filterable and isinstance(value, str) and len(value) > MAX_TEXT:
        remedy = f"it has {len(value)} characters; shorten it to {MAX_TEXT}, or declare the field as not filterable"
        raise _invalid(spec, item, remedy)
    return value


def _invalid(spec: FieldSpec, raw: Any, remedy: str) -> InvalidMetadata:
    return InvalidMetadata(
        f"The field {spec.name!r} ({spec.type}) does not take {_shown(raw)}: {remedy}.", field=spec.name
    )


def _shown(raw: Any) -> str:
    if isinstance(raw, int) and raw not in _INT64:
        return f"a whole number of {raw.bit_length()} bits"
    return raw.isoformat() if isinstance(raw, date) else reprlib.repr(raw)


def _text(item: Any) -> str:
    match item:
        case str():
            return _cleaned(item)
        case bool():
            return "true" if item else "false"
        case date():
            return item.isoformat()
        case int() | float() if math.isfinite(item):
            return str(item)
        case _:
            raise ValueError("not a scalar")


def _cleaned(text: str) -> str:
    return unicodedata.normalize("NFC", _UNSTORABLE.sub("", text)).strip()


def _integer(item: Any) -> int:
    match item:
        case bool():
            raise ValueError("a boolean")
        case str():
            text = _cleaned(item)
            number = int(text) if _INTEGER.fullmatch(text) else None
        case float():
            number = int(item) if item.is_integer() else None
        case _:
            number = item if isinstance(item, int) else None
    if number is None or number not in _INT64:
        raise ValueError("not a whole number of 64 bits")
    return number


def _number(item: Any) -> float:
    match item:
        case bool():
            raise ValueError("a boolean")
        case str():
            text = _cleaned(item)
            number = float(text) if _NUMBER.fullmatch(text) else math.nan
        case int():
            number = float(item) if item in _EXACT else math.nan
        case _:
            number = item if isinstance(item, float) else math.nan
    if not math.isfinite(number):
        raise ValueError("not a number that a float can hold")
    return number


def _boolean(item: Any) -> bool:
    if isinstance(item, bool):
        return item
    word = _cleaned(item).lower() if isinstance(item, str) else str(_integer(item))
    if word not in _TRUE | _FALSE:
        raise ValueError("neither true nor false")
    return word in _TRUE


def _date(item: Any) -> date:
    moment = _datetime(item)
    if moment.tzinfo or moment.time() != time.min:
        raise ValueError("has a time of day")
    return moment.date()


def _datetime(item: Any) -> datetime:
    match item:
        case datetime():
            return item
        case date():
            return datetime.combine(item, time.min)
        case str():
            text = _cleaned(item).upper()
            if _DATE.fullmatch(text) or _DATETIME.fullmatch(text):
                return datetime.fromisoformat(text)
    raise ValueError("not a date in ISO 8601")


_READERS: Mapping[FieldType, Callable[[Any], Scalar]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
}
_REMEDIES: Mapping[FieldType, str] = {
    FieldType.TEXT: "give text, a finite number, a date, true or false",
    FieldType.INTEGER: "give a whole number of at most 64 bits such as 42, or declare the field as number or text",
    FieldType.NUMBER: "give a number such as 1.5 (whole ones up to 2^53), or declare the field as integer or text",
    FieldType.BOOLEAN: "give true or false, or declare the field as text",
    FieldType.DATE: "give a date such as 2024-12-31, or declare the field as datetime or text",
    FieldType.DATETIME: "give a date and time such as 2024-12-31T23:59:00+08:00, or declare the field as text",
}
