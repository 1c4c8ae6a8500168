"""An answer as people see it: titles with links, passages with marked words, values of fields."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import get_script_prefix, reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from collections_app.models import Chunk, Document, MetadataField, MetadataValue
from collections_app.prepared import Many, prepared
from search_app.highlighting import Fragment, excerpt
from search_app.leg import Measure
from search_app.parameters import Parameters, key_of
from search_app.response import Hit

EXCERPT_CHARACTERS = 480
_ANY = UUID(int=0)
_MOST_FIELDS = 6
_MOST_VALUES = 3
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Link:
    """Words and where they lead."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A document's values of one field, each leading to the same search among documents that have it too."""

    label: str
    links: Sequence[Link]
    more: bool


@dataclass(frozen=True, slots=True)
class Result:
    """One hit. What `score` is, `measure` says. `context_url` leads to the passage with its neighbours, "" if empty."""

    title: str
    url: str
    context_url: str
    like_url: str
    collection: str
    address: str
    language: str
    passage: Sequence[Fragment]
    score: float
    measure: Measure
    values: Sequence[FieldValues]


def results_of(
    hits: Sequence[Hit], parameters: Parameters, fields: Sequence[MetadataField], *, query: str
) -> list[Result]:
    """Return the hits of one page, with the words of `query` marked and their documents' values of `fields`."""
    values = _values({hit.document.pk for hit in hits}, fields)
    return [
        Result(
            title=str(hit.document),
            url=passage_url(hit.chunk),
            context_url=context_url(hit.chunk, query),
            like_url=like_url(hit.chunk, parameters),
            collection=hit.document.collection.name,
            address=hit.chunk.address,
            language=hit.chunk.language or hit.document.effective_language,
            passage=excerpt(hit.chunk.text, query, length=EXCERPT_CHARACTERS),
            score=hit.score,
            measure=hit.measure,
            values=_field_values(values[hit.document.pk], parameters),
        )
        for hit in hits
    ]


def context_url(chunk: Chunk, query: str) -> str:
    """Return the address of a passage among its neighbours, "" for an empty one."""
    if chunk.start == chunk.end:
        return ""
    place = {"revision": chunk.revision, "start": chunk.start, "end": chunk.end, "q": query}
    return f"{_path_of('search:context', chunk.document)}?{urlencode(place)}"


def like_url(chunk: Chunk, parameters: Parameters) -> str:
    """Return the address of the search for what is like a passage, in its collection, or like its whole document."""
    identity = str(chunk.document.public_id)
    place = f"{identity}:{chunk.start}:{chunk.end}" if chunk.start < chunk.end else identity
    alike = Parameters(like=place, collections=(chunk.document.collection.slug,), diversity=parameters.diversity)
    return reverse("search:search") + alike.query_string


def passage_url(chunk: Chunk) -> str:
    """Return the address of a passage; it names document, revision and place, so that it outlives re-indexing."""
    path = _path_of("search:document", chunk.document)
    if chunk.start == chunk.end:
        return path
    return f"{path}?{urlencode({'revision': chunk.revision, 'start': chunk.start, 'end': chunk.end})}#passage"


def _path_of(view: str, document: Document) -> str:
    return _pattern(view, get_script_prefix()).replace(str(_ANY), str(document.public_id))


@lru_cache(maxsize=16)
def _pattern(view: str, _prefix: str) -> str:
    """Return a view's path for a document of the id _ANY: reversing takes longer than all else about a hit."""
    return reverse(view, args=[_ANY])


def _values(document_ids: Iterable[int], fields: Sequence[MetadataField]) -> dict[int, list[MetadataValue]]:
    found: dict[int, list[MetadataValue]] = defaultdict(list)
    order = ("document", "field__position", "field__name", "position")
    rows = prepared(
        lambda: MetadataValue.objects.filter(document__in=Many("documents"), field__in=Many("fields")).order_by(*order),
        order,
    )
    known = {field.pk: field for field in fields}
    for value in rows.rows(documents=document_ids, fields=known):
        value.field = known[value.field_id]
        found[value.document_id].append(value)
    return found


def _field_values(rows: Sequence[MetadataValue], parameters: Parameters) -> list[FieldValues]:
    found = []
    for _field, group in groupby(rows, key=lambda row: row.field_id):
        values = list(group)
        field, texts = values[0].field, [in_words(row.value) for row in values]
        if any(len(text) > _LONGEST_VALUE for text in texts):
            continue
        links = [
            Link(text, parameters.with_filter(key_of(field.name), as_parameter(row.value)).query_string)
            for row, text in zip(values[:_MOST_VALUES], texts, strict=False)
        ]
        found.append(FieldValues(str(field), links, more=len(values) > _MOST_VALUES))
    return found[:_MOST_FIELDS]


def in_words(value: Any) -> str:
    """Return a value of a field as people write it."""
    match value:
        case bool():
            return _("Yes") if value else _("No")
        case datetime():
            return formats.date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT")
        case date():
            return formats.date_format(value, "DATE_FORMAT")
        case _:
            return str(value)


def as_parameter(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case _:
            return str(value)
