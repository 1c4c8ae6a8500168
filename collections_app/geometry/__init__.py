"""What vectors are to each other, computed from their numbers alone: measures, shorter and coarser vectors, rankings.

Pure NumPy. Matrices hold a vector in each row; results are float64 unless said otherwise.
"""

from collections_app.geometry.agreement import (
    Move,
    kendall_tau,
    moves,
    pearson_r,
    positions,
    ranks,
    recall_at,
    spearman_rho,
)
from collections_app.geometry.compression import bytes_per_vector, dequantise, quantise, shorten
from collections_app.geometry.measures import cosines, distances, norms

__all__ = [
    "Move",
    "bytes_per_vector",
    "cosines",
    "dequantise",
    "distances",
    "kendall_tau",
    "moves",
    "norms",
    "pearson_r",
    "positions",
    "quantise",
    "ranks",
    "recall_at",
    "shorten",
    "spearman_rho",
]
