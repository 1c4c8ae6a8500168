"""Rows of a table -> documents, whatever the table was written in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collections_app.exceptions import InvalidImport
from collections_app.extraction.characters import clean_text, clean_values, one_line
from collections_app.extraction.document import ExtractedDocument, RowFailure, TableMapping, WholeRows
from collections_app.extraction.outline import outline

TEXT_NAMES = ("text", "content", "body", "正文", "内容", "文本")
KEY_NAMES = ("id", "key", "编号")
TITLE_NAMES = ("title", "name", "标题", "名称")
NESTED_METADATA = "metadata"
TITLE_LENGTH = 80
_LISTED_COLUMNS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its label ("row-17", as people count), its values by column, and what is wrong with it, if anything."""

    label: str
    values: Mapping[str, Any]
    problem: str = ""
    warnings: tuple[str, ...] = ()


def mapping_for(columns: Sequence[str], asked: TableMapping | None) -> TableMapping | None:
    """Return which columns become what: as asked, else by well-known names, None when the table is no set of documents.

    Raises InvalidImport, listing the columns that exist, when `asked` names one that does not.
    """
    if asked:
        if not isinstance(asked, WholeRows):
            _check(columns, asked)
        return asked
    text = first_named(columns, TEXT_NAMES)
    if not text:
        return None
    return TableMapping(
        text_fields=(text,),
        title_field=first_named(columns, TITLE_NAMES),
        key_field=first_named(columns, KEY_NAMES),
    )


def documents(
    rows: Iterable[Row], mapping: TableMapping, *, used: dict[str, str] | None = None
) -> Iterator[ExtractedDocument | RowFailure]:
    """Yield a document or a failure per row. A key is used once: a second row with it is a failure.

    `used` (key -> label of its row) is shared between the tables of one file.
    """
    used = {} if used is None else used
    for row in rows:
        result = RowFailure(row.label, row.problem) if row.problem else _document(row, mapping)
        if isinstance(result, ExtractedDocument):
            user = used.setdefault(result.key, row.label)
            if user != row.label:
                reason = f"Its key {result.key!r} is already used by {user}. Keys must be unique."
                result = RowFailure(row.label, reason)
        yield result


def _document(row: Row, mapping: TableMapping) -> ExtractedDocument | RowFailure:
    if isinstance(mapping, WholeRows):
        return ExtractedDocument(key=row.label, title="", text="", metadata=clean_values(dict(row.values)))
    key_value = row.values.get(mapping.key_field) if mapping.key_field else None
    if isinstance(key_value, dict | list):
        return RowFailure(row.label, f"Its key in {mapping.key_field!r} is not one simple value.")
    key = row.label if key_value is None else one_line(str(key_value), 2000) or row.label
    texts = [_as_text(row.values.get(field)) for field in mapping.text_fields]
    text = "\n\n".join(filter(None, texts))
    if not text.strip():
        return RowFailure(key, f"It has no text in {_quoted(mapping.text_fields)}.")
    title = _as_text(row.values.get(mapping.title_field)) if mapping.title_field else ""
    return ExtractedDocument(
        key=key,
        title=one_line(title) or one_line(text, TITLE_LENGTH),
        text=text,
        metadata=clean_values(_with_lists(_metadata(row, mapping), mapping)),
        warnings=row.warnings,
    )


def _as_text(value: Any) -> str:
    """Return a cell's value as text; structures as an outline."""
    if value is None:
        return ""
    return clean_text(value if isinstance(value, str) else outline(value)).strip("\n")


def _metadata(row: Row, mapping: TableMapping) -> dict[str, Any]:
    """Return the raw values of the columns asked for; by default all others, a nested "metadata" object unfolded."""
    if mapping.metadata_fields is not None:
        return {field: row.values[field] for field in mapping.metadata_fields if field in row.values}
    used = {mapping.title_field, mapping.key_field, *mapping.text_fields}
    nested = row.values.get(NESTED_METADATA)
    unfolded = dict(nested) if isinstance(nested, dict) and NESTED_METADATA not in used else {}
    if unfolded:
        used.add(NESTED_METADATA)
    return {**unfolded, **{name: value for name, value in row.values.items() if name not in used}}


def _with_lists(metadata: dict[str, Any], mapping: TableMapping) -> dict[str, Any]:
    parted = {name: split(metadata[name], separator) for name, separator in mapping.lists if name in metadata}
    return metadata | parted


def split(value: Any, separator: str) -> Any:
    """Return the values that a cell's text holds, without empty ones; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    return [part for part in (part.strip() for part in value.split(separator)) if part]


def _check(columns: Sequence[str], asked: TableMapping) -> None:
    lists = (name for name, _separator in asked.lists)
    named = (*asked.text_fields, asked.title_field, asked.key_field, *(asked.metadata_fields or ()), *lists)
    unknown = [name for name in dict.fromkeys(named) if name and name not in columns]
    if not asked.text_fields:
        raise InvalidImport(f"Say which column holds the text. The columns are: {_quoted(columns)}.")
    if unknown:
        noun = "column" if len(unknown) == 1 else "columns"
        raise InvalidImport(f"The table has no {noun} {_quoted(unknown)}. Its columns are: {_quoted(columns)}.")


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(one_line(name, 60)) for name in names[:_LISTED_COLUMNS])
    return f"{shown} and {len(names) - _LISTED_COLUMNS} more" if len(names) > _LISTED_COLUMNS else shown


def first_named(columns: Sequence[str], names: Sequence[str]) -> str:
    """Return the first column that has one of the well-known `names`, whatever its case; "" if none has."""
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), "")
