"""One search of an index in memory: whom meaning and words name there, and what SQL says of them now.

Memory knows about how near every passage is and whose it is, and BM25 which of them have the words. So the documents
that matter in either measure are known before SQL is asked about any, and with them the passages that may be their best
ones: one statement reads these with their vectors, and gives the exact scores of both legs.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from django.db.models import BinaryField, Case, OuterRef, QuerySet, Subquery, When
from numpy.typing import NDArray

from collections_app.lexical import Scores
from collections_app.models import Chunk, ChunkState, Embedding
from collections_app.prepared import Many
from collections_app.vectors import UNIT_TOLERANCE, as_vector
from search_app.leg import Measure
from search_app.lexical import LexicalLeg
from search_app.planner import MOST_FETCHED, PASSAGES_PER_DOCUMENT, WIDENING, Plan
from search_app.ranking import Ranking
from search_app.scope import Scope
from search_app.stopwatch import Round, Stopwatch
from search_app.vector_memory import Compared, Ids, Mask, Selection, VectorMemory

logger = logging.getLogger(__name__)

# By how many likely errors the last one wanted may come out less than memory says without another round.
_ALLOWANCE = 1.25
# Of how many of the nearest passages memory's cosines are compared with SQL's, where memory has them.
_VERIFIED = 10
_NO_IDS: Ids = np.empty(0, dtype=np.int64)


class MemoryNotUsable(Exception):
    """What is in memory is not what SQL has."""


class MemorySearch:
    """Ranks documents by meaning in `near` and, given the leg of the `words`, by them in `named`.

    With words, both rankings hold whom either of them names, each with its exact score in both, so that they can be
    fused. `offer` offers all passages that documents have now to a ranking by meaning. `rounds` are counted.
    """

    def __init__(
        self,
        scope: Scope,
        vector: NDArray[np.float32],
        memory: VectorMemory,
        watch: Stopwatch,
        *,
        offer: Callable[[Ranking, Sequence[int]], object],
        words: LexicalLeg | None = None,
    ) -> None:
        self.near, self.named, self.rounds = Ranking(), Ranking(), 0
        self._scope, self._vector, self._memory, self._watch = scope, vector, memory, watch
        self._offer, self._leg = offer, words
        self._read: set[int] = set()
        self._noted: dict[Measure, dict[int, float]] = {}

    def run(self, plan: Plan, selection: Selection) -> int:
        """Rank the documents in scope among the rows of a selection; return how many passages were compared.

        Ever more are named until enough are in scope, and until none that was not named could be better. Raises
        MemoryNotUsable.
        """
        scores = self._leg.score() if self._leg else None
        with self._watch.step("compare"):
            compared = self._memory.compare(self._vector, selection)
            words = _Words(scores, self._memory, selection.kept) if scores else None
        fetch = self._first_fetch(max(1, plan.wanted), compared) if compared.count else 0
        documents = plan.wanted
        need_near, need_words = fetch > 0, words is not None and not words.is_all
        while need_near or need_words:
            self.rounds += 1
            with self._watch.step("compare"):
                rows, similarities = compared.take(fetch if need_near else 0)
                by_words = words.best(documents) if words and need_words else _NO_IDS
                passages = self._passages(compared, rows, words, by_words)
            with self._watch.step("check"):
                is_any = self._rank(passages, compared, words)
            if need_near:
                self._note(Measure.COSINE, fetch, self._memory.chunk_ids[rows], similarities, self.near)
            if words and need_words:
                best = words.scores.among(by_words)
                self._note(Measure.BM25, documents, best.chunks, best.scores, self.named)
            if not (is_any or self._scope.is_readable()):
                break
            fetch, documents = self._next_fetch(fetch, plan.wanted, compared), documents * WIDENING
            need_near = fetch > 0
            need_words = words is not None and not words.is_all and len(self.named) < plan.wanted
        return compared.count

    def _first_fetch(self, wanted: int, compared: Compared) -> int:
        """Return how many passages to take for so many documents, rounding hardly ever making another round needed."""
        passages = wanted
        while True:
            rows, similarities = compared.down_to(compared.nth(passages))
            if len(rows) > MOST_FETCHED:
                return MOST_FETCHED
            order = np.argsort(-similarities, kind="stable")
            _documents, firsts = np.unique(self._memory.document_ids[rows[order]], return_index=True)
            if len(firsts) >= wanted or len(rows) == compared.count:
                worst = float(similarities[order[np.sort(firsts)[:wanted][-1]]])
                return min(compared.count_down_to(worst - _ALLOWANCE * compared.likely_error), MOST_FETCHED)
            passages *= WIDENING

    def _next_fetch(self, fetch: int, wanted: int, compared: Compared) -> int:
        """Return how many passages to take next, 0 where no other one could be among the `wanted` best documents."""
        if compared.taken == compared.count:
            return 0
        if len(self.near) < wanted:
            return min(fetch * WIDENING, MOST_FETCHED)
        # Of very many that are alike, it does not matter which are shown.
        if not wanted or compared.taken >= MOST_FETCHED:
            return 0
        (worst,) = self.near.slice(wanted - 1, wanted)
        left = compared.count_down_to(worst.score - compared.likely_error) - compared.taken
        return min(max(0, left), MOST_FETCHED)

    # --- what is read ---------------------------------------------------------------------------------------------

    def _passages(self, compared: Compared, rows: Ids, words: "_Words | None", by_words: Ids) -> Ids:
        """Return the passages to read: those that were named, and those that may be their documents' other best."""
        memory = self._memory
        near = memory.chunk_ids[rows]
        if words is None:
            return near
        known = memory.rows_of_passages(by_words)
        may_be_nearest = memory.may_be_nearest(compared, memory.document_ids[known[known >= 0]])
        have_words = words.best_of(memory.document_ids[rows])
        return np.unique(np.concatenate([near, by_words, memory.chunk_ids[may_be_nearest], have_words]))

    def _rank(self, passages: Ids, compared: Compared, words: "_Words | None") -> bool:
        """Offer passages that are live and in scope by what SQL has; return whether any are there."""
        ids = np.array([chunk for chunk in passages.tolist() if chunk not in self._read], dtype=np.int64)
        self._read.update(ids.tolist())
        known = self._scope.read(ids, _with_some_vectors, vectors_of=self._to_verify(ids, compared))
        live = [row for row in known if row[2] == ChunkState.LIVE]
        chunks, documents = (np.fromiter((row[at] for row in live), np.int64, len(live)) for at in (0, 1))
        self._rank_near(chunks, documents, [row[3] for row in live], compared)
        strangers: set[int] = set()
        if words:
            scores = words.scores.among(chunks)
            order = np.argsort(chunks)
            owners = documents[order][np.searchsorted(chunks[order], scores.chunks)]
            self.named.offer_all(owners, scores.chunks, scores.scores)
            # What went live a moment ago, or has no vector: of its document memory may know too little.
            strangers.update(documents[self._memory.rows_of_passages(chunks) < 0].tolist())
        self._replace({row[1] for row in known if row[2] == ChunkState.RETIRED} | strangers)
        return bool(known)

    def _to_verify(self, ids: Ids, compared: Compared) -> Ids:
        """Return of which passages to read the vectors: of some if memory knows exact similarities, else of all."""
        if self._memory.rests is None:
            return ids
        said = compared.of(self._memory.rows_of_passages(ids))
        return ids[np.argsort(-said)[:_VERIFIED]]

    def _rank_near(self, chunks: Ids, documents: Ids, vectors: Sequence[Any], compared: Compared) -> None:
        dimensions = len(self._vector)
        rows = self._memory.rows_of_passages(chunks)
        similarities = self._memory.similarities(self._vector, rows)
        usable = np.array([raw is not None and len(raw) == 4 * dimensions for raw in vectors], dtype=np.bool_)
        matrix = as_vector(b"".join(raw or b"" for raw, is_usable in zip(vectors, usable, strict=True) if is_usable))
        matrix = matrix.reshape(-1, dimensions)
        similarities[usable] = matrix @ self._vector
        sound = np.abs(np.linalg.norm(matrix, axis=1) - 1) < UNIT_TOLERANCE
        differences = np.abs(similarities - compared.of(rows))[usable]
        if (differences[sound & ~np.isnan(differences)] > compared.largest_error).any():
            logger.warning("What memory holds of index %s is not what SQL has.", self._scope.index.pk)
            raise MemoryNotUsable
        finite = np.isfinite(similarities)
        self.near.offer_all(documents[finite], chunks[finite], similarities[finite])

    def _replace(self, document_ids: set[int]) -> None:
        """Have documents whose passages are others by now answer with all that they have."""
        if document_ids:
            self._offer(self.near, sorted(document_ids))
            if self._leg:
                self._leg.replace(self.named, sorted(document_ids))

    def _note(self, leg: Measure, asked: int, chunks: Ids, scores: NDArray[Any], ranking: Ranking) -> None:
        # Whom earlier rounds named is named in later ones too.
        self._noted[leg] = self._noted.get(leg, {}) | dict(zip(chunks.tolist(), scores.tolist(), strict=True))
        self._watch.note(Round(leg, asked=asked, named=self._noted[leg], kept=len(ranking)))


