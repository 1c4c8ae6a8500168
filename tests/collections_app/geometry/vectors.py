"""Unit vectors whose geometry is known."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def unit(rows: object) -> Matrix:
    """Return the rows with length one, float32."""
    matrix = np.asarray(rows, dtype=np.float64)
    unit: Matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    return unit


def around(directions: object, *, each: int, spread: float, seed: int = 7) -> Matrix:
    """Return `each` unit vectors near every one of the directions, one direction after the other."""
    chance = np.random.default_rng(seed)
    centres = np.repeat(np.asarray(directions, dtype=np.float64), each, axis=0)
    return unit(centres + spread * chance.standard_normal(centres.shape))
