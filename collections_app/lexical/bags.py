"""Bags of terms: which terms a passage has and how often, as numbers and as bytes."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from collections_app.lexical.analysis import terms_of

_KEPT_TERMS = 100_000
_MOST_COUNTED = 2**16 - 1
_BYTES_PER_TERM = 10


@dataclass(frozen=True, slots=True)
class Bag:
    """The terms of a text: their numbers uint64 [n], ascending, and how often each occurs, uint16 [n]."""

    terms: NDArray[np.uint64]
    counts: NDArray[np.uint16]
    length: int

    def to_bytes(self) -> bytes:
        """Return the numbers, then the counts, little-endian."""
        return self.terms.astype("<u8").tobytes() + self.counts.astype("<u2").tobytes()

    @classmethod
    def from_bytes(cls, raw: bytes | memoryview, length: int) -> Self:
        size = len(raw) // _BYTES_PER_TERM
        terms = np.frombuffer(raw, dtype="<u8", count=size)
        return cls(terms, np.frombuffer(raw, dtype="<u2", count=size, offset=8 * size), length)


def bag_of(text: str) -> Bag:
    """Return the bag of a text; its length counts every occurrence."""
    counted = Counter(terms_of(text))
    terms = np.fromiter(map(number_of, counted), dtype=np.uint64, count=len(counted))
    counts = np.fromiter(counted.values(), dtype=np.int64, count=len(counted))
    order = np.argsort(terms)
    return Bag(terms[order], np.minimum(counts[order], _MOST_COUNTED).astype(np.uint16), counted.total())


@lru_cache(maxsize=_KEPT_TERMS)
def number_of(term: str) -> int:
    """Return the 64-bit number that stands for a term in every process and database."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
