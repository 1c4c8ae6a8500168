"""Principal component analysis of any number of vectors in the memory of their covariance.

Hotelling (1933). The covariance is summed up slab by slab, so 100,000 vectors need no more memory than one slab and
d² numbers, and its eigenvectors are exact; a randomised decomposition would be quicker only beyond some thousand
dimensions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Variance below this share of the squared length of the vectors is rounding of float32.
_NOISE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The `mean` float64 [d] and the first principal axes as rows, float64 [a, d], orthonormal.

    `explained` [a] is the share of the variance along each, from 0 to 1, in descending order. Where the vectors do not
    vary along an axis, it is zero and so is its share.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    explained: NDArray[np.float64]

    def project(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the coordinates, float32 [n, a], of vectors float32 [n, d]."""
        return ((matrix - self.mean) @ self.directions.T).astype(np.float32)


class Moments:
    """The sums that mean and covariance are made of, of all vectors that were added."""

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self._sum = np.zeros(dimensions)
        self._products = np.zeros((dimensions, dimensions))

    def add(self, matrix: NDArray[np.float32]) -> None:
        """Add a slab of vectors, float32 [n, d], which must be finite."""
        exact = matrix.astype(np.float64)
        self.count += len(exact)
        self._sum += exact.sum(axis=0)
        self._products += exact.T @ exact

    def axes(self, count: int = 2) -> Axes:
        """Return the first principal axes. Each points to where its largest component is positive."""
        dimensions = len(self._sum)
        mean = self._sum / max(1, self.count)
        covariance = self._products / max(1, self.count) - np.outer(mean, mean)
        variances, vectors = np.linalg.eigh(covariance)
        first = slice(None, -count - 1, -1)
        variances, directions = np.maximum(variances[first], 0.0), vectors.T[first]
        noise = _NOISE * float(np.trace(self._products)) / max(1, self.count)
        total = float(np.trace(covariance))
        varies = variances > noise
        peaks = np.abs(directions).argmax(axis=1)
        signs = np.where(directions[np.arange(len(directions)), peaks] < 0, -1.0, 1.0)
        axes = np.zeros((count, dimensions))
        axes[: len(directions)] = directions * (signs * varies)[:, None]
        explained = np.zeros(count)
        explained[: len(variances)] = np.where(varies, variances, 0.0) / total if total > noise else 0.0
        return Axes(mean, axes, explained)
