"""Live vectors of an index in memory, a byte for each number, and which of them resemble a question. Pure.

A vector x is kept as integers c from -127 to 127 and one scale s with x ≈ s·c: a quarter of float32, and compared four
times as fast, because processors multiply bytes by the dozen. Each number is off by s/2 at most. What comes out names
candidates; their exact cosines come from SQL, see `semantic`.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from collections_app.geometry import quantise

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Copying the vectors that a filter keeps costs more than comparing them; where it keeps more, all are compared.
_COPIED_BELOW = 0.25
# Room for what will go live before everything is copied to a larger place.
_ROOM, _LEAST_ROOM = 1.125, 1024
# Errors of rounding in a sum are independent; none of a million sums is off by so many standard deviations.
_DEVIATIONS = 6.0
# A table of documents with a flag each is quicker than sorting them, up to this many.
_TABLE = 50_000_000


def bytes_per_passage(dimensions: int) -> int:
    """Return how much memory a passage takes."""
    return dimensions + 4 + 8 + 8 + 1


@dataclass(frozen=True, slots=True, eq=False)
class VectorMemory:
    """Passages by row: `chunk_ids`, `document_ids`, `codes`, `scales`; the first `size` rows are written.

    Immutable for who reads it: `extended` writes behind the rows of all earlier ones, so only the latest may be
    extended, by one thread at a time. `alive` [size] are the rows that have not been retired.
    """

    chunk_ids: Ids
    document_ids: Ids
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    alive: Mask

    @classmethod
    def with_room_for(cls, passages: int, dimensions: int) -> "VectorMemory":
        """Return an empty one that so many passages, and some more, fit into."""
        rows = int(passages * _ROOM) + _LEAST_ROOM
        return cls(
            chunk_ids=np.empty(rows, dtype=np.int64),
            document_ids=np.empty(rows, dtype=np.int64),
            codes=np.empty((rows, dimensions), dtype=np.int8),
            scales=np.empty(rows, dtype=np.float32),
            alive=np.empty(0, dtype=np.bool_),
        )

    @property
    def size(self) -> int:
        return len(self.alive)

    @property
    def passages(self) -> int:
        """How many rows have not been retired."""
        return int(np.count_nonzero(self.alive))

    @property
    def nbytes(self) -> int:
        columns = (self.chunk_ids, self.document_ids, self.codes, self.scales, self.alive)
        return sum(column.nbytes for column in columns)

    def extended(self, chunk_ids: Ids, document_ids: Ids, matrix: NDArray[np.float32]) -> "VectorMemory":
        """Return one with these passages too; vectors that are not finite, and passages that it has, are left out."""
        new = np.isfinite(matrix).all(axis=1) & ~np.isin(chunk_ids, self.chunk_ids[: self.size])
        size, count = self.size, int(np.count_nonzero(new))
        if not count:
            return self
        memory = self if size + count <= len(self.scales) else self._larger(size + count)
        rows = slice(size, size + count)
        memory.chunk_ids[rows], memory.document_ids[rows] = chunk_ids[new], document_ids[new]
        memory.codes[rows], memory.scales[rows] = quantise(matrix[new])
        return replace(memory, alive=np.concatenate([self.alive, np.ones(count, dtype=np.bool_)]))

    def without(self, chunk_ids: Ids) -> "VectorMemory":
        """Return one in which these passages are retired."""
        if not len(chunk_ids):
            return self
        return replace(self, alive=self.alive & ~np.isin(self.chunk_ids[: self.size], chunk_ids))

    def rows_of(self, document_ids: Ids) -> Mask:
        """Return the rows of these documents as a mask [size]."""
        return np.isin(self.document_ids[: self.size], document_ids)

    def count_documents(self, kept: Mask | None = None) -> int:
        """Return of how many documents there are passages alive, in all or among the rows `kept`."""
        documents = self.document_ids[: self.size][self.alive if kept is None else self.alive & kept]
        if not len(documents):
            return 0
        lowest = int(documents.min())
        width = int(documents.max()) - lowest + 1
        if width > _TABLE:
            return len(np.unique(documents))
        table = np.zeros(width, dtype=np.bool_)
        table[documents - lowest] = True
        return int(np.count_nonzero(table))

    def compare(self, vector: NDArray[np.float32], kept: Mask | None = None) -> "Compared":
        """Compare a question, float32 [d], with the rows that are alive and `kept` [size], None for all of them."""
        wanted = self.alive if kept is None else self.alive & kept
        rows = np.flatnonzero(wanted)
        (question,), (scale,) = quantise(vector[None, :])
        if len(rows) < _COPIED_BELOW * self.size:
            dots, scales = _dots(self.codes[rows], question), self.scales[rows]
        else:
            dots, scales = _dots(self.codes[: self.size], question), self.scales[: self.size]
            if len(rows) < self.size:
                dots, scales = dots[rows], scales[rows]
        similarities = (dots * (scales * scale)).astype(np.float32)
        largest = float(scales.max(initial=0.0))
        rounding = float(np.linalg.norm(vector - question * scale))
        return Compared(
            rows=rows,
            similarities=similarities,
            likely_error=_DEVIATIONS * sqrt((largest**2 + float(scale) ** 2) / 12),
            largest_error=largest / 2 * sqrt(self.codes.shape[1]) + rounding + 1e-3,
        )

    def _larger(self, passages: int) -> "VectorMemory":
        larger = VectorMemory.with_room_for(passages, self.codes.shape[1])
        size = self.size
        larger.chunk_ids[:size], larger.document_ids[:size] = self.chunk_ids[:size], self.document_ids[:size]
        larger.codes[:size], larger.scales[:size] = self.codes[:size], self.scales[:size]
        return larger


class Compared:
    """Similarities of rows, off by `likely_error` but for a miracle, and by `largest_error` never (unit vectors).

    `best_left` is the highest of the rows that have not been taken, -inf if there are none.
    """

    def __init__(
        self, *, rows: Ids, similarities: NDArray[np.float32], likely_error: float, largest_error: float
    ) -> None:
        self.count = len(rows)
        self.likely_error, self.largest_error = likely_error, largest_error
        self._rows, self._similarities = rows, similarities
        # How the last ones were taken: rows in an order in which so many of the best come first.
        self._order: Ids | None = None
        self._taken = 0
        self.best_left = float(similarities.max(initial=-np.inf))

    def take(self, limit: int) -> tuple[Ids, NDArray[np.float32]]:
        """Take out the `limit` best rows that are left, in no order, with their similarities."""
        if self._order is not None:
            rest = self._order[self._taken :]
            self._rows, self._similarities, self._order = self._rows[rest], self._similarities[rest], None
        if limit < len(self._rows):
            # What stands at `limit` is the best of what is left.
            self._order = np.argpartition(-self._similarities, limit)
            self._taken, self.best_left = limit, float(self._similarities[self._order[limit]])
            best = self._order[:limit]
            return self._rows[best], self._similarities[best]
        taken = self._rows, self._similarities
        self._rows, self._similarities, self.best_left = self._rows[:0], self._similarities[:0], -np.inf
        return taken


def _dots(codes: NDArray[np.int8], question: NDArray[np.int8]) -> NDArray[np.float64]:
    import simsimd

    if not len(codes):
        return np.empty(0, dtype=np.float64)
    dots: NDArray[np.float64] = np.asarray(simsimd.cdist(question[None, :], codes, metric="dot"))[0]
    return dots
