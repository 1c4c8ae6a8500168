"""Spherical k-means: groups of unit vectors around directions (Dhillon and Modha, 2001).

Begun by k-means++ (Arthur and Vassilvitskii, 2007) in its greedy form, in which each new centre is the best of some
candidates; the squared distance of unit vectors is 2 - 2·cosine. The generator's seed is fixed: the same vectors give
the same clusters.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_SEED = 20_07
_MOST_ROUNDS = 50
# Rounds end when the mean cosine rises by less.
_ENOUGH = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """`centres` float32 [k, d] of unit length, the cluster of each vector as int64 [n], and `score`: its silhouette.

    Clusters are in descending order of their sizes; none is empty. `closeness` float32 [n] is each vector's cosine with
    its own centre.
    """

    centres: Matrix
    labels: NDArray[np.int64]
    closeness: NDArray[np.float32]
    score: float

    @property
    def count(self) -> int:
        return len(self.centres)

    def nearest(self, number: int, count: int) -> NDArray[np.int64]:
        """Return the `count` vectors of a cluster that are nearest to its centre, the nearest first."""
        rows = np.flatnonzero(self.labels == number)
        order = np.lexsort((rows, -self.closeness[rows]))
        return rows[order[:count]]


def cluster(matrix: Matrix, count: int) -> Clustering:
    """Divide unit vectors, float32 [n, d], into `count` clusters, or as many as there are different vectors."""
    if not len(matrix) or count < 1:
        raise ValueError("There is nothing to divide; give at least one vector and one cluster.")
    centres = _begin(matrix, count)
    before = -math.inf
    for _round in range(_MOST_ROUNDS):
        cosines = matrix @ centres.T
        labels = cosines.argmax(axis=1)
        quality = float(cosines[np.arange(len(matrix)), labels].mean(dtype=np.float64))
        if quality - before < _ENOUGH:
            break
        before = quality
        centres = _centres(matrix, labels, centres)
    labels = (matrix @ centres.T).argmax(axis=1)
    sizes = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    places = np.zeros(len(centres), dtype=np.int64)
    places[order] = np.arange(len(order))
    centres, labels = centres[order], places[labels]
    cosines = matrix @ centres.T
    closeness = cosines[np.arange(len(matrix)), labels]
    return Clustering(centres, labels, closeness, simplified_silhouette(cosines, labels))


def choose_clustering(
    matrix: Matrix, counts: Iterable[int], breathe: Callable[[], None] = lambda: None
) -> tuple[list[Clustering], int]:
    """Return a clustering for each of `counts` that the vectors allow, and the number of the one that divides best.

    The best is the one of the highest simplified silhouette, of equal ones that of the fewest clusters. Vectors that
    are all the same cannot be divided.
    """
    found: dict[int, Clustering] = {}
    for count in counts:
        if count <= len(matrix):
            breathe()
            made = cluster(matrix, count)
            if made.count > 1:
                found.setdefault(made.count, made)
    clusterings = list(found.values())
    best = max(range(len(clusterings)), key=lambda at: (clusterings[at].score, -clusterings[at].count), default=0)
    return clusterings, best


def simplified_silhouette(cosines: Matrix, labels: NDArray[np.int64]) -> float:
    """Return the mean of (b - a) / max(a, b) over vectors, from -1 to 1, from their cosines with centres [n, k].

    a is the distance, 1 - cosine, to the vector's own centre and b that to the nearest other one (Hruschka, Campello
    and de Castro, 2006): Rousseeuw's silhouette (1987) with centres in place of all members. 0 for a single cluster.
    """
    if cosines.shape[1] < 2:
        return 0.0
    distances = np.maximum(1.0 - cosines.astype(np.float64), 0.0)
    rows = np.arange(len(distances))
    own = distances[rows, labels]
    distances[rows, labels] = np.inf
    other = distances.min(axis=1)
    larger = np.maximum(own, other)
    return float(np.divide(other - own, larger, out=np.zeros_like(own), where=larger > 0).mean())


def _begin(matrix: Matrix, count: int) -> Matrix:
    chance = np.random.default_rng(_SEED)
    first = int(chance.integers(len(matrix)))
    chosen, distances = [first], _distances(matrix, matrix[first : first + 1])[:, 0]
    candidates = 2 + int(math.log(count))
    while len(chosen) < count:
        total = float(distances.sum())
        if total <= 1e-6 * len(matrix):
            # Every vector equals a centre: there are no more different ones.
            break
        drawn = np.searchsorted(np.cumsum(distances), chance.random(candidates) * total)
        drawn = np.minimum(drawn, len(matrix) - 1)
        left = np.minimum(distances[:, None], _distances(matrix, matrix[drawn]))
        best = int(left.sum(axis=0).argmin())
        distances = left[:, best]
        chosen.append(int(drawn[best]))
    return matrix[chosen]


def _distances(matrix: Matrix, centres: Matrix) -> NDArray[np.float64]:
    return np.maximum(1.0 - (matrix @ centres.T).astype(np.float64), 0.0)


def _centres(matrix: Matrix, labels: NDArray[np.int64], before: Matrix) -> Matrix:
    """Return the mean direction of each cluster; of an empty one, or one that points nowhere, the one it had."""
    # Ten times as fast as one product with a matrix of memberships, or as `reduceat`.
    sums = np.stack([matrix[labels == number].sum(axis=0) for number in range(len(before))])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), before).astype(np.float32)
