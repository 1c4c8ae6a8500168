"""Part 3: the live chunks of each document are those that its last flip recorded, and stretches of its present text."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Exists, OuterRef

from collections_app.audit.report import Finding, Report
from collections_app.locks import lock_documents, lock_entries, lock_indexes
from collections_app.models import Chunk, ChunkState, Document, DocumentText, EntryState, IndexEntry, VectorIndex
from collections_app.visibility import chunk_digest

PAGE = 500
# A page holds at most so many characters of text, and at least one document.
PAGE_CHARACTERS = 2_000_000

Row = tuple[int, str, int, int, int, int]


@dataclass(slots=True)
class Untrue:
    """Documents whose live chunks are not as recorded, and live chunks (with their document) not in the text."""

    documents: list[int] = field(default_factory=list)
    chunks: dict[int, int] = field(default_factory=dict)

    @property
    def all_documents(self) -> list[int]:
        return sorted({*self.documents, *self.chunks.values()})


def compare_passages(index: VectorIndex, report: Report, breathe: Callable[[], None]) -> None:
    """Compare, document by document, what is live with what was recorded and with the text."""
    report.live_chunks = Chunk.objects.filter(index=index, state=ChunkState.LIVE).count()
    living = Document.objects.alive().filter(pk=OuterRef("document"), collection=index.collection_id)
    astray = Chunk.objects.filter(~Exists(living), index=index, state=ChunkState.LIVE)
    report.find(
        Finding.LIVE_CHUNKS_WITHOUT_DOCUMENT,
        astray.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=2000),
    )
    for ids in _pages(index):
        breathe()
        doubtful = untrue(index, ids).all_documents
        if doubtful:
            # The rows were read one after the other: under the locks nobody changes them in between.
            confirmed = _untrue_for_sure(index, doubtful)
            report.find(Finding.LIVE_CHUNKS_NOT_AS_RECORDED, confirmed.documents)
            report.find(Finding.LIVE_CHUNKS_NOT_IN_TEXT, confirmed.chunks)


@transaction.atomic
def _untrue_for_sure(index: VectorIndex, document_ids: Sequence[int]) -> Untrue:
    lock_indexes([index.pk])
    lock_documents(document_ids)
    lock_entries(index.pk, document_ids)
    return untrue(index, document_ids)


def untrue(index: VectorIndex, document_ids: Sequence[int]) -> Untrue:
    """Return what is wrong with the live chunks of living documents that have an entry."""
    entries = IndexEntry.objects.filter(index=index, document__in=document_ids, document__deleted_at=None)
    rows: dict[int, list[Row]] = defaultdict(list)
    columns = ("pk", "text", "start", "end", "source_text", "revision")
    live = Chunk.objects.filter(index=index, document__in=document_ids, state=ChunkState.LIVE)
    for document_id, *row in live.order_by("position", "pk").values_list("document", *columns):
        rows[document_id].append(tuple(row))
    sources = {row[4] for of_document in rows.values() for row in of_document}
    texts = {
        pk: (document_id, text)
        for pk, document_id, text in DocumentText.objects.filter(pk__in=sources).values_list("pk", "document", "text")
    }
    present = dict(Document.objects.filter(pk__in=document_ids).values_list("pk", "content__text"))
    found = Untrue()
    for entry in entries:
        chunks = rows[entry.document_id]
        if not _is_as_recorded(entry, chunks):
            found.documents.append(entry.document_id)
        for pk, text, start, end, source, _revision in chunks:
            owner, whole = texts.get(source, (0, ""))
            is_stretch = owner == entry.document_id and whole[start:end] == text
            if not is_stretch or text not in (present.get(entry.document_id) or ""):
                found.chunks[pk] = entry.document_id
    return found


def _is_as_recorded(entry: IndexEntry, chunks: Sequence[Row]) -> bool:
    if not entry.indexed_revision:
        # Projected for the first time, or anew: the flip will record what is live then.
        return entry.state == EntryState.PENDING or not chunks
    if any(revision != entry.indexed_revision for *_, revision in chunks):
        return False
    return chunk_digest(text for _, text, *_ in chunks) == (entry.chunk_count, entry.text_digest)


def _pages(index: VectorIndex) -> Iterator[list[int]]:
    entries = IndexEntry.objects.filter(index=index, document__deleted_at=None)
    through, page, characters = 0, list[int](), 0
    while rows := list(
        entries.filter(pk__gt=through).order_by("pk").values_list("pk", "document", "document__size")[:PAGE]
    ):
        through = rows[-1][0]
        for _, document_id, size in rows:
            if page and (len(page) == PAGE or characters + size > PAGE_CHARACTERS):
                yield page
                page, characters = [], 0
            page.append(document_id)
            characters += size
    if page:
        yield page
