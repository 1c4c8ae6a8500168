"""How alike two rankings of the same things are, given the score that each thing has in both (higher is better)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Move:
    """A thing, by its number, whose position (from 1) in another ranking is a different one."""

    item: int
    before: int
    after: int


def ranks(scores: ArrayLike) -> NDArray[np.float64]:
    """Return the rank of each score, 1 for the highest; equal scores share the mean of their ranks."""
    values = np.asarray(scores, dtype=np.float64)
    distinct, group, sizes = np.unique(-values, return_inverse=True, return_counts=True)
    if not len(distinct):
        return np.empty(0)
    last = np.cumsum(sizes)
    shared: NDArray[np.float64] = (last - (sizes - 1) / 2)[group]
    return shared


def positions(scores: ArrayLike) -> list[int]:
    """Return the position of each score in a list, from 1; equal scores keep the order in which they are given."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(1, len(order) + 1)
    return [int(place) for place in places]


def pearson_r(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return Pearson's r, from -1 to 1: the linear correlation of two scorings of the same things.

    None where it is not defined: fewer than two things, or all of them equal in one scoring.
    """
    a, b = _paired(one, other)
    if len(a) < 2:
        return None
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return _bounded(float(a @ b) / spread) if spread else None


def spearman_rho(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return Spearman's ρ, from -1 to 1: the correlation of the ranks of two scorings; None as for `pearson_r`."""
    a, b = _paired(one, other)
    return pearson_r(ranks(a), ranks(b))


def kendall_tau(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return Kendall's τ-b, from -1 to 1: pairs in the same order less pairs in opposite order, corrected for ties.

    τ-b = (C - D) / √((C + D + T_one) (C + D + T_other)), T the pairs that are equal in that scoring alone (Kendall
    1945). None where it is not defined, see `pearson_r`.
    """
    a, b = _paired(one, other)
    first, second = np.triu_indices(len(a), k=1)
    order_a, order_b = np.sign(a[first] - a[second]), np.sign(b[first] - b[second])
    spread = float(np.sqrt(np.count_nonzero(order_a) * np.count_nonzero(order_b)))
    return _bounded(float(order_a @ order_b) / spread) if spread else None


def recall_at(k: int, one: ArrayLike, other: ArrayLike) -> float | None:
    """Return which share of the `k` best of `one` is among the `k` best of `other`; None for nothing.

    Of fewer than `k` things all are the best. What ties with the k-th best of `other` counts as found.
    """
    a, b = _paired(one, other)
    if k < 1 or not len(a):
        return None
    k = min(k, len(a))
    wanted = np.argsort(-a, kind="stable")[:k]
    least = np.sort(b)[-k]
    return float(np.count_nonzero(b[wanted] >= least)) / k


def moves(one: ArrayLike, other: ArrayLike) -> list[Move]:
    """Return what stands elsewhere in the ranking by `other` than by `one`, in the order of the ranking by `one`."""
    before, after = positions(one), positions(other)
    changed = [Move(item, was, now) for item, (was, now) in enumerate(zip(before, after, strict=True)) if was != now]
    return sorted(changed, key=lambda move: move.before)


def _paired(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Two scorings of the same things are needed, not arrays of shape {a.shape} and {b.shape}.")
    return a, b


def _bounded(value: float) -> float:
    """Return `value` without what rounding put beyond ±1."""
    return max(-1.0, min(1.0, value))
