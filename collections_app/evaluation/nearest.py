"""Documents ranked exactly by their best passage, passages coming in slabs."""

import numpy as np
from numpy.typing import NDArray


class NearestDocuments:
    """Keeps for each of `questions` the `depth` documents with the best passage, however many passages pass by.

    A document's passages may come in several slabs. Of equal scores the lower document id goes first, so that the
    ranking does not depend on how the passages were cut into slabs. Memory: questions x depth.
    """

    def __init__(self, questions: int, depth: int) -> None:
        self._depth = depth
        self._ids = np.empty((questions, 0), dtype=np.int64)
        self._scores = np.empty((questions, 0), dtype=np.float32)

    def add(self, scores: NDArray[np.float32], document_ids: NDArray[np.int64]) -> None:
        """Take the scores [n, questions] of n passages and the documents [n] that they belong to."""
        if not len(document_ids):
            return
        order = np.argsort(document_ids, kind="stable")
        ids, starts = np.unique(document_ids[order], return_index=True)
        best = np.maximum.reduceat(scores[order], starts, axis=0).T
        # What is known already of a document of this slab counts with it, and is not kept twice.
        places = np.minimum(np.searchsorted(ids, self._ids), len(ids) - 1)
        known = ids[places] == self._ids
        rows, columns = np.nonzero(known)
        best = best.copy()
        np.maximum.at(best, (rows, places[rows, columns]), self._scores[rows, columns])
        kept = np.where(known, -np.inf, self._scores)
        self._keep(
            np.concatenate([self._ids, np.broadcast_to(ids, best.shape)], axis=1), np.concatenate([kept, best], axis=1)
        )

    def _keep(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        order = np.lexsort((ids, -scores), axis=1)[:, : self._depth]
        self._ids = np.take_along_axis(ids, order, axis=1)
        self._scores = np.take_along_axis(scores, order, axis=1)

    def ranked(self) -> list[list[int]]:
        """Return the documents of each question, the best first; those without a finite score are left out."""
        finite = np.isfinite(self._scores)
        return [row[there].tolist() for row, there in zip(self._ids, finite, strict=True)]