def _with_some_vectors(chunks: QuerySet[Chunk]) -> "QuerySet[Chunk, tuple[int, int, str, Any]]":
    """Ask for id, document and state of chunks, and for the vectors of some: reading one costs as much as all that."""
    # Not joined, so that nobody looks for the others'.
    stored = Embedding.objects.filter(pk=OuterRef("embedding")).order_by().values("vector")
    some = Case(When(pk__in=Many("vectors_of"), then=Subquery(stored)), default=None, output_field=BinaryField())
    return chunks.values_list("pk", "document", "state", some)


class _Words:
    """The passages that have the question's words and may be kept; one that memory does not know may be."""

    def __init__(self, scores: Scores, memory: VectorMemory, kept: Mask | None) -> None:
        self._memory = memory
        self.scores = scores if kept is None else scores.where(~memory.drops(scores.chunks, kept))
        self.is_all = not len(self.scores)

    def best(self, documents: int) -> Ids:
        """Return the best passage of each of so many best documents, of all if there are fewer."""
        fetch = documents * PASSAGES_PER_DOCUMENT
        while True:
            best = self.scores.best(fetch).chunks
            _owners, firsts = np.unique(self._owners(best), return_index=True)
            self.is_all = len(best) == len(self.scores) and len(firsts) <= documents
            if len(firsts) >= documents or len(best) == len(self.scores):
                return best[np.sort(firsts)[:documents]]
            fetch *= WIDENING

    def best_of(self, document_ids: Ids) -> Ids:
        """Return the best passage of each of these documents that has one."""
        rows = np.flatnonzero(self._memory.rows_of(document_ids) & self._memory.alive)
        best = self.scores.among(self._memory.chunk_ids[rows])
        best = best.best(len(best))
        _owners, firsts = np.unique(self._owners(best.chunks), return_index=True)
        return best.chunks[firsts]

    def _owners(self, chunk_ids: Ids) -> Ids:
        """Return each passage's document; one that memory does not know stands for itself, as a number below zero."""
        rows = self._memory.rows_of_passages(chunk_ids)
        return np.where(rows >= 0, self._memory.document_ids[rows], -chunk_ids)
