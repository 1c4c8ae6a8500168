"""Asks an index's segments and unmerged rows for a question's terms."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection as Sized
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, reduce
from itertools import groupby
from operator import or_

import numpy as np
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from collections_app.lexical import (
    Bag,
    Bucket,
    Part,
    Postings,
    Scores,
    bag_of,
    bucket_of,
    holders,
    number_of,
    score,
    terms_of,
)
from collections_app.lexical_segments import tombstones
from collections_app.models import LexicalPostings, LexicalRow, LexicalSegment
from collections_app.prepared import Many, Parameter, prepared

# A question of a page of text is asked by its most frequent terms.
MOST_TERMS = 100
# How often all is read again because segments were merged meanwhile.
_ATTEMPTS = 3
# Chunks and lengths of so many segments are remembered, each up to 3 MB.
_REMEMBERED = 16
# Common words are in most questions and have most of the postings.
_REMEMBERED_BYTES = 32 * 2**20


def search_words(index_id: int, question: str) -> Scores:
    """Return the BM25 scores of the chunks that have any of the question's terms.

    They were live when they were read; whoever shows them looks again.
    """
    asked = _asked(question)
    if not asked:
        return score([], {})
    return score(_read(index_id, list(asked)), asked)


def search_words_instead(index_id: int, question: str, *, chunk_id: int, text: str) -> Scores:
    """Return the scores that `search_words` would return if one chunk had this text instead of its own."""
    asked = _asked(question)
    parts = [_without(part, chunk_id) for part in _read(index_id, list(asked))]
    bag = bag_of(text)
    postings = Postings.of([bag])
    instead = Part(
        chunks=np.array([chunk_id], dtype=np.int64),
        lengths=np.array([bag.length], dtype=np.uint32),
        matches={term: postings.find(term) for term in asked},
        gone=np.empty(0, np.int64),
    )
    return score([*parts, instead], asked)


def terms_in_use(index_id: int, terms: Sized[int]) -> set[int]:
    """Return which of these terms, by their numbers, some live passage has."""
    if not terms:
        return set()
    return {term for term, passages in holders(_read(index_id, terms), terms).items() if passages}


def _without(part: Part, chunk_id: int) -> Part:
    return replace(part, gone=np.union1d(part.gone, np.flatnonzero(part.chunks == chunk_id)))


def _asked(question: str) -> dict[int, int]:
    """Return the terms of a question and how often it has each."""
    return dict(Counter(map(number_of, terms_of(question))).most_common(MOST_TERMS))


def _read(index_id: int, terms: Sized[int]) -> list[Part]:
    """Read everything that counts. A merge moves chunks between what is read first and last: then once more."""
    before = _segments(index_id)
    for _attempt in range(_ATTEMPTS):
        parts = [_unmerged(index_id, terms), *_merged(before, tombstones(index_id), terms)]
        after = _segments(index_id)
        if after == before:
            break
        before = after
    return parts


# A segment: its number, the bits of its buckets, and when it was made: a database put back may give a number out again.
Known = tuple[int, int, datetime]
Place = tuple[Known, int]


class _Recent:
    """The buckets that were read last in this process, which never change, up to a number of bytes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._buckets: OrderedDict[Place, Bucket] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, place: Place) -> Bucket | None:
        with self._lock:
            if place in self._buckets:
                self._buckets.move_to_end(place)
            return self._buckets.get(place)

    def put(self, place: Place, bucket: Bucket) -> None:
        with self._lock:
            if place in self._buckets:
                return
            self._buckets[place] = bucket
            self._size += bucket.size
            while self._size > self._capacity:
                self._size -= self._buckets.popitem(last=False)[1].size


_recent = _Recent(_REMEMBERED_BYTES)


def _segments(index_id: int) -> list[Known]:
    complete = prepared(
        lambda: (
            LexicalSegment.objects.filter(index=Parameter("index"), complete=True)
            .order_by("pk")
            .values_list("pk", "bits", "created_at")
        )
    )
    return complete.rows(index=index_id)


