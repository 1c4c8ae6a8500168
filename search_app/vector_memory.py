"""Live vectors of an index in memory, a byte for each number, and which of them resemble a question. Pure.

A vector x is kept as integers c from -127 to 127 and one scale s with x ≈ s·c: a quarter of float32, and compared four
times as fast, because processors multiply bytes by the dozen. Each number is off by s/2 at most. What comes out names
candidates. Where there is room, what rounding left of each number is kept as a second byte, and gives the candidates'
cosines, off by some millionths; where there is none, they come from SQL, see `memory_search`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from collections_app.geometry import dequantise, quantise, rests_of

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Copying the vectors that a filter keeps costs more than comparing them; where it keeps more, all are compared.
_COPIED_BELOW = 0.25
# Room for what will go live before everything is copied to a larger place.
_ROOM, _LEAST_ROOM = 1.125, 1024
# Errors of rounding in a sum are independent; none of a million sums is off by so many standard deviations.
_DEVIATIONS = 6.0
# A table with a flag for each id is quicker than sorting them, up to this many.
_TABLE = 50_000_000


def bytes_per_passage(dimensions: int, *, with_rests: bool = False) -> int:
    """Return how much memory a passage takes."""
    return (2 if with_rests else 1) * dimensions + 4 + 8 + 8 + 1


@dataclass(frozen=True, slots=True, eq=False)
class VectorMemory:
    """Passages by row: `chunk_ids`, `document_ids`, `codes`, `scales`, `rests`; the first `size` rows are written.

    Without `rests` it knows no exact similarities.

    Immutable for who reads it: `extended` writes behind the rows of all earlier ones, so only the latest may be
    extended, by one thread at a time. `alive` [size] are the rows that have not been retired; `ascends` says that the
    passages' ids do.
    """

    chunk_ids: Ids
    document_ids: Ids
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    rests: NDArray[np.int8] | None
    alive: Mask
    # How many rows have not been retired.
    passages: int = 0
    ascends: bool = True

    @classmethod
    def with_room_for(cls, passages: int, dimensions: int, *, with_rests: bool) -> "VectorMemory":
        """Return an empty one that so many passages, and some more, fit into."""
        rows = int(passages * _ROOM) + _LEAST_ROOM
        return cls(
            chunk_ids=np.empty(rows, dtype=np.int64),
            document_ids=np.empty(rows, dtype=np.int64),
            codes=np.empty((rows, dimensions), dtype=np.int8),
            scales=np.empty(rows, dtype=np.float32),
            rests=np.empty((rows, dimensions), dtype=np.int8) if with_rests else None,
            alive=np.empty(0, dtype=np.bool_),
        )

    @property
    def size(self) -> int:
        return len(self.alive)

    @property
    def nbytes(self) -> int:
        columns = (self.chunk_ids, self.document_ids, self.codes, self.scales, self.alive, self.rests)
        return sum(column.nbytes for column in columns if column is not None)

    def extended(self, chunk_ids: Ids, document_ids: Ids, matrix: NDArray[np.float32]) -> "VectorMemory":
        """Return one with these passages too; vectors that are not finite, and passages that it has, are left out."""
        new = np.isfinite(matrix).all(axis=1) & (self.rows_of_passages(chunk_ids) < 0)
        size, count = self.size, int(np.count_nonzero(new))
        if not count:
            return self
        memory = self if size + count <= len(self.scales) else self._larger(size + count)
        rows = slice(size, size + count)
        memory.chunk_ids[rows], memory.document_ids[rows] = chunk_ids[new], document_ids[new]
        memory.codes[rows], memory.scales[rows] = quantise(matrix[new])
        if memory.rests is not None:
            memory.rests[rows] = rests_of(matrix[new], memory.codes[rows], memory.scales[rows])
        added = memory.chunk_ids[max(0, size - 1) : size + count]
        return replace(
            memory,
            alive=np.concatenate([self.alive, np.ones(count, dtype=np.bool_)]),
            passages=self.passages + count,
            ascends=self.ascends and bool((added[1:] > added[:-1]).all()),
        )

    def without(self, chunk_ids: Ids) -> "VectorMemory":
        """Return one in which these passages are retired."""
        if not len(chunk_ids):
            return self
        alive = self.alive & ~are_among(self.chunk_ids[: self.size], chunk_ids)
        return replace(self, alive=alive, passages=int(np.count_nonzero(alive)))

    def rows_of(self, document_ids: Ids) -> Mask:
        """Return the rows of these documents as a mask [size]."""
        return are_among(self.document_ids[: self.size], document_ids)

    def rows_of_passages(self, chunk_ids: Ids) -> Ids:
        """Return the row of each passage, -1 for one that is not here: [n]."""
        known = self.chunk_ids[: self.size]
        order = None if self.ascends else np.argsort(known, kind="stable")
        places = np.searchsorted(known, chunk_ids, sorter=order)
        rows = places if order is None else np.append(order, 0)[places]
        rows = np.minimum(rows, self.size - 1)
        return np.where(known[rows] == chunk_ids, rows, -1) if self.size else np.full(len(chunk_ids), -1)

    def drops(self, chunk_ids: Ids, kept: Mask) -> Mask:
        """Return which passages are in rows that are not `kept` [size]; one that is not here is not dropped."""
        return are_among(chunk_ids, self.chunk_ids[: self.size][~kept])

    def select(self, kept: Mask | None = None) -> "Selection":
        """Return the rows that are alive and `kept` [size], None for all of them, to compare questions with them."""
        rows = np.flatnonzero(self.alive if kept is None else self.alive & kept)
        is_copied = len(rows) < _COPIED_BELOW * self.size
        return Selection(
            kept=kept,
            rows=rows,
            document_ids=self.document_ids,
            codes=self.codes[rows] if is_copied else self.codes[: self.size],
            scales=self.scales[rows] if is_copied else self.scales[: self.size],
        )

    def compare(self, vector: NDArray[np.float32], selection: "Selection") -> "Compared":
        """Compare a question, float32 [d], with the rows of a selection of this memory."""
        rows, scales = selection.rows, selection.scales
        (question,), (scale,) = quantise(vector[None, :])
        dots = _dots(selection.codes, question)
        if len(rows) < len(dots):
            dots, scales = dots[rows], scales[rows]
        similarities = np.empty(len(dots), dtype=np.float32)
        np.multiply(dots, scales * scale, out=similarities, casting="unsafe")
        largest = float(scales.max(initial=0.0))
        rounding = float(np.linalg.norm(vector - question * scale))
        return Compared(
            rows=rows,
            similarities=similarities,
            likely_error=_DEVIATIONS * sqrt((largest**2 + float(scale) ** 2) / 12),
            largest_error=largest / 2 * sqrt(self.codes.shape[1]) + rounding + 1e-3,
        )

    def similarities(self, vector: NDArray[np.float32], rows: Ids) -> NDArray[np.float32]:
        """Return how similar rows are to a question, as exactly as float32 has it but for some millionths: [n].

        NaN for a row below 0, and for all of them without `rests`.
        """
        found = np.full(len(rows), np.nan, dtype=np.float32)
        if self.rests is not None:
            known = rows >= 0
            here = rows[known]
            found[known] = dequantise(self.codes[here], self.scales[here], self.rests[here]) @ vector
        return found

    def _larger(self, passages: int) -> "VectorMemory":
        dimensions = self.codes.shape[1]
        larger = VectorMemory.with_room_for(passages, dimensions, with_rests=self.rests is not None)
        size = self.size
        larger.chunk_ids[:size], larger.document_ids[:size] = self.chunk_ids[:size], self.document_ids[:size]
        larger.codes[:size], larger.scales[:size] = self.codes[:size], self.scales[:size]
        if larger.rests is not None and self.rests is not None:
            larger.rests[:size] = self.rests[:size]
        return larger

    def may_be_nearest(self, compared: "Compared", document_ids: Ids) -> Ids:
        """Return the compared rows of these documents that may be a document's nearest, but for a miracle."""
        rows = np.flatnonzero(self.rows_of(document_ids))
        similarities = compared.of(rows)
        were_compared = ~np.isnan(similarities)
        rows, similarities = rows[were_compared], similarities[were_compared]
        if not len(rows):
            return rows
        order = np.argsort(self.document_ids[rows], kind="stable")
        rows, similarities = rows[order], similarities[order]
        _documents, starts, sizes = np.unique(self.document_ids[rows], return_index=True, return_counts=True)
        nearest = np.repeat(np.maximum.reduceat(similarities, starts), sizes)
        return rows[similarities >= nearest - 2 * compared.likely_error]


