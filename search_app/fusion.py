"""Two legs' scores of the same documents -> one order. Pure."""

from collections.abc import Mapping
from enum import StrEnum

# What nearness in meaning weighs beside words: one value for all collections, taken from outside; see docs/search.md.
SEMANTIC_WEIGHT = 0.7
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


def _part(value: float, highest: float) -> float:
    return value / highest if highest > 0 else 0.0
