"""What vectors are to each other, computed from their numbers alone. Pure NumPy: no ORM, no clock, no chance.

Of a few: measures, rankings, shorter and coarser vectors. Of many: axes, clusters, neighbours, samples. Matrices hold
a vector in each row.
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
from collections_app.geometry.axes import Axes, Moments
from collections_app.geometry.clusters import Clustering, choose_clustering, cluster, simplified_silhouette
from collections_app.geometry.compression import bytes_per_vector, dequantise, quantise, rests_of, shorten
from collections_app.geometry.histogram import Histogram, random_pairs
from collections_app.geometry.measures import cosines, distances, norms
from collections_app.geometry.neighbourhood import Neighbourhood, Pair
from collections_app.geometry.sampling import sample, usable

__all__ = [
    "Axes",
    "Clustering",
    "Histogram",
    "Moments",
    "Move",
    "Neighbourhood",
    "Pair",
    "bytes_per_vector",
    "choose_clustering",
    "cluster",
    "cosines",
    "dequantise",
    "distances",
    "kendall_tau",
    "moves",
    "norms",
    "pearson_r",
    "positions",
    "quantise",
    "random_pairs",
    "ranks",
    "recall_at",
    "rests_of",
    "sample",
    "shorten",
    "simplified_silhouette",
    "spearman_rho",
    "usable",
]
