"""Which passages stand for all of them, and whose vectors can be used."""

import numpy as np
from numpy.typing import NDArray

# Odd, with well mixed bits: the multiplier of SplitMix64 (Steele, Lea and Flood, 2014).
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_TOLERANCE = 1e-3


def sample(ids: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return at most `size` of these ids, ascending: those whose hash is least.

    The same ids give the same sample, and an id that comes or goes changes one other at most, so that a sample of a
    growing collection changes no faster than the collection.
    """
    if len(ids) > size:
        ids = ids[np.argpartition(_mixed(ids), size)[:size]]
    return np.sort(ids)


def _mixed(ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64 of each id: a bijection, so no two ids are equal."""
    mixed = ids.astype(np.uint64)
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        mixed = (mixed ^ (mixed >> shift)) * multiplier
    return mixed ^ (mixed >> _SHIFTS[-1])


def usable(matrix: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which rows of float32 [n, d] are finite and of unit length, [n]; others are damaged."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    good: NDArray[np.bool_] = np.abs(lengths - 1.0) < _TOLERANCE
    return good
