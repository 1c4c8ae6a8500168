"""Segments: the rows of an index turned round in SQL, from terms to chunks, so that a question reads few bytes.

Rows are merged into small segments as they come in, and small segments into larger ones; what is not merged yet is read
row by row. Segments are immutable and made of rows, so they can be thrown away and made again at any time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from collections_app import changes
from collections_app.ledger import in_future
from collections_app.lexical import MOST_BITS, Bag, Bucket, Postings, bits_for
from collections_app.locks import lock_indexes
from collections_app.models import LexicalPostings, LexicalRow, LexicalSegment, LexicalTombstone
from collections_app.prepared import Parameter, prepared

# So many rows make a segment: what a question reads row by row stays below, and takes a few milliseconds.
ROWS_PER_SEGMENT = 512
# So many segments of one size make one of the next.
SEGMENTS_PER_MERGE = 4
# Segments above are merged no more, so that no merge takes longer than some seconds.
LARGEST = 60_000
# A question reads every tombstone; above, the segment with most of them is written without them.
MOST_TOMBSTONES = 1000
# A merge that has taken so long was killed.
MERGE_TERM = timedelta(minutes=5)
_BATCH = 5000


def keep_up(index_id: int) -> None:
    """Merge what has become enough to be merged. Each call does a bounded part; call it after every write."""
    while LexicalRow.objects.filter(index=index_id, merged=False)[:ROWS_PER_SEGMENT].count() == ROWS_PER_SEGMENT:
        if not _merge_rows(index_id):
            break
    while chosen := _to_merge(index_id):
        if not _merge_segments(index_id, chosen):
            break


@transaction.atomic
def _merge_rows(index_id: int) -> bool:
    """Make a segment of rows; False if somebody else is just doing so."""
    lock_indexes([index_id])
    rows = LexicalRow.objects.filter(index=index_id, merged=False).order_by("pk").select_for_update(skip_locked=True)
    chosen = list(rows[:ROWS_PER_SEGMENT])
    if len(chosen) < ROWS_PER_SEGMENT:
        return False
    postings = Postings.of([Bag.from_bytes(row.terms, row.length) for row in chosen])
    segment = _new_segment(
        index_id,
        np.array([row.pk for row in chosen], dtype=np.int64),
        np.array([row.length for row in chosen], dtype=np.uint32),
        bits=bits_for(len(postings.terms)),
    )
    _write_postings(segment, postings)
    LexicalSegment.objects.filter(pk=segment.pk).update(complete=True)
    LexicalRow.objects.filter(pk__in=[row.pk for row in chosen]).update(merged=True)
    return True


def _new_segment(index_id: int, chunks: NDArray[np.int64], lengths: NDArray[np.uint32], *, bits: int) -> LexicalSegment:
    return LexicalSegment.objects.create(
        index_id=index_id,
        size=len(chunks),
        chunks=chunks.astype("<i8").tobytes(),
        lengths=lengths.astype("<u4").tobytes(),
        bits=bits,
    )


def _write_postings(segment: LexicalSegment, postings: Postings) -> None:
    LexicalPostings.objects.bulk_create(
        LexicalPostings(segment=segment, bucket=bucket, postings=part.to_bytes())
        for bucket, part in postings.buckets(segment.bits)
    )


# --- larger segments ----------------------------------------------------------------------------------------------


def _to_merge(index_id: int) -> list[int]:
    """Return which segments to write anew as one: some of one size, or the one with most tombstones; [] for none."""
    segments = LexicalSegment.objects.filter(index=index_id, complete=True).order_by("size", "pk")
    sizes = list(segments.values_list("size", "pk"))
    for _tier, group in groupby((row for row in sizes if row[0] <= LARGEST), key=lambda row: _tier_of(row[0])):
        if len(alike := [pk for _size, pk in group]) >= SEGMENTS_PER_MERGE:
            return alike[:SEGMENTS_PER_MERGE]
    gone = tombstones(index_id)
    if len(gone) <= MOST_TOMBSTONES:
        return []
    held = {segment.pk: int(np.isin(gone, _chunks_of(segment)).sum()) for segment in segments.iterator(chunk_size=1)}
    worst = max(held, key=lambda pk: held[pk], default=None)
    if worst is None or not held[worst]:
        # Of segments that were thrown away.
        _forget(index_id, gone)
        return []
    return [worst]


def _forget(index_id: int, chunk_ids: NDArray[np.int64]) -> None:
    """Remove the tombstones of chunks that no segment holds."""
    for start in range(0, len(chunk_ids), _BATCH):
        part = chunk_ids[start : start + _BATCH].tolist()
        LexicalTombstone.objects.filter(index=index_id, chunk_id__in=part).delete()


def _tier_of(size: int) -> int:
    """Return 0 for a segment of rows, 1 for one made of some of these, and so on."""
    return max(0, round(math.log(max(1, size) / ROWS_PER_SEGMENT, SEGMENTS_PER_MERGE)))


def _chunks_of(segment: LexicalSegment) -> NDArray[np.int64]:
    return np.frombuffer(segment.chunks, dtype="<i8")


def tombstones(index_id: int) -> NDArray[np.int64]:
    """Return the ids of chunks that segments hold although their rows are gone."""
    gone = prepared(
        lambda: LexicalTombstone.objects.filter(index=Parameter("index")).values_list("chunk_id", flat=True)
    )
    return np.array(gone.rows(index=index_id), dtype=np.int64)


def held_by_segments(index_id: int, chunk_ids: Sequence[int]) -> set[int]:
    """Return which of these chunks a segment holds that is read, tombstones aside."""
    wanted = np.array(chunk_ids, dtype=np.int64)
    held: set[int] = set()
    for segment in LexicalSegment.objects.filter(index=index_id, complete=True).iterator(chunk_size=1):
        held.update(np.intersect1d(wanted, _chunks_of(segment)).tolist())
    return held - set(tombstones(index_id).tolist())


def _merge_segments(index_id: int, chosen: Sequence[int]) -> bool:
    """Write segments anew as one, without what has a tombstone, bucket by bucket; False if somebody else does so.

    Readers keep to the old segments until the new one is complete.
    """
    merging = LexicalSegment.objects.filter(index=index_id, complete=False)
    merging.filter(created_at__lt=in_future(-MERGE_TERM)).delete()
    if merging.exists():
        return False
    segments = list(LexicalSegment.objects.filter(pk__in=chosen, complete=True).order_by("pk"))
    gone = tombstones(index_id)
    plan = _MergePlan.of(segments, gone)
    merged = _new_segment(index_id, plan.chunks, plan.lengths, bits=plan.bits)
    for group in range(2**plan.group_bits):
        parts = [
            bucket.postings().moved(places)
            for segment, places in zip(segments, plan.places, strict=True)
            for bucket in _buckets_of(segment, group, plan.group_bits)
        ]
        _write_postings(merged, Postings.joined(parts))
    return _replace(segments, merged, gone)


@dataclass(frozen=True, slots=True)
class _MergePlan:
    """What becomes of the chunks of some segments: `places` has the new position of each, -1 where it is left out."""

    chunks: NDArray[np.int64]
    lengths: NDArray[np.uint32]
    places: list[NDArray[np.int64]]
    bits: int
    # Buckets of so many bits are read and written together.
    group_bits: int

    @classmethod
    def of(cls, segments: Sequence[LexicalSegment], gone: NDArray[np.int64]) -> "_MergePlan":
        before = [_chunks_of(segment) for segment in segments]
        kept = [~np.isin(chunks, gone) for chunks in before]
        chunks = np.concatenate([ids[there] for ids, there in zip(before, kept, strict=True)])
        lengths = np.concatenate(
            [np.frombuffer(segment.lengths, dtype="<u4")[there] for segment, there in zip(segments, kept, strict=True)]
        )
        order = np.argsort(chunks)
        chunks = chunks[order]
        places = [np.where(there, np.searchsorted(chunks, ids), -1) for ids, there in zip(before, kept, strict=True)]
        bits = [segment.bits for segment in segments]
        growth = len(chunks) // max(1, *(len(ids) for ids in before))
        grown = max(0, growth.bit_length() - 1)
        return cls(chunks, lengths[order], places, min(MOST_BITS, max(bits) + grown), min(bits))


def _buckets_of(segment: LexicalSegment, group: int, group_bits: int) -> list[Bucket]:
    per_group = 2 ** (segment.bits - group_bits)
    buckets = LexicalPostings.objects.filter(
        segment=segment, bucket__gte=group * per_group, bucket__lt=(group + 1) * per_group
    )
    return [Bucket.from_bytes(raw) for raw in buckets.order_by("bucket").values_list("postings", flat=True)]


@transaction.atomic
def _replace(segments: Sequence[LexicalSegment], merged: LexicalSegment, gone: NDArray[np.int64]) -> bool:
    """Let readers see the merged segment instead of the others, unless one of these was replaced meanwhile."""
    lock_indexes([merged.index_id])
    old = LexicalSegment.objects.filter(pk__in=[segment.pk for segment in segments])
    mine = LexicalSegment.objects.filter(pk=merged.pk)
    if old.select_for_update().count() < len(segments) or not mine.update(complete=True):
        mine.delete()
        return False
    for segment in segments:
        _forget(merged.index_id, np.intersect1d(_chunks_of(segment), gone))
    old.delete()
    if not merged.size:
        mine.delete()
    return True


@transaction.atomic
def rebuild(index_id: int) -> None:
    """Throw the segments of an index away. The rows are read one by one until `keep_up` has made them again."""
    lock_indexes([index_id], exclusive=True)
    LexicalSegment.objects.filter(index=index_id).delete()
    LexicalTombstone.objects.filter(index=index_id).delete()
    LexicalRow.objects.filter(index=index_id, merged=True).update(merged=False)
    # They say what the rows say, unless they were damaged: then nobody may go by what was read of them.
    changes.note_words(index_id)
