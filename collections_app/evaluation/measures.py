"""What a ranking is worth beside judgements, and how much two rankings agree.

A ranking is a sequence of keys, the best first, each once. Gains are the grades of the relevant keys, above 0; what is
not judged is not relevant.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# How far down a ranking `rank_biased_overlap` looks: at 0.9 the first ten ranks carry 86 % of its weight.
PERSISTENCE = 0.9


def discount(rank: int) -> float:
    """Return what a find at `rank`, from 1 on, is worth beside one at the first: 1 / log2(rank + 1)."""
    return 1 / math.log2(rank + 1)


def ndcg(ranked: Sequence[Any], gains: Mapping[Any, float], *, depth: int = 10) -> float:
    """Return nDCG, from 0 to 1, with linear gains; `gains` has at least one relevant key.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with the discount of trec_eval.
    """
    found = sum(gains.get(key, 0.0) * discount(rank) for rank, key in enumerate(ranked[:depth], start=1))
    ideal = sum(
        gain * discount(rank) for rank, gain in enumerate(sorted(gains.values(), reverse=True)[:depth], start=1)
    )
    return found / ideal


def reciprocal_rank(ranked: Sequence[Any], gains: Mapping[Any, float], *, depth: int = 10) -> float:
    """Return one divided by the rank of the first relevant key, 0 if it is beyond `depth`. Its mean is MRR."""
    return next((1 / rank for rank, key in enumerate(ranked[:depth], start=1) if key in gains), 0.0)


def hit(ranked: Sequence[Any], gains: Mapping[Any, float], *, depth: int = 10) -> float:
    """Return 1 if a relevant key is among the first `depth`, else 0. Its mean is the hit rate."""
    return float(any(key in gains for key in ranked[:depth]))


def recall(ranked: Sequence[Any], gains: Mapping[Any, float], *, depth: int = 100) -> float:
    """Return which part of the relevant keys is among the first `depth`."""
    return len(gains.keys() & set(ranked[:depth])) / len(gains)


def overlap(one: Sequence[Any], other: Sequence[Any], *, depth: int = 10) -> float:
    """Return which part of the first `depth` two rankings share; of the longer one where both are shorter than that."""
    first, second = set(one[:depth]), set(other[:depth])
    longest = max(len(first), len(second))
    return len(first & second) / longest if longest else 1.0


def rank_biased_overlap(
    one: Sequence[Any], other: Sequence[Any], *, depth: int = 10, persistence: float = PERSISTENCE
) -> float:
    """Return how much the first `depth` of two rankings agree, from 0 to 1, the first ranks weighing most.

    RBO_ext of Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", 2010, equation 32 (what
    follows is taken to agree as far as what was seen does), both cut to the length of the shorter one.
    """
    depth = min(depth, len(one), len(other))
    if not depth:
        return float(len(one) == len(other))
    seen: tuple[set[Any], set[Any]] = (set(), set())
    agreement = total = 0.0
    for place in range(depth):
        seen[0].add(one[place])
        seen[1].add(other[place])
        agreement = len(seen[0] & seen[1]) / (place + 1)
        total += agreement * persistence ** (place + 1)
    return agreement * persistence**depth + (1 - persistence) / persistence * total


def mean_difference(ours: ArrayLike, theirs: ArrayLike) -> tuple[float, float]:
    """Return the mean of ours - theirs, question by question, and half the width of its 95 % interval.

    The interval of a paired comparison by the normal approximation (1.96 standard errors); with fewer than two
    questions it is infinite. One that holds 0 says that the difference may be chance.
    """
    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    if len(differences) < 2:
        return float(differences.sum()), math.inf
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    return float(differences.mean()), 1.96 * error
