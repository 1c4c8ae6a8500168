"""Postings: bags turned round, from terms to the positions of the chunks that have them. As arrays and as bytes.

A segment numbers its chunks from 0 in the order of their ids; these numbers are the positions. Its postings are cut
into 2**bits buckets by the first bits of a term's number, so that a question reads the buckets of its terms alone, and
buckets of fewer bits hold whole buckets of more.
"""

from collections.abc import Collection as Sized
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from collections_app.lexical.bags import Bag

# Read and unpacked within a fraction of a millisecond, and few enough rows to write.
_POSTINGS_PER_BUCKET = 1024
MOST_BITS = 12
_BITS_OF_A_TERM = 64


def bits_for(postings: int) -> int:
    """Return into how many buckets, as a power of two, so many postings are cut."""
    return min(MOST_BITS, max(0, (postings // _POSTINGS_PER_BUCKET).bit_length() - 1))


def bucket_of(term: int, bits: int) -> int:
    """Return the bucket of a term."""
    return term >> (_BITS_OF_A_TERM - bits)


@dataclass(frozen=True, slots=True)
class Postings:
    """Parallel columns, ordered by term and then position: uint64, uint32 and uint16 [n]."""

    terms: NDArray[np.uint64]
    positions: NDArray[np.uint32]
    counts: NDArray[np.uint16]

    @classmethod
    def of(cls, bags: Sequence[Bag], *, among: Sized[int] | None = None) -> Self:
        """Turn bags round; the position of each is its place in the sequence. With `among`, only these terms count."""
        if not bags:
            return cls.joined([])
        sizes = [len(bag.terms) for bag in bags]
        positions = np.repeat(np.arange(len(bags), dtype=np.uint32), sizes)
        terms, counts = np.concatenate([bag.terms for bag in bags]), np.concatenate([bag.counts for bag in bags])
        if among is not None:
            wanted = np.isin(terms, np.fromiter(among, np.uint64, len(among)))
            terms, positions, counts = terms[wanted], positions[wanted], counts[wanted]
        return cls(terms, positions, counts)._sorted()

    @classmethod
    def joined(cls, parts: Sequence["Postings"]) -> Self:
        """Put postings of the same chunks, or of others, into one order."""
        empty = cls(np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.uint16))
        every: list[Postings] = [empty, *parts]
        terms = np.concatenate([part.terms for part in every])
        positions = np.concatenate([part.positions for part in every])
        return cls(terms, positions, np.concatenate([part.counts for part in every]))._sorted()

    def _sorted(self) -> Self:
        order = np.lexsort((self.positions, self.terms))
        return type(self)(self.terms[order], self.positions[order], self.counts[order])

    def find(self, term: int) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Return the positions of the chunks that have the term, and how often each has it."""
        start, end = np.searchsorted(self.terms, np.uint64(term)), np.searchsorted(self.terms, np.uint64(term), "right")
        return self.positions[start:end], self.counts[start:end]

    def moved(self, places: NDArray[np.int64]) -> "Postings":
        """Give every chunk the position that `places` has for its present one; those with -1 are left out."""
        positions = places[self.positions]
        kept = positions >= 0
        return Postings(self.terms[kept], positions[kept].astype(np.uint32), self.counts[kept])

    def buckets(self, bits: int) -> Iterator[tuple[int, "Postings"]]:
        """Cut at the borders of buckets; empty ones are left out."""
        numbers = (self.terms >> np.uint64(_BITS_OF_A_TERM - bits)) if bits else np.zeros_like(self.terms)
        names, starts = np.unique(numbers, return_index=True)
        for name, start, end in zip(names, starts, [*starts, len(numbers)][1:], strict=True):
            yield int(name), Postings(self.terms[start:end], self.positions[start:end], self.counts[start:end])

    def to_bytes(self) -> bytes:
        """Return the number of terms, the terms, where the postings of each end, positions and counts."""
        terms, starts = np.unique(self.terms, return_index=True)
        ends = np.append(starts[1:], len(self.terms)) if len(terms) else starts
        head = np.array([len(terms)], dtype="<u8").tobytes()
        columns = (terms.astype("<u8"), ends.astype("<u4"), self.positions.astype("<u4"), self.counts.astype("<u2"))
        return head + b"".join(column.tobytes() for column in columns)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The postings of a bucket as they are stored: unpacked no further than a term needs."""

    terms: NDArray[np.uint64]
    ends: NDArray[np.uint32]
    positions: NDArray[np.uint32]
    counts: NDArray[np.uint16]

    @classmethod
    def from_bytes(cls, raw: bytes | memoryview) -> Self:
        size = int(np.frombuffer(raw, dtype="<u8", count=1)[0])
        terms = np.frombuffer(raw, dtype="<u8", count=size, offset=8)
        ends = np.frombuffer(raw, dtype="<u4", count=size, offset=8 + 8 * size)
        total = int(ends[-1]) if size else 0
        start = 8 + 12 * size
        positions = np.frombuffer(raw, dtype="<u4", count=total, offset=start)
        return cls(terms, ends, positions, np.frombuffer(raw, dtype="<u2", count=total, offset=start + 4 * total))

    @property
    def size(self) -> int:
        """The number of bytes that it takes."""
        return self.terms.nbytes + self.ends.nbytes + self.positions.nbytes + self.counts.nbytes

    def find(self, term: int) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Return the positions of the chunks that have the term, and how often each has it."""
        at = int(np.searchsorted(self.terms, np.uint64(term)))
        if at == len(self.terms) or int(self.terms[at]) != term:
            return self.positions[:0], self.counts[:0]
        start = int(self.ends[at - 1]) if at else 0
        return self.positions[start : int(self.ends[at])], self.counts[start : int(self.ends[at])]

    def postings(self) -> Postings:
        """Return all postings of the bucket."""
        return Postings(np.repeat(self.terms, np.diff(self.ends, prepend=np.uint32(0))), self.positions, self.counts)
