"""The lexical leg: the passages that share the question's rarest words, by BM25 from SQL."""

from collections.abc import Collection as Sized
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from collections_app.lexical import Scores
from collections_app.lexical_reading import search_words
from collections_app.models import Chunk, ChunkState
from collections_app.prepared import Many, Parameter, prepared
from search_app.leg import Found, Measure
from search_app.planner import EXACT_CHUNKS, MOST_FETCHED, Plan, plan_filtered, plan_words
from search_app.ranking import Candidate, Ranking
from search_app.scope import Scope
from search_app.stopwatch import Round, Stopwatch


@dataclass(slots=True)
class LexicalLeg:
    """Finds the documents in scope that have words of `question`. It needs neither the store nor the embedder.

    `scores` are those that were read last. `version` is that of a view of the index that was just taken, if any.
    """

    scope: Scope
    question: str
    watch: Stopwatch
    version: object = None
    scores: Scores | None = None
    measure = Measure.BM25

    def run(self, *, wanted: int) -> Found:
        """Find the `wanted` best documents, or all that have any of the words if there are fewer."""
        plan = plan_words(wanted=wanted, is_filtered=self.scope.is_filtered)
        scores = self.score()
        ranking, checked = Ranking(), 0
        fetch: int | None = plan.fetch
        while fetch is not None:
            checked = self._check(ranking, scores, checked, fetch)
            if len(ranking) >= wanted or checked == len(scores):
                return Found(ranking=ranking, plan=plan, candidates=checked)
            fetch = plan.widened(fetch)
        return self._check_rest(ranking, scores, checked, plan)

    def complete(self, ranking: Ranking, document_ids: Sized[int]) -> None:
        """Rank documents that another leg found in scope too, if they have any of the words."""
        if document_ids and self.scores is not None:
            self._offer(ranking, self.scores.among(self._chunks_of(document_ids)))

    def replace(self, ranking: Ranking, document_ids: Sized[int]) -> None:
        """Give documents whose best passage is gone the best one that they have now; without any, they are gone too."""
        ranking.forget(document_ids)
        in_scope = list(self.scope.documents().filter(pk__in=document_ids).values_list("pk", flat=True))
        self._offer(ranking, self._score().among(self._chunks_of(in_scope)))

    def score(self) -> Scores:
        """Return the scores of all passages of the index that have any of the words; they are read once."""
        return self._score(self.version) if self.scores is None else self.scores

    def _score(self, version: object = None) -> Scores:
        with self.watch.step("words"):
            self.scores = search_words(self.scope.index.pk, self.question, version=version)
        return self.scores

    def _check_rest(self, ranking: Ranking, scores: Scores, checked: int, plan: Plan) -> Found:
        """Check what is left: only the filter's passages if it keeps few, else all, in the order of their scores."""
        if self.scope.is_filtered:
            with self.watch.step("count"):
                kept = self.scope.keep()
            plan = replace(plan_filtered(plan, kept.counts), strategy=plan.strategy, fetch=0)
            if kept.ids is not None and kept.counts.chunks <= EXACT_CHUNKS:
                few = scores.among(self._chunks_of(kept.ids))
                return Found(ranking=self._offer(Ranking(), few), plan=plan, candidates=len(few))
        while checked < len(scores) and len(ranking) < plan.wanted:
            checked = self._check(ranking, scores, checked, checked + MOST_FETCHED)
        return Found(ranking=ranking, plan=plan, candidates=checked)

    def _check(self, ranking: Ranking, scores: Scores, start: int, end: int) -> int:
        """Offer the passages from rank `start` up to `end`; return how many have been offered so far."""
        best = scores.best(end)
        self._offer(ranking, Scores(best.chunks[start:], best.scores[start:]))
        named = dict(zip(best.chunks.tolist(), best.scores.tolist(), strict=True))
        self.watch.note(Round(self.measure, asked=end, named=named, kept=len(ranking)))
        return len(best)

    def _offer(self, ranking: Ranking, scores: Scores) -> Ranking:
        """Offer what is live and in scope; a document whose passage was just retired answers with those it has now."""
        superseded: set[int] = set()
        with self.watch.step("check"):
            found = dict(zip(scores.chunks.tolist(), scores.scores.tolist(), strict=True))
            for part in _parts(list(found)):
                known = self.scope.read(part, lambda chunks: chunks.values_list("pk", "document", "state"))
                for chunk_id, document_id, state in known:
                    if state == ChunkState.LIVE:
                        ranking.offer(Candidate(document_id, chunk_id, found[chunk_id]))
                    elif state == ChunkState.RETIRED:
                        superseded.add(document_id)
        if superseded:
            self.replace(ranking, superseded)
        return ranking

    def _chunks_of(self, document_ids: Sized[int]) -> NDArray[np.int64]:
        live = prepared(
            lambda: (
                Chunk.objects.filter(index=Parameter("index"), state=ChunkState.LIVE, document__in=Many("documents"))
                .order_by()
                .values_list("pk", flat=True)
            )
        )
        return np.array(live.rows(index=self.scope.index.pk, documents=document_ids), dtype=np.int64)


def _parts(chunk_ids: list[int]) -> Iterable[list[int]]:
    return (chunk_ids[start : start + MOST_FETCHED] for start in range(0, len(chunk_ids), MOST_FETCHED))
