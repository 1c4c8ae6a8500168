"""A table that somebody wants to import: what its columns hold, and whether they fit what was chosen for them.

Nothing is kept between looking at a table and importing it but its bytes, under their digest.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from collections_app.exceptions import InvalidImport, InvalidMetadata
from collections_app.extraction import Extraction, Limits, RowFailure, TableMapping, WholeRows, extract_file, tables
from collections_app.extraction.characters import one_line
from collections_app.extraction.outline import outline
from collections_app.metadata import FieldSpec, infer_fields, parse_value
from collections_app.reasons import in_readers_language

SHOWN_ROWS = 3
SAMPLE_CHARACTERS = 80
WIDEST = 100
SEPARATORS = (";", "|", "、", "；", ",")
# A comma is found in names and in prose, so it separates values only where somebody says so.
_TELLING = SEPARATORS[:-1]
_VALUE_CHARACTERS = 60
# Somebody waits before a browser.
LIMITS = Limits(seconds=20)


class Role(StrEnum):
    """What becomes of a column."""

    TEXT = "text"
    TITLE = "title"
    KEY = "key"
    FIELD = "field"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it was found. `spec` is None where its values cannot be one field: none at all, or nested ones."""

    name: str
    spec: FieldSpec | None
    filled: int
    samples: tuple[str, ...]
    proposed: Role
    separator: str
    """What seems to stand between several values in one cell, "" where each has one."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a table holds: its columns, how many rows can be read, and why the first others cannot, to be shown."""

    columns: tuple[Column, ...]
    rows: int
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A column whose type was chosen otherwise than its values are: how many are not of it, and the first of them."""

    column: str
    count: int
    first: str


def look_at(path: Path, *, filename: str) -> Table:
    """Read the whole table and say what its columns hold.

    Raises an ExtractionError when the file cannot be read, InvalidImport when it is no table.
    """
    with extract_file(path, filename=filename, mapping=WholeRows(), limits=LIMITS) as extraction:
        failures = tuple(_told(item) for item in extraction if isinstance(item, RowFailure))
        specs = {spec.name: spec for spec in infer_fields(_rows(extraction))}
        seen = _Seen()
        for row in _rows(extraction):
            seen.add(row)
    if not seen.rows:
        raise InvalidImport("The file holds no rows of a table. Upload it as a file instead, or choose another one.")
    if len(seen.filled) > WIDEST:
        raise InvalidImport(
            f"The table has {len(seen.filled)} columns; at most {WIDEST} can be chosen from. Upload it as a file "
            "instead."
        )
    return Table(tuple(seen.columns(specs)), seen.rows, failures[:SHOWN_ROWS])


def misfits(
    path: Path, *, filename: str, chosen: Mapping[str, FieldSpec], separators: Mapping[str, str], tz: tzinfo
) -> list[Misfit]:
    """Return the columns that hold values which are not of the type chosen for them, in the order of `chosen`.

    `separators` has the columns whose cells hold several values.
    """
    found: dict[str, tuple[int, str]] = {}
    with extract_file(path, filename=filename, mapping=WholeRows(), limits=LIMITS) as extraction:
        for row in _rows(extraction):
            for name, spec in chosen.items():
                try:
                    value = row.get(name)
                    parse_value(tables.split(value, separators[name]) if name in separators else value, spec, tz=tz)
                except InvalidMetadata as error:
                    count, first = found.get(name, (0, str(error)))
                    found[name] = count + 1, first
    return [Misfit(name, *found[name]) for name in chosen if name in found]


def mapping_of(roles: Mapping[str, Role], *, separators: Mapping[str, str]) -> TableMapping:
    """Return the mapping that reads a table so; every column is named in `roles`, lists in `separators`."""
    named: dict[Role, list[str]] = {role: [] for role in Role}
    for name, role in roles.items():
        named[role].append(name)
    return TableMapping(
        text_fields=tuple(named[Role.TEXT]),
        title_field=next(iter(named[Role.TITLE]), ""),
        key_field=next(iter(named[Role.KEY]), ""),
        metadata_fields=tuple(named[Role.FIELD]) if named[Role.LEFT_OUT] else None,
        lists=tuple(separators.items()),
    )


class _Seen:
    """What has been seen of a table's columns so far, in memory that does not grow with its rows."""

    def __init__(self) -> None:
        self.rows = 0
        self.filled: dict[str, int] = {}
        self._characters: dict[str, int] = {}
        self._samples: dict[str, list[str]] = {}
        self._separated: Counter[tuple[str, str]] = Counter()

    def add(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        for name, value in row.items():
            text = one_line(outline(value), SAMPLE_CHARACTERS)
            self.filled[name] = self.filled.get(name, 0) + bool(text)
            self._characters[name] = self._characters.get(name, 0) + len(str(value))
            samples = self._samples.setdefault(name, [])
            self._separated.update((name, separator) for separator in _TELLING if _separates(separator, value))
            if text and len(samples) < SHOWN_ROWS:
                samples.append(text)

    def columns(self, specs: Mapping[str, FieldSpec]) -> Iterator[Column]:
        roles = self._proposed()
        for name, filled in self.filled.items():
            yield Column(
                name,
                specs.get(name),
                filled,
                tuple(self._samples[name]),
                roles.get(name, Role.FIELD),
                self._separator(name),
            )

    def _separator(self, name: str) -> str:
        """Return what stands between short parts in at least a third of the cells."""
        separator = max(_TELLING, key=lambda separator: self._separated[name, separator])
        return separator if 3 * self._separated[name, separator] >= max(1, self.filled[name]) else ""

    def _proposed(self) -> dict[str, Role]:
        """Tell text, title and key by their names; without a name that says so the longest column is the text."""
        names = list(self.filled)
        known = tables.mapping_for(names, None)
        if known:
            proposed = {known.key_field: Role.KEY, known.title_field: Role.TITLE}
            return proposed | dict.fromkeys(known.text_fields, Role.TEXT)
        text = max(names, key=lambda name: self._characters[name])
        title, key = (tables.first_named(names, known) for known in (tables.TITLE_NAMES, tables.KEY_NAMES))
        return {key: Role.KEY, title: Role.TITLE, text: Role.TEXT}


def _told(failure: RowFailure) -> str:
    words = {"name": failure.key, "value": in_readers_language(failure.reason)}
    return gettext("%(name)s: %(value)s") % words


def _separates(separator: str, value: Any) -> bool:
    if not isinstance(value, str) or separator not in value:
        return False
    return all(len(part) <= _VALUE_CHARACTERS for part in tables.split(value, separator))


def _rows(extraction: Extraction) -> Iterator[dict[str, Any]]:
    """Yield the values of each row that can be read. A document without a key is a file that is no table."""
    return (item.metadata for item in extraction if not isinstance(item, RowFailure) and item.key)
