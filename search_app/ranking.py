"""Documents in the order of their best passage. Pure."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Candidate(NamedTuple):
    """A document's best passage so far, and its score in the measure of the leg that found it."""

    document_id: int
    chunk_id: int
    score: float


class Ranking:
    """Keeps the best passage of every document that was offered. Equal scores are ordered by document."""

    def __init__(self) -> None:
        self._best: dict[int, Candidate] = {}

    def __len__(self) -> int:
        return len(self._best)

    def offer(self, candidate: Candidate) -> None:
        """Take the passage if its document has none that is as good."""
        known = self._best.get(candidate.document_id)
        if known is None or candidate.score > known.score:
            self._best[candidate.document_id] = candidate

    def offer_all(
        self, document_ids: NDArray[np.int64], chunk_ids: NDArray[np.int64], scores: NDArray[np.floating[Any]]
    ) -> None:
        """Offer passages given as columns of equal length, only the best one of each document singly."""
        order = np.argsort(-scores, kind="stable")
        _documents, firsts = np.unique(document_ids[order], return_index=True)
        best = order[firsts]
        documents = document_ids[best].tolist()
        offered = map(Candidate, documents, chunk_ids[best].tolist(), scores[best].tolist())
        if self._best:
            for candidate in offered:
                self.offer(candidate)
        else:
            self._best = dict(zip(documents, offered, strict=True))

    def by_document(self) -> dict[int, Candidate]:
        """Return the best passage of each document."""
        return dict(self._best)

    def missing_in(self, other: "Ranking") -> list[int]:
        """Return the documents that are here and not in `other`."""
        return [document_id for document_id in self._best if document_id not in other._best]

    def clear(self) -> None:
        self._best.clear()

    def forget(self, document_ids: Iterable[int]) -> None:
        """Drop documents, whatever was offered for them."""
        for document_id in document_ids:
            self._best.pop(document_id, None)

    def slice(self, start: int, end: int | None) -> list[Candidate]:
        """Return the candidates from rank `start` (counted from 0) up to, not including, `end`; None for all."""
        ranked = sorted(self._best.values(), key=lambda known: (-known.score, known.document_id))
        return ranked[start:end]
