"""Maximal marginal relevance: good documents that do not all say the same. Pure.

Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing summaries",
SIGIR 1998. Each next document is the one of the greatest

    lambda * relevance - (1 - lambda) * (greatest similarity to one chosen before)

with lambda = 1 - diversity.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def spread_out(scores: Sequence[float], vectors: NDArray[np.float32], *, diversity: float) -> list[int]:
    """Return the positions of all documents in their new order.

    `scores` [n] are in any measure; they are brought to the range 0 to 1, so that a diversity means the same in each.
    `vectors` float32 [n, d] are of unit length; one of zeros is like nothing. `diversity` is from 0 (the order of the
    scores) to 1 (after the best one, only difference counts). Equal ones stay in their order.
    """
    relevance = _from_0_to_1(np.asarray(scores, dtype=np.float64))
    left = list(range(len(relevance)))
    nearest = np.zeros(len(relevance))
    order: list[int] = []
    while left:
        gain = relevance if not order else (1 - diversity) * relevance - diversity * nearest
        chosen = left.pop(int(np.argmax(gain[left])))
        order.append(chosen)
        likeness = vectors @ vectors[chosen]
        nearest = likeness if len(order) == 1 else np.maximum(nearest, likeness)
    return order


def _from_0_to_1(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(scores):
        return scores
    least, most = scores.min(), scores.max()
    return (scores - least) / (most - least) if most > least else np.ones_like(scores)
