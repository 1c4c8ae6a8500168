"""Vectors that take less room: fewer dimensions, or a byte or two for each number."""

import numpy as np
from numpy.typing import NDArray

from collections_app.geometry.measures import Matrix

_LEVELS = 127
# Into how many steps the rest of a number, which is from -1/2 to 1/2 of a code's, is divided.
_STEPS = 254


def shorten(vectors: Matrix, dimensions: int) -> NDArray[np.float32]:
    """Return the first `dimensions` numbers of vectors [n, d], brought to length 1 again: float32 [n, dimensions].

    Models trained for it keep what matters most in front (Kusupati et al. 2022, Matryoshka Representation Learning,
    arXiv:2205.13147); others lose more. A vector whose first numbers are all zero stays zero. ValueError unless
    1 <= dimensions <= d.
    """
    if not 1 <= dimensions <= vectors.shape[1]:
        raise ValueError(f"Vectors of {vectors.shape[1]} dimensions cannot be cut to {dimensions}.")
    head = vectors[:, :dimensions].astype(np.float64)
    lengths = np.linalg.norm(head, axis=1, keepdims=True)
    shorter: NDArray[np.float64] = np.divide(head, lengths, out=np.zeros_like(head), where=lengths > 0)
    return shorter.astype(np.float32)


def quantise(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return codes int8 [n, d] and scales float32 [n] of vectors float32 [n, d], which must be finite.

    Symmetric, with a scale for each vector: s = max|x| / 127, c = round(x / s), so that x ≈ s·c and each number is off
    by s/2 at most (Wu et al. 2020, Integer Quantization for Deep Learning Inference, arXiv:2004.09602, section 3.1.2).
    """
    scales = np.abs(matrix).max(axis=1, initial=0.0) / _LEVELS
    divisors = np.where(scales > 0, scales, 1.0)[:, None]
    return np.rint(matrix / divisors).astype(np.int8), scales.astype(np.float32)


def dequantise(
    codes: NDArray[np.int8], scales: NDArray[np.float32], rests: NDArray[np.int8] | None = None
) -> NDArray[np.float32]:
    """Return what codes int8 [n, d], scales float32 [n] and rests stand for: s·c or s·(c + r/254), float32 [n, d]."""
    numbers = codes.astype(np.float32)
    if rests is not None:
        numbers += rests / np.float32(_STEPS)
    restored: NDArray[np.float32] = numbers * scales[:, None]
    return restored


def rests_of(matrix: NDArray[np.float32], codes: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return what `quantise` left of vectors as a second byte for each number: r = round(254·(x/s - c)), int8 [n, d].

    With it each number is off by s/508 at most, rounding of float32 aside.
    """
    divisors = np.where(scales > 0, scales, 1.0).astype(np.float32)[:, None]
    left = np.rint(_STEPS * (matrix / divisors - codes))
    rests: NDArray[np.int8] = np.clip(left, -_LEVELS, _LEVELS).astype(np.int8)
    return rests


def bytes_per_vector(dimensions: int, *, quantised: bool) -> int:
    """Return what a vector takes: four bytes for each number, or one for each and four for the scale."""
    return dimensions + 4 if quantised else 4 * dimensions
