"""The hybrid leg: documents found by meaning or by words, in one order."""

import dataclasses
from collections.abc import Sequence

from collections_app.fusion import SEMANTIC_WEIGHT, Method, fuse_ranks, fuse_scores, ranks
from search_app.leg import Found, Measure
from search_app.lexical import LexicalLeg
from search_app.ranking import Candidate, Ranking
from search_app.scope import Scope
from search_app.semantic import SemanticLeg

# How many documents each leg names. What only the other one would name after these hardly comes first in both.
POOL = 100


class HybridLeg:
    """Asks both legs, has each score what only the other one found, and fuses.

    A document is shown by the passage of the leg that ranks it higher.
    """

    def __init__(
        self, semantic: SemanticLeg, words: LexicalLeg, *, method: Method, weight: float = SEMANTIC_WEIGHT
    ) -> None:
        self._semantic = semantic
        self._words = words
        self._method = method
        self._weight = weight
        self._near, self._named = Ranking(), Ranking()
        self.measure = Measure.FUSED if method is Method.SCORES else Measure.RANKS

    @property
    def scope(self) -> Scope:
        return self._semantic.scope

    def run(self, *, wanted: int) -> Found:
        """Find the `wanted` best documents of those that either leg has among its first POOL or `wanted`."""
        pool = max(POOL, wanted)
        near = self._semantic.run(wanted=pool)
        self._near = near.ranking
        if near.legs:
            self._named = near.legs[Measure.BM25]
        else:
            self._named = self._words.run(wanted=pool).ranking
            if self._method is Method.SCORES:
                self._semantic.complete(self._near, self._named.missing_in(self._near))
                self._words.complete(self._named, self._near.missing_in(self._named))
        ranking = Ranking()
        with self._semantic.watch.step("fuse"):
            self._fuse(ranking)
        legs = {Measure.COSINE: self._near, Measure.BM25: self._named}
        return dataclasses.replace(
            near, ranking=ranking, legs=legs, weight=self._weight if self._method is Method.SCORES else None
        )

    def replace(self, ranking: Ranking, document_ids: Sequence[int]) -> None:
        """Give documents whose best passage is gone the best one that they have now; without any, they are gone too."""
        self._semantic.replace(self._near, document_ids)
        self._words.replace(self._named, document_ids)
        ranking.clear()
        self._fuse(ranking)

    def _fuse(self, ranking: Ranking) -> None:
        near, named = self._near.by_document(), self._named.by_document()
        similarities = {document: candidate.score for document, candidate in near.items()}
        words = {document: candidate.score for document, candidate in named.items()}
        if self._method is Method.SCORES:
            fused = fuse_scores(similarities, words, weight=self._weight)
        else:
            fused = fuse_ranks(similarities, words)
        shown = near | {document: named[document] for document in _ranked_higher_by(words, similarities)}
        for document, score in fused.items():
            ranking.offer(Candidate(document, shown[document].chunk_id, score))


def _ranked_higher_by(leg: dict[int, float], other: dict[int, float]) -> set[int]:
    """Return the documents that stand higher in `leg` than in `other`, or only there."""
    others = ranks(other)
    return {document for document, rank in ranks(leg).items() if document not in others or rank < others[document]}
