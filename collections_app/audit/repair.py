"""Mending what an audit found, and nothing else. What is found is looked at again under the locks of all writers."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from collections_app import lexical_segments, projection
from collections_app.audit.entries import add_entries, correct_entries, remove_entries
from collections_app.audit.passages import untrue
from collections_app.audit.records import expected_records, live_among, sort_strange
from collections_app.audit.report import BATCH, STORE, Finding, Report
from collections_app.lexical_repair import add_missing_rows, remove_orphan_rows
from collections_app.locks import lock_documents, lock_entries, lock_indexes
from collections_app.models import (
    Chunk,
    ChunkState,
    Embedding,
    EntryState,
    IndexEntry,
    IndexState,
    PhysicalState,
    VectorIndex,
)
from collections_app.visibility import live_digest, retire

Mend = Callable[[VectorIndex, list[int]], int]


def repair(
    index: VectorIndex, report: Report, breathe: Callable[[], None], *, kinds: AbstractSet[Finding] | None = None
) -> dict[str, int]:
    """Mend what `report` found, of these kinds or all; return how many of each kind were mended.

    `breathe` is called before each batch.
    """
    mended = {name: 0 for name in Finding if name in report.findings and (kinds is None or name in kinds)}
    for name, mend in _MENDS.items():
        if name in mended:
            mended[name] = sum(mend(index, ids) for ids in _with_pauses(report.batches(name), breathe))
    if Finding.LEXICAL_ROWS_WITHOUT_CHUNK in mended:
        mended[Finding.LEXICAL_ROWS_WITHOUT_CHUNK] = _all(remove_orphan_rows, index)
    if Finding.LEXICAL_ROWS_MISSING in mended:
        mended[Finding.LEXICAL_ROWS_MISSING] = _all(add_missing_rows, index)
    if Finding.LEXICAL_SEGMENTS_DIFFER in mended:
        mended[Finding.LEXICAL_SEGMENTS_DIFFER] = report.findings[Finding.LEXICAL_SEGMENTS_DIFFER]
        lexical_segments.rebuild(index.pk)
        lexical_segments.keep_up(index.pk)
    _mend_store(index, report, mended, breathe, may_replace=kinds is None or Finding.COLLECTION_LOST in kinds)
    return {str(name): count for name, count in mended.items() if count}


def _with_pauses(batches: Iterable[list[int]], breathe: Callable[[], None]) -> Iterator[list[int]]:
    for ids in batches:
        breathe()
        yield ids


def _all(step: Callable[[VectorIndex], int], index: VectorIndex) -> int:
    total = 0
    while count := step(index):
        total += count
    return total


# --- SQL --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def _retire_without_document(index: VectorIndex, chunk_ids: list[int]) -> int:
    """Retire live chunks of documents that are deleted or in another collection."""
    chunks = Chunk.objects.filter(pk__in=chunk_ids, index=index, state=ChunkState.LIVE)
    lock_indexes([index.pk])
    documents = lock_documents(set(chunks.values_list("document", flat=True)))
    gone = [
        pk for pk, row in documents.items() if row.deleted_at is not None or row.collection_id != index.collection_id
    ]
    return retire(chunks.filter(document__in=gone))


def _mend_passages(index: VectorIndex, document_ids: Sequence[int]) -> int:
    """Have documents projected anew whose live chunks are not as recorded; retire those that the text does not hold."""
    with transaction.atomic():
        if not _lock(index, document_ids):
            return 0
        wrong = untrue(index, document_ids)
        retire(Chunk.objects.filter(pk__in=list(wrong.chunks)))
        return _project_anew(index, wrong.all_documents)


def _mend_passages_of(index: VectorIndex, chunk_ids: list[int]) -> int:
    documents = _documents_of(index, chunk_ids)
    before = live_among(index, chunk_ids)
    _mend_passages(index, documents)
    return len(before - live_among(index, chunk_ids))


def _embed_again(index: VectorIndex, chunk_ids: list[int]) -> int:
    """Retire live chunks whose vector cannot be used for an answer, and have their documents projected anew."""
    documents = _documents_of(index, chunk_ids)
    with transaction.atomic():
        if not _lock(index, documents):
            return 0
        count = retire(Chunk.objects.filter(pk__in=chunk_ids, index=index, state=ChunkState.LIVE))
        _project_anew(index, documents)
    return count


def _take_another_vector(index: VectorIndex, chunk_ids: list[int]) -> int:
    """Have documents projected anew whose chunks refer to the vector of something else; they stay live meanwhile."""
    documents = _documents_of(index, chunk_ids)
    with transaction.atomic():
        if not _lock(index, documents):
            return 0
        _project_anew(index, documents)
    return len(chunk_ids)


def _discard_vectors(index: VectorIndex, chunk_ids: list[int]) -> int:
    """Remove vectors that are none, also from under the chunks of other indexes that share them."""
    bad = set(Chunk.objects.filter(pk__in=chunk_ids, embedding__isnull=False).values_list("embedding", flat=True))
    for pk in sorted(bad):
        # From here on nobody finds it by its input; were we killed now, the next audit finds it again by its chunks.
        Embedding.objects.filter(pk=pk).update(digest=secrets.token_bytes(32))
    using = Chunk.objects.filter(embedding__in=bad).exclude(state=ChunkState.RETIRED)
    for other in VectorIndex.objects.filter(pk__in=using.order_by().values("index")).order_by("pk"):
        while ids := list(using.filter(index=other).order_by("pk").values_list("pk", flat=True)[:BATCH]):
            documents = list(Chunk.objects.filter(pk__in=ids).order_by().values_list("document", flat=True).distinct())
            with transaction.atomic():
                _lock(other, documents)
                retire(using.filter(pk__in=ids))
                _project_anew(other, documents)
    for pk in sorted(bad):
        try:
            with transaction.atomic():
                Chunk.objects.filter(embedding=pk, state=ChunkState.RETIRED).update(embedding=None)
                Embedding.objects.filter(pk=pk, chunks=None).delete()
        except IntegrityError:
            # A worker that had looked it up before has just staged a chunk with it; the comparison that follows tells.
            continue
    return len(chunk_ids)


def _documents_of(index: VectorIndex, chunk_ids: Sequence[int]) -> list[int]:
    live = Chunk.objects.filter(pk__in=chunk_ids, index=index, state=ChunkState.LIVE)
    return sorted(set(live.values_list("document", flat=True)))


def _lock(index: VectorIndex, document_ids: Sequence[int]) -> bool:
    """Take the locks of a writer; False when the index was dropped."""
    rows = lock_indexes([index.pk])
    lock_documents(document_ids)
    lock_entries(index.pk, document_ids)
    return any(row.state != IndexState.DROPPED for row in rows)


def _project_anew(index: VectorIndex, document_ids: Iterable[int]) -> int:
    """Have a worker project the present revision again, under the locks. What is live and true stays live meanwhile.

    Whoever works on it now loses the lease: what it looked up may be what was wrong.
    """
    count = 0
    for document_id in document_ids:
        chunks, digest = live_digest(index.pk, document_id)
        count += IndexEntry.objects.filter(index=index, document=document_id, document__deleted_at=None).update(
            indexed_revision=0,
            state=EntryState.PENDING,
            chunk_count=chunks,
            text_digest=digest,
            priority=0,
            attempts=0,
            suspect=False,
            error="",
            error_code="",
            next_attempt_at=Now(),
            wanted_at=Now(),
            lease_token=None,
            lease_expires_at=None,
        )
    return count


_MENDS: dict[Finding, Mend] = {
    Finding.LIVE_CHUNKS_WITHOUT_DOCUMENT: _retire_without_document,
    Finding.ENTRIES_WITHOUT_DOCUMENT: remove_entries,
    Finding.DOCUMENTS_WITHOUT_ENTRY: add_entries,
    Finding.WRONG_WANTED_REVISION: correct_entries,
    Finding.ENTRIES_CONTRADICTORY: correct_entries,
    Finding.LIVE_CHUNKS_NOT_IN_TEXT: _mend_passages_of,
    Finding.LIVE_CHUNKS_NOT_AS_RECORDED: _mend_passages,
    Finding.LIVE_CHUNKS_WITHOUT_VECTOR: _embed_again,
    Finding.VECTORS_UNUSABLE: _discard_vectors,
    Finding.VECTORS_OF_ANOTHER_PROFILE: _take_another_vector,
    Finding.VECTORS_OF_ANOTHER_INPUT: _take_another_vector,
}

# --- the store --------------------------------------------------------------------------------------------------------


def _mend_store(
    index: VectorIndex, report: Report, mended: dict[Finding, int], breathe: Callable[[], None], *, may_replace: bool
) -> None:
    wrong = sum(report.findings.get(name, 0) for name in STORE - {Finding.REMOVALS_PENDING})
    if may_replace and (Finding.COLLECTION_LOST in report.findings or wrong > report.live_chunks / 2):
        reason = f"an audit found {wrong} of {report.live_chunks} records wrong"
        if Finding.COLLECTION_LOST in report.findings:
            reason, wrong = "an audit found the collection lost", 1
        if wrong and projection.raise_generation(index.pk, reason=reason, generation=index.generation):
            mended.update({name: report.findings[name] for name in mended if name in {*STORE, Finding.COLLECTION_LOST}})
        return
    physical = projection.current_collection(index)
    if physical.name != report.collection or physical.state != PhysicalState.READY:
        return
    if Finding.IDS_MISSING_IN_STORE in mended:
        missing = _with_pauses(report.batches(Finding.IDS_MISSING_IN_STORE), breathe)
        mended[Finding.IDS_MISSING_IN_STORE] = sum(_write(index, physical.name, ids) for ids in missing)
    for name in (Finding.VECTORS_ALTERED, Finding.METADATA_ALTERED):
        if name in mended:
            batches = _with_pauses(report.batches(name), breathe)
            mended[name] = sum(_write(index, physical.name, ids, only_settled=True) for ids in batches)
    if Finding.IDS_UNKNOWN_OR_NOT_LIVE in mended:
        unknown = _with_pauses(report.batches(Finding.IDS_UNKNOWN_OR_NOT_LIVE), breathe)
        mended[Finding.IDS_UNKNOWN_OR_NOT_LIVE] = sum(_delete(index, physical.name, ids) for ids in unknown)
    if Finding.REMOVALS_PENDING in mended:
        del mended[Finding.REMOVALS_PENDING]


def _write(index: VectorIndex, name: str, ids: Sequence[int], *, only_settled: bool = False) -> int:
    """Write the records of live chunks as SQL has them; return how many.

    One may be retired, and its id removed, while it is written. Its row is still there then: were we killed before we
    delete it again, the second pass over the tombstones does.
    """
    records = list(expected_records(index, ids, only_settled=only_settled).values())
    store = projection.store_of(index)
    store.upsert(name, records)
    written = [record.id for record in records]
    store.delete(name, sorted(set(written) - live_among(index, written)))
    return len(written)


def _delete(index: VectorIndex, name: str, ids: Sequence[int]) -> int:
    """Delete ids that have no business in the store; return how many."""
    unknown, _pending = sort_strange(index, name, ids)
    projection.store_of(index).delete(name, unknown)
    # An id above all that were given out may be given out at this very moment, where the database was restored.
    _write(index, name, sorted(live_among(index, unknown)))
    return len(unknown)
