"""One document as people read it: its text with passages and outline, and the passage that a link points to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models.functions import Substr
from django.utils.translation import gettext as _

from collections_app.metadata import flatten
from collections_app.models import (
    Chunk,
    ChunkState,
    Document,
    DocumentText,
    IndexEntry,
    MetadataField,
    Segment,
)
from search_app.parameters import whole_number
from search_app.reading import Block, Span, find_again, lay_out, page_of, pages
from search_app.results import in_words

# Longer outlines show the entries of the present page only.
MOST_ENTRIES = 300


@dataclass(frozen=True, slots=True)
class Reference:
    """A passage as a link names it: a stretch of the text that the document had at a revision."""

    revision: int
    start: int
    end: int

    @classmethod
    def read(cls, data: Mapping[str, str]) -> "Reference | None":
        """Return the reference in a query string, None if there is none or it makes no sense."""
        revision, start, end = (whole_number(data.get(name, "")) for name in ("revision", "start", "end"))
        if revision is None or start is None or end is None or start >= end:
            return None
        return cls(revision, start, end)


class Fate(StrEnum):
    """What became of a passage since the link to it was made."""

    SAME = "same"
    MOVED = "moved"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A heading, page, slide or sheet, and where it is."""

    label: str
    level: int
    start: int
    page: int


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """What the template shows. Pages are counted from 1; `mark_start` is where the linked passage begins."""

    document: Document
    entry: IndexEntry | None
    rows: Sequence[tuple[str, str]]
    blocks: Sequence[Block]
    outline: Sequence[OutlineEntry]
    outline_is_partial: bool
    page: int
    page_count: int
    mark_start: int | None
    fate: Fate | None


def document_page(document: Document, *, reference: Reference | None, page: int | None) -> DocumentPage:
    """Lay a document out. `page` counts from 1; without it, it is the page of the linked passage or the first one."""
    text = document.text
    cuts = pages(text)
    mark, fate = _follow(document, reference) if reference else (None, None)
    if page is None:
        page = page_of(mark[0], cuts) + 1 if mark else 1
    page = min(max(1, page), len(cuts))
    segments = list(Segment.objects.filter(source_text=document.content_id).order_by("start", "level"))
    outline = [
        OutlineEntry(str(segment), segment.level, segment.start, page_of(segment.start, cuts) + 1)
        for segment in segments
    ]
    too_long = len(outline) > MOST_ENTRIES
    here = cuts[page - 1]
    return DocumentPage(
        document=document,
        entry=IndexEntry.objects.filter(index=document.collection.serving_index_id, document=document).first(),
        rows=_rows(document),
        blocks=lay_out(
            text, here, passages=_passages(document, here), segments=[entry.start for entry in outline], mark=mark
        ),
        outline=[entry for entry in outline if entry.page == page][:MOST_ENTRIES] if too_long else outline,
        outline_is_partial=too_long,
        page=page,
        page_count=len(cuts),
        mark_start=mark[0] if mark else None,
        fate=fate,
    )


def _follow(document: Document, reference: Reference) -> tuple[Span | None, Fate]:
    """Find the passage of a reference in the present text, wherever it stands now.

    What the document no longer says is not shown, although its former text may still be there.
    """
    source = (
        DocumentText.objects.filter(document=document, revision__lte=reference.revision)
        .annotate(passage=Substr("text", reference.start + 1, reference.end - reference.start))
        .order_by("-revision")
        .values_list("pk", "passage")
        .first()
    )
    if source is None or reference.revision > document.revision:
        return None, Fate.GONE
    content_id, passage = source
    if content_id == document.content_id:
        return (reference.start, reference.start + len(passage)) if passage else None, Fate.SAME
    found = find_again(passage, document.text, near=reference.start)
    return found, Fate.MOVED if found else Fate.GONE


def _passages(document: Document, page: Span) -> list[Span]:
    """Return the searchable passages that were cut from the present text and reach into this page."""
    chunks = Chunk.objects.filter(
        document=document,
        index=document.collection.serving_index_id,
        state=ChunkState.LIVE,
        source_text=document.content_id,
        start__lt=page[1],
        end__gt=page[0],
    )
    return list(chunks.values_list("start", "end"))


def _rows(document: Document) -> list[tuple[str, str]]:
    """Return the metadata as given: first the declared fields under their labels, then the others by name."""
    fields = MetadataField.objects.filter(collection=document.collection_id)
    values = flatten(document.metadata)
    rows = [(str(field), values.pop(field.source_name)) for field in fields if field.source_name in values]
    # PostgreSQL does not keep the order in which the keys of a JSON object were given.
    return [(label, _written(value)) for label, value in [*rows, *sorted(values.items())]]


def _written(value: Any) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, list):
        return _(", ").join(_written(item) for item in value)
    return in_words(value)