def _unmerged(index_id: int, terms: Sized[int]) -> Part:
    unmerged = prepared(
        lambda: (
            LexicalRow.objects.filter(index=Parameter("index"), merged=False)
            .order_by("pk")
            .values_list("pk", "length", "terms")
        )
    )
    read = unmerged.rows(index=index_id)
    postings = Postings.of([Bag.from_bytes(raw, length) for _pk, length, raw in read])
    return Part(
        chunks=np.array([pk for pk, _length, _raw in read], dtype=np.int64),
        lengths=np.array([length for _pk, length, _raw in read], dtype=np.uint32),
        matches={term: postings.find(term) for term in terms},
        gone=np.empty(0, np.int64),
    )


def _merged(segments: Sequence[Known], gone: NDArray[np.int64], terms: Sized[int]) -> list[Part]:
    buckets = _buckets(segments, terms)
    return [_part(known, buckets, gone, terms) for known in segments]


def _buckets(segments: Sequence[Known], terms: Sized[int]) -> dict[Place, Bucket | None]:
    """Return the buckets of the terms, None for what is empty; those that are not remembered are read."""
    wanted = [(known, number) for known in segments for number in {bucket_of(term, known[1]) for term in terms}]
    found = {place: _recent.get(place) for place in wanted}
    missing = [place for place in wanted if found[place] is None]
    if missing:
        read: dict[Place, Bucket | None] = dict.fromkeys(missing)
        for place, raw in _read_buckets(missing):
            read[place] = Bucket.from_bytes(raw)
        for place, bucket in read.items():
            # One that is not there may have been merged away a moment ago: only what was seen is remembered.
            if bucket is not None:
                _recent.put(place, bucket)
        found |= read
    return found


def _read_buckets(places: Sequence[Place]) -> "Iterator[tuple[Place, bytes | memoryview[int]]]":
    asked = [
        (known, [number for _known, number in each]) for known, each in groupby(places, key=lambda place: place[0])
    ]

    def wanted() -> "QuerySet[LexicalPostings, tuple[int, int, bytes | memoryview[int]]]":
        each = (Q(segment=Parameter(f"segment_{n}"), bucket__in=Many(f"buckets_{n}")) for n in range(len(asked)))
        return LexicalPostings.objects.filter(reduce(or_, each)).values_list("segment", "bucket", "postings")

    values: dict[str, object] = {}
    for n, (known, numbers) in enumerate(asked):
        values |= {f"segment_{n}": known[0], f"buckets_{n}": numbers}
    by_pk = {known[0]: known for known, _numbers in asked}
    for pk, number, raw in prepared(wanted, len(asked)).rows(**values):
        yield (by_pk[pk], number), raw


def _part(known: Known, buckets: Mapping[Place, Bucket | None], gone: NDArray[np.int64], terms: Sized[int]) -> Part:
    pk, bits, created = known
    try:
        chunks, lengths = _header(pk, created)
    except LexicalSegment.DoesNotExist:
        # Merged just now; the list of segments has changed, and all is read again.
        return Part(np.empty(0, np.int64), np.empty(0, np.uint32), {}, np.empty(0, np.int64))
    found = {term: bucket.find(term) for term in terms if (bucket := buckets[known, bucket_of(term, bits)])}
    places = np.searchsorted(chunks, gone)
    inside = places < len(chunks)
    places, gone = places[inside], gone[inside]
    return Part(chunks, lengths, found, places[chunks[places] == gone])


@lru_cache(maxsize=_REMEMBERED)
def _header(pk: int, _created: datetime) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return chunks and lengths of a segment, which never change. A database put back may give its number out again."""
    chunks, lengths = LexicalSegment.objects.values_list("chunks", "lengths").get(pk=pk)
    return np.frombuffer(chunks, dtype="<i8"), np.frombuffer(lengths, dtype="<u4")
