"""How far two vectors are apart: cosine of their angle, and Euclidean distance."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.floating[Any]]
Wide: TypeAlias = NDArray[np.float64]


def norms(vectors: Matrix) -> Wide:
    """Return the Euclidean lengths [n] of vectors [n, d]."""
    lengths: Wide = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return lengths


def cosines(left: Matrix, right: Matrix) -> Wide:
    """Return cos(a, b) = a·b / (|a| |b|) of each row of `left` [n, d] with each of `right` [m, d] as [n, m].

    From -1 to 1; 0 where a vector is zero, since it has no direction. Rounded to 12 decimals, so that equal vectors tie
    in whatever order their products were added up.
    """
    similar: Wide = np.clip(np.round(_directions(left) @ _directions(right).T, 12), -1.0, 1.0)
    return similar


def distances(left: Matrix, right: Matrix) -> Wide:
    """Return |a - b| of each row of `left` [n, d] with each of `right` [m, d] as [n, m].

    Taken from the differences, since |a|² + |b|² - 2 a·b loses all digits of what is nearly equal. For vectors of
    length 1 it is √(2 - 2 cos), so both measures rank alike.
    """
    wide, other = left.astype(np.float64), right.astype(np.float64)
    rows = [np.linalg.norm(other - vector, axis=1) for vector in wide]
    return np.stack(rows) if rows else np.empty((0, len(right)))


def _directions(vectors: Matrix) -> Wide:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Wide = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return unit
