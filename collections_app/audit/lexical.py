"""Part 5: each live chunk has its lexical row and nothing else has one, and segments hold the rows merged into them.

Others merge and retire meanwhile. A row that was merged stays so as long as it is there, and from its merge on a
segment that is read holds it; when it goes, a tombstone takes its place until the segment does not hold it any more.
So the order in which rows, segments and tombstones are read decides, and what looks wrong is looked at once more.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from collections_app import lexical_segments
from collections_app.audit.report import EXAMPLES, Finding, Report
from collections_app.lexical import Bucket
from collections_app.lexical_rows import missing_rows, orphan_rows
from collections_app.models import LexicalPostings, LexicalRow, LexicalSegment, VectorIndex

PAGE = 5000
MOST_COUNTED = 2**16 - 1

Ids = NDArray[np.int64]


def compare_lexical_rows(index: VectorIndex, report: Report, breathe: Callable[[], None], *, deep: bool) -> None:
    """Compare rows with live chunks and with segments, both ways; with `deep`, what segments say of each chunk too."""
    for name, rows in (
        (Finding.LEXICAL_ROWS_MISSING, missing_rows(index)),
        (Finding.LEXICAL_ROWS_WITHOUT_CHUNK, orphan_rows(index)),
    ):
        report.find_count(name, rows.count(), list(rows.order_by("pk").values_list("pk", flat=True)[:EXAMPLES]))
    wrong = {*_lost(index), *_dead(index)}
    if deep:
        wrong |= _with_lost_postings(index, breathe)
    report.find(Finding.LEXICAL_SEGMENTS_DIFFER, sorted(wrong))


def _lost(index: VectorIndex) -> set[int]:
    """Return the rows that are marked as merged, and that no segment holds which is read."""
    merged = _merged(index)
    held = _held(index)
    # One that has a tombstone is read in no segment. Its row went meanwhile, or has no business to be marked.
    doubtful = np.setdiff1d(merged, np.setdiff1d(held, lexical_segments.tombstones(index.pk)))
    return set(_merged_among(index, doubtful))


def _dead(index: VectorIndex) -> set[int]:
    """Return the chunks that a segment holds although they have neither a merged row nor a tombstone."""
    merged = _merged(index)
    doubtful = np.setdiff1d(_held(index), merged)
    doubtful = np.setdiff1d(doubtful, np.array(_merged_among(index, doubtful), dtype=np.int64))
    if not len(doubtful):
        return set()
    doubtful = np.setdiff1d(doubtful, lexical_segments.tombstones(index.pk))
    return lexical_segments.held_by_segments(index.pk, doubtful.tolist())


def _merged(index: VectorIndex) -> Ids:
    rows = LexicalRow.objects.filter(index=index, merged=True)
    return np.fromiter(rows.values_list("pk", flat=True).iterator(chunk_size=PAGE), dtype=np.int64)


def _merged_among(index: VectorIndex, chunk_ids: Ids) -> list[int]:
    rows = LexicalRow.objects.filter(index=index, merged=True)
    return [pk for page in _pages(chunk_ids) for pk in rows.filter(pk__in=page).values_list("pk", flat=True)]


def _pages(chunk_ids: Ids) -> Iterator[list[int]]:
    return (chunk_ids[start : start + PAGE].tolist() for start in range(0, len(chunk_ids), PAGE))


def _segments(index: VectorIndex) -> Iterable[LexicalSegment]:
    return LexicalSegment.objects.filter(index=index, complete=True).order_by("pk").iterator(chunk_size=1)


def _held(index: VectorIndex) -> Ids:
    held = [np.frombuffer(segment.chunks, dtype="<i8") for segment in _segments(index)]
    return np.concatenate([np.empty(0, np.int64), *held])


def _with_lost_postings(index: VectorIndex, breathe: Callable[[], None]) -> set[int]:
    """Return the chunks of which postings are lost: they say of fewer words than the segment has counted."""
    wrong: set[int] = set()
    for pk in [segment.pk for segment in _segments(index)]:
        breathe()
        segment = LexicalSegment.objects.filter(pk=pk, complete=True).first()
        if segment is None:
            continue
        counted = _counted(segment)
        chunks, lengths = np.frombuffer(segment.chunks, dtype="<i8"), np.frombuffer(segment.lengths, dtype="<u4")
        doubtful = chunks[(counted >= 0) & (counted != lengths)]
        # A segment that was merged away while it was read has lost nothing.
        if len(doubtful) and LexicalSegment.objects.filter(pk=pk, created_at=segment.created_at).exists():
            wrong.update(doubtful.tolist())
    return wrong & set(_merged_among(index, np.array(sorted(wrong), dtype=np.int64)))


def _counted(segment: LexicalSegment) -> NDArray[np.int64]:
    """Return how many words of each chunk the postings tell of; -1 where one occurs too often to be counted."""
    counted = np.zeros(segment.size, dtype=np.int64)
    capped = np.zeros(segment.size, dtype=bool)
    buckets = LexicalPostings.objects.filter(segment=segment).values_list("postings", flat=True)
    for raw in buckets.iterator(chunk_size=100):
        bucket = Bucket.from_bytes(raw)
        counted += np.bincount(bucket.positions, weights=bucket.counts, minlength=segment.size).astype(np.int64)
        capped[bucket.positions[bucket.counts == MOST_COUNTED]] = True
    return np.where(capped, -1, counted)
