"""Two legs' scores of the same documents -> one order, and what one leg weighs beside the other. Pure."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

# What nearness in meaning weighs, from 0 to 1, beside words that find as much as it does. It is above a half because
# cosines of good and of middling passages lie closer together than their BM25 scores do.
SEMANTIC_WEIGHT = 0.8
# The weights that are tried.
_STEP = 0.05
WEIGHTS = tuple(round(_STEP * number, 2) for number in range(21))
# So many standard errors are taken for chance.
CAUTION = 2.0
# Where no weight gains this much, the questions are none that these passages answer, and chance would decide.
_LEAST_GAIN = 0.05
# The constant of reciprocal rank fusion as its authors have it: Cormack, Clarke and Büttcher, SIGIR 2009.
RANK_CONSTANT = 60


class Method(StrEnum):
    """How two legs become one order."""

    SCORES = "scores"
    RANKS = "ranks"


def fuse_scores(similarities: Mapping[int, float], words: Mapping[int, float], *, weight: float) -> dict[int, float]:
    """Return a score from 0 to 1 for every key of cosines and BM25 scores; who has none in a leg has its least there.

    A convex combination of each leg's scores, less the least value that its measure can have, as parts of its highest:
    Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023. A leg that tells nothing apart
    changes no order.
    """
    nearest = 1 + max(similarities.values(), default=-1.0)
    most = max(words.values(), default=0.0)
    return {
        key: weight * _part(1 + similarities.get(key, -1.0), nearest) + (1 - weight) * _part(words.get(key, 0.0), most)
        for key in similarities.keys() | words.keys()
    }


def fuse_ranks(similarities: Mapping[int, float], words: Mapping[int, float]) -> dict[int, float]:
    """Return reciprocal rank sums for every key of either leg."""
    fused: dict[int, float] = {}
    for leg in (similarities, words):
        for key, rank in ranks(leg).items():
            fused[key] = fused.get(key, 0.0) + 1 / (RANK_CONSTANT + rank)
    return fused


def ranks(leg: Mapping[int, float]) -> dict[int, int]:
    """Return the rank of each key, 1 for the highest score; equal scores rank in the order of their keys."""
    ordered = sorted(leg, key=lambda key: (-leg[key], key))
    return {key: rank for rank, key in enumerate(ordered, start=1)}


def discounted(weight: float, share: float) -> float:
    """Return a weight whose odds are multiplied by `share`: of what a model reads half, meaning counts half as much."""
    return weight * share / (1 - weight * (1 - share)) if share else 0.0


def weight_between(semantic: float, lexical: float) -> float:
    """Return the weight that two legs deserve by how well each finds alone (both in one measure from 0 to 1)."""
    if semantic <= 0 and lexical <= 0:
        return SEMANTIC_WEIGHT
    odds = SEMANTIC_WEIGHT * semantic
    return odds / (odds + (1 - SEMANTIC_WEIGHT) * lexical)


def choose_weight(gains: Sequence[Sequence[float]] | NDArray[np.float64]) -> float:
    """Return a weight, given for each question what each of WEIGHTS gains, [n, len(WEIGHTS)]; n is at least 2.

    The first and the last of them are words and meaning alone. By how much these differ beyond chance says what they
    deserve; of the weights that the questions do not clearly speak against, it is the one nearest to that: curves are
    flat at their top, and where it is exactly is chance. Of questions to which next to nothing is found by any weight,
    nothing is learned: it stays at SEMANTIC_WEIGHT.
    """
    table = np.asarray(gains, dtype=np.float64)
    means = table.mean(axis=0)
    if means.max() < _LEAST_GAIN:
        return SEMANTIC_WEIGHT
    deserved = weight_between(*_cautious(table[:, -1], table[:, 0]))
    lost = table[:, [int(means.argmax())]] - table
    errors = _standard_error(lost)
    is_usable = lost.mean(axis=0) <= CAUTION * errors
    usable = [weight for weight, keeps in zip(WEIGHTS, is_usable, strict=True) if keeps]
    nearest = min(usable, key=lambda weight: (abs(weight - deserved), weight))
    # Between two weights that were tried everything is as usable as they are.
    return round(deserved, 2) if abs(nearest - deserved) <= _STEP / 2 else nearest


def _cautious(semantic: NDArray[np.float64], lexical: NDArray[np.float64]) -> tuple[float, float]:
    """Return what two legs gain on average, nearer together by what may be chance."""
    apart = float((semantic - lexical).mean())
    chance = min(abs(apart), CAUTION * float(_standard_error(semantic - lexical)))
    return float(semantic.mean()) - math.copysign(chance, apart), float(lexical.mean())


def _standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    errors: NDArray[np.float64] = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return errors


def tried(weight: float) -> int:
    """Return which of WEIGHTS is nearest to a weight."""
    return round(weight / _STEP)


def _part(value: float, highest: float) -> float:
    return value / highest if highest > 0 else 0.0
