"""Asks an index's segments and unmerged rows for a question's terms."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection as Sized
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import lru_cache, reduce
from itertools import groupby
from operator import itemgetter, or_
from typing import Any

import numpy as np
from django.db.models import BinaryField, DateTimeField, IntegerField, Q, QuerySet, Value
from numpy.typing import NDArray

from collections_app import changes
from collections_app.changes import Position
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
from collections_app.models import LexicalPostings, LexicalRow, LexicalSegment, LexicalTombstone
from collections_app.prepared import Many, Parameter, prepared
from collections_app.recent import Recent

# A question of a page of text is asked by its most frequent terms.
MOST_TERMS = 100
# Chunks and lengths of so many segments are remembered, each up to 3 MB, and what holds the words of so many indexes.
_REMEMBERED = 16
# Common words are in most questions and have most of the postings.
_REMEMBERED_BYTES = 32 * 2**20


def search_words(index_id: int, question: str, *, version: object = None) -> Scores:
    """Return the BM25 scores of the chunks that have any of the question's terms.

    They were live when they were read; whoever shows them looks again. Who has just found out that nothing was noted
    since another search, says so by giving the same `version`; then it is not asked for again.
    """
    asked = _asked(question)
    if not asked:
        return score([], {})
    return score(_read(index_id, list(asked), version), asked)


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


def _read(index_id: int, terms: Sized[int], version: object = None) -> list[Part]:
    """Read everything that counts. What is merged between two statements is read as what it became."""
    contents = _as_remembered(index_id, version) or _contents(index_id, version)
    while True:
        try:
            # Rows last, because they have the highest ids: so scores are in order as they come.
            return [*_merged(contents, terms), _unmerged(contents, terms)]
        except _MergedMeanwhile:
            contents = _contents(index_id, version)


class _MergedMeanwhile(Exception):
    """A segment is no longer there."""


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


@dataclass(frozen=True, slots=True)
class _Contents:
    """What holds an index's words at a moment not before `position`: segments, rows, and whom tombstones hide.

    The rows are those that no segment holds yet: their chunks and bags.
    """

    position: Position
    segments: list[Known]
    chunks: NDArray[np.int64]
    bags: list[Bag]
    gone: NDArray[np.int64]
    # Of whom said that nothing was noted up to then.
    version: object = None


_contents_seen: Recent[int, _Contents] = Recent(_REMEMBERED)


def _as_remembered(index_id: int, version: object) -> _Contents | None:
    """Return what was read last, if the words are the same now; merges, which are not noted, leave them so."""
    known = _contents_seen.get(index_id)
    if known and version is not None and known.version is version:
        return known
    found = changes.since(index_id, known.position) if known else None
    if known is None or found is None or found.is_any:
        return None
    known = replace(known, position=found.position, version=version)
    _contents_seen.put(index_id, known)
    return known


class _Kind(IntEnum):
    SEGMENT = 0
    ROW = 1
    TOMBSTONE = 2


def _contents(index_id: int, version: object) -> _Contents:
    """Read all by one statement: of two, a merge between them would show its rows twice or never."""

    def wanted() -> "QuerySet[LexicalSegment, tuple[Any, ...]]":
        no_number, no_bytes = Value(0, IntegerField()), Value(None, BinaryField())
        no_date = Value(None, DateTimeField())
        of_index = {"index": Parameter("index")}
        segments = LexicalSegment.objects.filter(**of_index, complete=True).order_by()
        rows = LexicalRow.objects.filter(**of_index, merged=False).order_by()
        gone = LexicalTombstone.objects.filter(**of_index).order_by()
        return segments.values_list(Value(_Kind.SEGMENT), "pk", "bits", no_bytes, "created_at").union(
            rows.values_list(Value(_Kind.ROW), "pk", "length", "terms", no_date),
            gone.values_list(Value(_Kind.TOMBSTONE), "chunk_id", no_number, no_bytes, no_date),
            all=True,
        )

    position = changes.position(index_id)
    found: dict[int, list[tuple[Any, ...]]] = {kind: [] for kind in _Kind}
    for kind, *row in prepared(wanted).rows(index=index_id):
        found[kind].append(tuple(row))
    rows = sorted(found[_Kind.ROW], key=itemgetter(0))
    contents = _Contents(
        position=position,
        segments=sorted((pk, bits, created) for pk, bits, _raw, created in found[_Kind.SEGMENT]),
        chunks=np.array([pk for pk, *_ in rows], dtype=np.int64),
        bags=[Bag.from_bytes(raw, length) for _pk, length, raw, _created in rows],
        gone=np.array([row[0] for row in found[_Kind.TOMBSTONE]], dtype=np.int64),
        version=version,
    )
    # Where nothing was noted yet, another database's contents could not be told from these.
    if position.last is not None:
        _contents_seen.put(index_id, contents)
    return contents


def _unmerged(contents: _Contents, terms: Sized[int]) -> Part:
    postings = Postings.of(contents.bags, among=terms)
    return Part(
        chunks=contents.chunks,
        lengths=np.array([bag.length for bag in contents.bags], dtype=np.uint32),
        matches={term: postings.find(term) for term in terms},
        gone=np.empty(0, np.int64),
    )


def _merged(contents: _Contents, terms: Sized[int]) -> list[Part]:
    buckets = _buckets(contents.segments, terms)
    return [_part(known, buckets, contents.gone, terms) for known in contents.segments]


def _buckets(segments: Sequence[Known], terms: Sized[int]) -> dict[Place, Bucket | None]:
    """Return the buckets of the terms, None for what is empty; those that are not remembered are read."""
    wanted = [(known, number) for known in segments for number in {bucket_of(term, known[1]) for term in terms}]
    found = {place: _recent.get(place) for place in wanted}
    missing = [place for place in wanted if found[place] is None]
    if missing:
        read = dict(_read_buckets(missing))
        for place, bucket in read.items():
            _recent.put(place, bucket)
        found |= read
    return found


def _read_buckets(places: Sequence[Place]) -> "Iterator[tuple[Place, Bucket]]":
    """Read those that are not empty. Raises _MergedMeanwhile if a segment is gone, so that none only seems empty."""
    asked = [
        (known, [number for _known, number in each]) for known, each in groupby(places, key=lambda place: place[0])
    ]

    def wanted() -> "QuerySet[LexicalPostings, tuple[int, int | None, bytes | memoryview | None]]":
        each = (Q(segment=Parameter(f"segment_{n}"), bucket__in=Many(f"buckets_{n}")) for n in range(len(asked)))
        buckets = LexicalPostings.objects.filter(reduce(or_, each)).values_list("segment", "bucket", "postings")
        segments = LexicalSegment.objects.filter(pk__in=Many("segments")).order_by()
        none = Value(None, IntegerField()), Value(None, BinaryField())
        return buckets.union(segments.values_list("pk", *none), all=True)

    by_pk = {known[0]: known for known, _numbers in asked}
    values: dict[str, object] = {"segments": list(by_pk)}
    for n, (known, numbers) in enumerate(asked):
        values |= {f"segment_{n}": known[0], f"buckets_{n}": numbers}
    rows = prepared(wanted, len(asked)).rows(**values)
    if sum(raw is None for _pk, _number, raw in rows) < len(by_pk):
        raise _MergedMeanwhile
    for pk, number, raw in rows:
        if number is not None and raw is not None:
            yield (by_pk[pk], number), Bucket.from_bytes(raw)


def _part(known: Known, buckets: Mapping[Place, Bucket | None], gone: NDArray[np.int64], terms: Sized[int]) -> Part:
    pk, bits, created = known
    try:
        chunks, lengths = _header(pk, created)
    except LexicalSegment.DoesNotExist as error:
        raise _MergedMeanwhile from error
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