class Selection:
    """Rows of a memory: those that are alive and `kept` [size], None for all. What is worked out once is remembered.

    `codes` and `scales` are copies of theirs where the rows are few, else those of all rows.
    """

    def __init__(
        self, *, kept: Mask | None, rows: Ids, document_ids: Ids, codes: NDArray[np.int8], scales: NDArray[np.float32]
    ) -> None:
        self.kept, self.rows, self.codes, self.scales = kept, rows, codes, scales
        self._document_ids = document_ids

    @property
    def passages(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """What it takes beside the memory itself."""
        is_copied = self.codes.base is None
        copied = self.codes.nbytes + self.scales.nbytes if is_copied else 0
        return self.rows.nbytes + copied + (0 if self.kept is None else self.kept.nbytes)

    @cached_property
    def documents(self) -> int:
        """How many documents the passages are of."""
        documents = self._document_ids[self.rows]
        table, _before = _table_of(documents)
        return len(np.unique(documents)) if table is None else int(np.count_nonzero(table))


class Compared:
    """Similarities of rows, which ascend, off by `likely_error` but for a miracle, and by `largest_error` never.

    That holds for unit vectors. `best_left` is the highest of the rows that were not taken, -inf if there are none.
    """

    def __init__(
        self, *, rows: Ids, similarities: NDArray[np.float32], likely_error: float, largest_error: float
    ) -> None:
        self.rows, self.similarities = rows, similarities
        self.likely_error, self.largest_error = likely_error, largest_error
        self.count = len(rows)
        self.best_left = float(similarities.max(initial=-np.inf))
        # The places in both that were taken.
        self._taken = np.empty(0, dtype=np.int64)

    @property
    def taken(self) -> int:
        return len(self._taken)

    def nth(self, place: int) -> float:
        """Return the similarity of which so many rows have no less, the least one where there are fewer rows."""
        place = min(max(place, 1), self.count)
        return float(np.partition(self.similarities, self.count - place)[self.count - place]) if place else -np.inf

    def count_down_to(self, similarity: float) -> int:
        """Return how many rows have at least this similarity."""
        return int(np.count_nonzero(self.similarities >= similarity))

    def down_to(self, similarity: float) -> tuple[Ids, NDArray[np.float32]]:
        """Return the rows that have at least this similarity, and theirs."""
        places = np.flatnonzero(self.similarities >= similarity)
        return self.rows[places], self.similarities[places]

    def take(self, limit: int) -> tuple[Ids, NDArray[np.float32]]:
        """Take out the `limit` best rows that are left, in no order, with their similarities."""
        limit = min(limit, self.count - self.taken)
        if limit <= 0:
            return self.rows[:0], self.similarities[:0]
        left = self.similarities
        if self.taken:
            left = left.copy()
            left[self._taken] = -np.inf
        # Finding the least of the best, and then who has as much, takes a tenth of the time of having the best named.
        worse = self.count - limit
        ordered = np.partition(left, worse)
        best = np.flatnonzero(left >= ordered[worse])
        if len(best) > limit:
            best = best[np.argpartition(left[best], len(best) - limit)[len(best) - limit :]]
        self._taken = np.concatenate([self._taken, best])
        self.best_left = float(ordered[:worse].max(initial=-np.inf))
        return self.rows[best], self.similarities[best]

    def of(self, rows: Ids) -> NDArray[np.float32]:
        """Return the similarities of these rows, NaN for those that were not compared: [n]."""
        if not self.count:
            return np.full(len(rows), np.nan, dtype=np.float32)
        places = np.minimum(np.searchsorted(self.rows, rows), self.count - 1)
        return np.where(self.rows[places] == rows, self.similarities[places], np.float32(np.nan))


def are_among(ids: Ids, wanted: Ids) -> Mask:
    """Return which `ids` are among those `wanted`: as NumPy's isin does, in a sixth of the time."""
    table, before = _table_of(wanted)
    return np.isin(ids, wanted) if table is None else table.take(ids - before, mode="clip")


def _table_of(ids: Ids) -> tuple[Mask | None, int]:
    """Return a flag for each number from the one before the lowest id up to the one after the highest, and the first.

    There is no table where these are too many. Both ends are off, and stand for all that is beyond them.
    """
    if not len(ids):
        return np.zeros(1, dtype=np.bool_), 0
    before = int(ids.min()) - 1
    width = int(ids.max()) - before
    if width > _TABLE:
        return None, before
    table = np.zeros(width + 2, dtype=np.bool_)
    table[ids - before] = True
    return table, before


def _dots(codes: NDArray[np.int8], question: NDArray[np.int8]) -> NDArray[np.float64]:
    import simsimd

    if not len(codes):
        return np.empty(0, dtype=np.float64)
    dots: NDArray[np.float64] = np.asarray(simsimd.cdist(question[None, :], codes, metric="dot"))[0]
    return dots
