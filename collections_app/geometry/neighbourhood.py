"""The nearest neighbours of every vector among all others, exactly, in the memory of two blocks and what is found.

What is nearly the same as something earlier, and what nothing else resembles: the mean cosine with the k nearest
neighbours is Angiulli and Pizzuti's weight of a point (2002), with cosines in place of distances.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Ids = NDArray[np.int64]

# Rows of one product of blocks: with 4,096 columns it takes 16 MB.
_TILE = 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """Two vectors by their positions, `earlier` < `later`, and their cosine."""

    earlier: int
    later: int
    cosine: float


class Neighbourhood:
    """Compares vectors block by block; vectors of one group (passages of one document) are no neighbours.

    `groups` int64 [n] names the group of each. Every pair of blocks has to be compared once, in any order.
    """

    def __init__(self, groups: Ids, *, neighbours: int, floor: float) -> None:
        self._groups = groups
        self._floor = floor
        size = len(groups)
        self._nearest = np.full((size, neighbours), -np.inf, dtype=np.float32)
        self._likeness = np.full(size, -np.inf, dtype=np.float32)
        self._like = np.full(size, -1, dtype=np.int64)
        self.pairs = 0

    def compare(self, start: int, block: Matrix, other_start: int, other: Matrix) -> None:
        """Compare unit vectors, float32 [m, d], that stand from `start` on, with those from `other_start` on.

        The other block is the same one or a later one.
        """
        is_same = start == other_start
        if not is_same and start + len(block) > other_start:
            raise ValueError("The other block has to be the same one, or to begin where this one has ended.")
        columns = slice(other_start, other_start + len(other))
        for first in range(0, len(block), _TILE):
            part = block[first : first + _TILE]
            rows = slice(start + first, start + first + len(part))
            cosines = part @ other.T
            cosines[self._groups[rows, None] == self._groups[None, columns]] = -np.inf
            self._note_nearest(rows, cosines)
            if not is_same:
                self._note_nearest(columns, np.ascontiguousarray(cosines.T))
            self._note_alike(rows, columns, cosines)

    def isolation(self) -> NDArray[np.float64]:
        """Return each vector's mean cosine with its nearest neighbours, [n]; inf for one that has no neighbour."""
        there = np.isfinite(self._nearest)
        counts = there.sum(axis=1)
        sums = np.where(there, self._nearest, 0.0).sum(axis=1, dtype=np.float64)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)

    def alike(self, most: int) -> list[Pair]:
        """Return vectors with the earlier one that is most like them, from `floor` on, the most alike first.

        Each is there once at most as the later one: a text that stands in n documents makes n - 1 pairs and not n² / 2.
        """
        later = np.flatnonzero(self._like >= 0)
        order = np.lexsort((later, -self._likeness[later]))[:most]
        return [Pair(int(self._like[at]), int(at), min(1.0, float(self._likeness[at]))) for at in later[order].tolist()]

    def _note_nearest(self, rows: slice, cosines: Matrix) -> None:
        known = self._nearest[rows]
        # Most vectors of a later block are further away than the neighbours that are known already.
        better = np.flatnonzero(cosines.max(axis=1, initial=-np.inf) > known.min(axis=1))
        if len(better):
            count = known.shape[1]
            candidates = np.concatenate([known[better], cosines[better]], axis=1)
            known[better] = np.partition(candidates, candidates.shape[1] - count, axis=1)[:, -count:]

    def _note_alike(self, rows: slice, columns: slice, cosines: Matrix) -> None:
        above = cosines >= self._floor
        if not above.any():
            return
        earlier = np.arange(rows.start, rows.stop)[:, None] < np.arange(columns.start, columns.stop)[None, :]
        above &= earlier
        self.pairs += int(np.count_nonzero(above))
        concerned = np.flatnonzero(above.any(axis=0))
        likely = np.where(above[:, concerned], cosines[:, concerned], -np.inf)
        best = likely.argmax(axis=0)
        likeness, later = likely[best, np.arange(len(concerned))], concerned + columns.start
        closer = likeness > self._likeness[later]
        self._likeness[later[closer]] = likeness[closer]
        self._like[later[closer]] = best[closer] + rows.start
