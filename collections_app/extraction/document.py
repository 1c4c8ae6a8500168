"""The values that extraction takes and gives: what a file holds, and how much of it may be read."""

from dataclasses import dataclass, field
from typing import Any, Literal

Markup = Literal["plain", "markdown"]
SegmentKind = Literal["page", "slide", "sheet", "heading", "section", "passage"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch `text[start:end]` of a document, with an address that a person knows.

    Offsets are Python string offsets. Headings nest: `level` is 1 to 6, and a heading's segment runs from its own line
    to the next heading of the same or a higher rank. All others are flat: `level` is 0. A passage is a stretch that
    whoever supplied its vector cut so; it is no place that people look for.
    """

    kind: SegmentKind
    label: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExtractedDocument:
    """One document: a whole file (`key` is "") or one row of a table (`key` names the row).

    `metadata` holds raw values as found: text, numbers, booleans, None, lists and mappings of these. `warnings` say, in
    sentences for people, what could not be read.
    """

    key: str
    title: str
    text: str
    markup: Markup = "plain"
    segments: tuple[Segment, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row of a table that is no document, and why; the other rows are not affected."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Which columns of a table (or keys of its JSON objects) become which part of a document.

    The texts of several `text_fields` are joined by an empty line. `metadata_fields=None` means every other column.
    `delimiter` is for CSV alone; "" means: find out. `lists` names columns whose texts hold several values, each with
    the separator between them.
    """

    text_fields: tuple[str, ...]
    title_field: str = ""
    key_field: str = ""
    metadata_fields: tuple[str, ...] | None = None
    delimiter: str = ""
    lists: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WholeRows(TableMapping):
    """Asks for the rows as they are, before anybody has said which column is what: all of a row is metadata."""

    text_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may cost. Reading stops with `ExtractionLimitExceeded` at the first limit it meets."""

    seconds: float = 30.0
    memory_bytes: int = 2**30
    output_bytes: int = 64 * 2**20
    documents: int = 100_000
