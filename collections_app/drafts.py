"""A document as somebody wants it to be, cleaned and checked before anything is written."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from collections_app.exceptions import InvalidDocument, InvalidMetadata
from collections_app.extraction import Segment
from collections_app.extraction.builder import heading_segments
from collections_app.extraction.markdown import headings
from collections_app.language import detect_language
from collections_app.metadata import flatten, parse_value
from collections_app.models import Markup, MetadataField

MAX_KEY = 500
MAX_TITLE = 500
MAX_CHARACTERS = 20_000_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInput:
    """A document as somebody wants it to be. `language` empty means: detect it."""

    key: str
    text: str
    title: str = ""
    markup: str = Markup.PLAIN
    metadata: Mapping[str, Any] = field(default_factory=dict)
    segments: Sequence[Segment] = ()
    language: str = ""


@dataclass(slots=True)
class Draft:
    """A DocumentInput, cleaned and checked, with its derived values."""

    key: str
    title: str
    text: str
    markup: str
    metadata: dict[str, Any]
    segments: Sequence[Segment]
    language: str
    language_override: str
    digest: str
    values: list[tuple[MetadataField, int, Any]]


def prepare(document: DocumentInput, *, fields: Sequence[MetadataField], tz: tzinfo) -> Draft:
    """Clean and check a document; raise InvalidDocument or InvalidMetadata saying what is wrong with it."""
    text, title = clean(document.text), " ".join(clean(document.title).split())[:MAX_TITLE]
    _check(document, text=text, title=title)
    metadata = _clean_json(dict(document.metadata))
    # Offsets were measured on the text as given; cleaning may have moved them.
    segments = document.segments if len(text) == len(document.text) else ()
    if not segments and document.markup == Markup.MARKDOWN:
        segments = tuple(heading_segments(headings(text), len(text)))
    return Draft(
        key=document.key,
        title=title,
        text=text,
        markup=document.markup,
        metadata=metadata,
        segments=segments,
        language=detect_language(text or title),
        language_override=document.language,
        digest=_content_digest(text, document.markup, segments),
        values=values_of(document.key, metadata, fields, tz),
    )


def _check(document: DocumentInput, *, text: str, title: str) -> None:
    key = document.key
    if not key or len(key) > MAX_KEY:
        raise InvalidDocument(f"A document needs a key of 1 to {MAX_KEY} characters; this one has {len(key)}.")
    if not text.strip() and not title:
        raise InvalidDocument(f"The document {key!r} has neither text nor title, so there is nothing to search.")
    if len(text) > MAX_CHARACTERS:
        raise InvalidDocument(
            f"The document {key!r} has {len(text):,} characters; at most {MAX_CHARACTERS:,} are taken. Split it."
        )
    if document.markup not in Markup.values:
        raise InvalidDocument(f"Markup {document.markup!r} is not known; use one of {', '.join(Markup.values)}.")


def values_of(
    key: str, metadata: Mapping[str, Any], fields: Sequence[MetadataField], tz: tzinfo
) -> list[tuple[MetadataField, int, Any]]:
    """Return field, position and value of what `fields` read in raw metadata; raise InvalidMetadata if one cannot."""
    flat = flatten(metadata)
    values: list[tuple[MetadataField, int, Any]] = []
    for declared in fields:
        if declared.source_name not in flat:
            continue
        try:
            parsed = parse_value(flat[declared.source_name], declared.spec, tz=tz)
        except InvalidMetadata as error:
            raise InvalidMetadata(f"The document {key!r}: {error}", field=declared.name) from error
        if declared.filterable:
            values += [(declared, position, value) for position, value in enumerate(parsed)]
    return values


def clean(text: str) -> str:
    """Remove what PostgreSQL cannot store (NUL) and what UTF-8 cannot encode (lone surrogates)."""
    return _UNSTORABLE.sub("", text)


def _clean_json(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _content_digest(text: str, markup: str, segments: Sequence[Segment]) -> str:
    digest = hashlib.sha256(text.encode())
    # str(): a member of an enumeration and its value are the same to callers, but not to repr().
    rows = [(str(s.kind), s.label, s.level, s.start, s.end) for s in segments]
    digest.update(repr((str(markup), rows)).encode())
    return digest.hexdigest()
