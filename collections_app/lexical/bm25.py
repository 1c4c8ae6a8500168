"""BM25 over the postings of a question's terms."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

K1 = 1.2
B = 0.75

Matches = tuple[NDArray[np.uint32], NDArray[np.uint16]]


@dataclass(frozen=True, slots=True)
class Part:
    """Some chunks: their ids int64 [n], lengths uint32 [n], and for each term of a question who has it how often.

    `gone` are positions of chunks that are no longer there: they neither match nor count.
    """

    chunks: NDArray[np.int64]
    lengths: NDArray[np.uint32]
    matches: Mapping[int, Matches]
    gone: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Chunks that have a term of the question, in no order: ids int64 [n] and scores float64 [n]."""

    chunks: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.chunks)

    def among(self, chunk_ids: NDArray[np.int64]) -> "Scores":
        """Return those of the given chunks."""
        there = np.isin(self.chunks, chunk_ids)
        return Scores(self.chunks[there], self.scores[there])

    def best(self, count: int) -> "Scores":
        """Return at most `count` chunks, by descending score, then id."""
        chunks, scores = self.chunks, self.scores
        if count < len(scores):
            # Sorting a hundred thousand scores takes longer than making them.
            least = np.partition(scores, len(scores) - count)[len(scores) - count]
            chunks, scores = chunks[scores >= least], scores[scores >= least]
        order = np.lexsort((chunks, -scores))[:count]
        return Scores(chunks[order], scores[order])


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 has to know of all chunks of an index: how many there are, and their average length."""

    chunks: int
    average: float

    @classmethod
    def of(cls, parts: Sequence[Part]) -> "Statistics":
        chunks = sum(len(part.chunks) - len(part.gone) for part in parts)
        length = sum(int(part.lengths.sum()) - int(part.lengths[part.gone].sum()) for part in parts)
        return cls(chunks, length / chunks if chunks and length else 1.0)

    def idf(self, holders: int) -> float:
        """Return what a term weighs that so many chunks have; never less than nothing, however common it is."""
        return math.log(1 + (self.chunks - holders + 0.5) / (holders + 0.5))


def score(parts: Sequence[Part], question: Mapping[int, int]) -> Scores:
    """Return the chunks that have any of the question's terms, given with how often it has them."""
    statistics = Statistics.of(parts)
    # In one order, so that sums of floats are equal wherever a chunk's postings are.
    terms = sorted(question)
    kept = [_present(part) for part in parts]
    held = holders(parts, terms)
    weights = {term: question[term] * statistics.idf(held[term]) for term in terms if held[term]}
    scored = [_score_part(part, there, weights, statistics) for part, there in zip(parts, kept, strict=True)]
    return Scores(
        np.concatenate([np.empty(0, np.int64), *(chunks for chunks, _ in scored)]),
        np.concatenate([np.empty(0, np.float64), *(scores for _, scores in scored)]),
    )


def holders(parts: Sequence[Part], terms: Iterable[int]) -> dict[int, int]:
    """Return how many chunks have each term."""
    kept = [_present(part) for part in parts]
    return {term: sum(_held(part, there, term) for part, there in zip(parts, kept, strict=True)) for term in terms}


def _present(part: Part) -> NDArray[np.bool_] | None:
    if not len(part.gone):
        return None
    there = np.ones(len(part.chunks), dtype=np.bool_)
    there[part.gone] = False
    return there


def _held(part: Part, there: NDArray[np.bool_] | None, term: int) -> int:
    if term not in part.matches:
        return 0
    positions = part.matches[term][0]
    return len(positions) if there is None else int(there[positions].sum())


def _score_part(
    part: Part, there: NDArray[np.bool_] | None, weights: Mapping[int, float], statistics: Statistics
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    sums = np.zeros(len(part.chunks))
    norms = K1 * (1 - B + B * part.lengths / statistics.average)
    for term, weight in weights.items():
        if term in part.matches:
            # Cast once and computed in place: a third of the time of the formula as one writes it.
            positions, counts = part.matches[term][0].astype(np.intp), part.matches[term][1].astype(np.float64)
            added = norms.take(positions)
            added += counts
            np.divide(counts, added, out=added)
            added *= weight * (K1 + 1)
            sums[positions] += added
    if there is not None:
        sums[~there] = 0.0
    found = np.flatnonzero(sums)
    return part.chunks[found], sums[found]
