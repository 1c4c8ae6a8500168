"""How cosines are distributed, in bins of equal width over all that a cosine can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

BINS = 100
_SEED = 19_87


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts` of cosines in BINS bins from -1 to 1, with their mean and standard deviation; 0 where there are none.

    The last bin holds 1 too; what rounding puts beyond an end is in the bin at that end.
    """

    counts: Sequence[int]
    mean: float
    deviation: float

    @classmethod
    def of(cls, cosines: NDArray[np.float32]) -> Self:
        counts, _edges = np.histogram(np.clip(cosines, -1.0, 1.0), bins=BINS, range=(-1.0, 1.0))
        exact = cosines.astype(np.float64)
        mean, deviation = (float(exact.mean()), float(exact.std())) if len(exact) else (0.0, 0.0)
        return cls(counts.tolist(), mean, deviation)

    @property
    def total(self) -> int:
        return sum(self.counts)

    def share_above(self, cosine: float) -> float:
        """Return the share of cosines in bins that begin at `cosine` or above, from 0 to 1; 0 where there are none."""
        first = int(np.ceil((cosine + 1.0) * BINS / 2 - 1e-9))
        return sum(self.counts[max(0, first) :]) / self.total if self.total else 0.0


def random_pairs(matrix: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the cosines, float32 [m], of `count` random pairs of different rows of unit vectors, float32 [n, d].

    Where there are not so many pairs, each is there once. The seed is fixed.
    """
    size = len(matrix)
    if size * (size - 1) // 2 <= count:
        left, right = np.triu_indices(size, k=1)
    else:
        chance = np.random.default_rng(_SEED)
        left = chance.integers(size, size=count)
        right = (left + chance.integers(1, size, size=count)) % size
    return np.concatenate(
        [
            np.empty(0, dtype=np.float32),
            *(
                np.einsum("ij,ij->i", matrix[left[at : at + 4096]], matrix[right[at : at + 4096]])
                for at in range(0, len(left), 4096)
            ),
        ]
    )
