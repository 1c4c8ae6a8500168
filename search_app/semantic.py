"""The semantic leg: the passages whose vectors are nearest to the question's, from the store or from SQL."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from collections_app import outages, tasks
from collections_app.exceptions import (
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
    VectorStoreUnavailable,
    VectorStoreWentDown,
)
from collections_app.models import Chunk, ChunkState, VectorIndex
from collections_app.prepared import Many, prepared
from collections_app.projection import readable_collection
from collections_app.vectors import as_vector, is_usable, live_vectors
from collections_app.vectorstores import Match, load_vector_store
from search_app import resident
from search_app.degradation import Code, because, partial
from search_app.leg import Found, Measure
from search_app.lexical import LexicalLeg
from search_app.memory_search import MemoryNotUsable, MemorySearch
from search_app.planner import (
    Counts,
    InMemory,
    Kept,
    Plan,
    Strategy,
    Why,
    plan_filtered,
    plan_memory,
    plan_search,
)
from search_app.ranking import Candidate, Ranking
from search_app.resident_view import View
from search_app.scope import Scope
from search_app.stopwatch import Round, Stopwatch
from search_app.vector_memory import Selection

logger = logging.getLogger(__name__)

# How long reading vectors from SQL may take when the store cannot be asked.
EXACT_SECONDS = 2.0
# How long the store may think about a question. One that takes longer hangs, or is loading what it will then have.
STORE_SECONDS = 5.0
# Documents whose vectors are read at once: bounds memory, and how far the time above is overrun.
_SLICE = 1000
# How many of the store's best answers are compared with SQL, and how far rounding may move a cosine.
_VERIFIED, _TOLERANCE = 10, 1e-3
# Documents that are compared because of their words when that time is over.
_BY_WORDS = 500


class StoreNotUsable(VectorStoreError):
    """The store cannot answer now; `code` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True, slots=True)
class SemanticLeg:
    """Finds the documents in scope nearest to `vector`, float32 [d], of unit length."""

    scope: Scope
    vector: NDArray[np.float32]
    watch: Stopwatch
    # Says which documents to compare when there is no time to compare them all.
    words: LexicalLeg
    # The index in memory, if it is there, as it was when the search began.
    view: View | None
    # Whether to rank by the words too, if memory answers: SQL is then asked once for both.
    has_words_ranked: bool = False
    measure = Measure.COSINE

    def run(self, *, wanted: int) -> Found:
        """Find the `wanted` best documents. Whatever is wrong with the store, SQL answers, within EXACT_SECONDS."""
        start = time.perf_counter()
        found = self._run(wanted)
        plan = replace(found.plan, milliseconds=(time.perf_counter() - start) * 1000)
        return replace(found, plan=plan)

    def _run(self, wanted: int) -> Found:
        view = self.view
        with self.watch.step("count"):
            memory = self._in_memory(view) if view else None
            counts = self._counts(view, wanted)
        plan = plan_search(counts, wanted=wanted, is_filtered=self.scope.is_filtered, memory=memory)
        try:
            match plan.strategy:
                case Strategy.EXACT:
                    return self._from_sql(plan)
                case Strategy.MEMORY if view:
                    return self._from_memory(view, plan)
                case _:
                    return self._from_store(plan, view)
        except MemoryNotUsable:
            resident.forget(self.scope.index)
            return self._from_sql(plan)

    def _counts(self, view: View | None, wanted: int) -> Counts:
        if view is None:
            return self.scope.count(wanted=wanted)
        # As many documents as wanted hold at least as many passages; where there are fewer, all are found anyway.
        return Counts(chunks=view.memory.passages, documents=wanted)

    def _in_memory(self, view: View) -> InMemory:
        """Say what memory holds; what the filter keeps only if finding that out costs next to nothing."""
        kept = None
        if self.scope.is_filtered and view.knows(self.scope.filter):
            kept = view.selection(self.scope.filter).passages
        return InMemory(passages=view.memory.passages, dimensions=self.scope.index.profile.dimensions, kept=kept)

    def complete(self, ranking: Ranking, document_ids: Sequence[int]) -> None:
        """Rank documents that another leg found in scope too, by their vectors in SQL."""
        if document_ids:
            self._offer(ranking, document_ids)

    def replace(self, ranking: Ranking, document_ids: Sequence[int]) -> None:
        """Give documents whose best passage is gone the best one that they have now; without any, they are gone too."""
        ranking.forget(document_ids)
        in_scope = list(self.scope.documents().filter(pk__in=document_ids).values_list("pk", flat=True))
        self._offer(ranking, in_scope)

    # --- from SQL -------------------------------------------------------------------------------------------------

    def _from_sql(self, plan: Plan) -> Found:
        """Compare every passage in scope."""
        if self.scope.is_filtered:
            with self.watch.step("count"):
                kept = self.scope.keep()
            return self._compare(plan_filtered(plan, kept.counts), kept.ids)
        if plan.strategy is Strategy.EXACT:
            ranking = Ranking()
            return Found(ranking=ranking, plan=plan, candidates=self._offer(ranking, None))
        return self._compare(plan, None)

    def _compare(self, plan: Plan, document_ids: Sequence[int] | None) -> Found:
        """Compare every live passage of these documents, None for all in scope, as far as the time suffices."""
        plan = replace(plan, strategy=Strategy.EXACT, fetch=0)
        ranking, compared, documents = Ranking(), 0, 0
        deadline = time.monotonic() + EXACT_SECONDS
        for part in _slices(self._newest_documents() if document_ids is None else document_ids):
            if documents and time.monotonic() > deadline:
                compared += self._offer_by_words(ranking)
                degraded = partial(compared=documents, of=self._count_documents(plan))
                return Found(ranking=ranking, plan=plan, candidates=compared, degraded=(degraded,))
            compared += self._offer(ranking, part)
            documents += len(part)
        return Found(ranking=ranking, plan=plan, candidates=compared)

    def _offer(self, ranking: Ranking, document_ids: Sequence[int] | None) -> int:
        with self.watch.step("compare"):
            live = live_vectors(self.scope.index, document_ids=document_ids)
            similarities = live.matrix @ self.vector
            # A damaged vector may hold anything; the audit finds it.
            usable = np.isfinite(similarities)
            if usable.any():
                ranking.offer_all(live.document_ids[usable], live.ids[usable], similarities[usable])
        return len(live.ids)

    def _offer_by_words(self, ranking: Ranking) -> int:
        best = self.words.run(wanted=_BY_WORDS).ranking.slice(0, _BY_WORDS)
        return self._offer(ranking, [candidate.document_id for candidate in best])

    def _count_documents(self, plan: Plan) -> int:
        return plan.kept.documents if plan.kept else self.scope.documents().count()

    def _newest_documents(self) -> Iterator[int]:
        return self.scope.documents().order_by("-pk").values_list("pk", flat=True).iterator(chunk_size=_SLICE)

    # --- from memory ----------------------------------------------------------------------------------------------

    def _from_memory(self, view: View, plan: Plan) -> Found:
        """Compare every passage in memory that the filter keeps, and the best ones again with SQL's vectors."""
        selection, plan = self._select(view, plan)
        search = MemorySearch(
            self.scope,
            self.vector,
            view.memory,
            self.watch,
            offer=self._offer,
            words=self.words if self.has_words_ranked else None,
        )
        compared = search.run(plan, selection)
        legs = {Measure.COSINE: search.near, Measure.BM25: search.named} if self.has_words_ranked else {}
        return Found(ranking=search.near, plan=replace(plan, rounds=search.rounds), candidates=compared, legs=legs)

    def _select(self, view: View, plan: Plan) -> tuple[Selection, Plan]:
        with self.watch.step("count"):
            selection = view.selection(self.scope.filter)
            if not self.scope.is_filtered:
                return selection, plan
            kept = Kept(documents=selection.documents, of_documents=view.documents, chunks=selection.passages)
        return selection, replace(plan, kept=kept, wanted=min(plan.wanted, kept.documents))

    # --- from the store -------------------------------------------------------------------------------------------

    def _from_store(self, plan: Plan, view: View | None) -> Found:
        """Ask the store for ever more passages until enough documents are in scope, or there is a quicker way."""
        try:
            found = self._overfetch(plan, view)
        except StoreNotUsable as error:
            if view:
                instead = plan_memory(plan, Why.STORE_IS_DOWN)
                found = self._from_memory(view, instead)
            else:
                found = self._from_sql(plan)
            return replace(found, degraded=(because(error.code), *found.degraded))
        return found

    def _overfetch(self, plan: Plan, view: View | None) -> Found:
        name = readable_collection(self.scope.index)
        if name is None:
            raise StoreNotUsable(Code.STORE_FILLING)
        if view or self.scope.is_filtered:
            ranking, named = self._ask(name, plan.fetch)
            plan = replace(plan, rounds=1)
            if len(ranking) >= plan.wanted:
                return Found(ranking=ranking, plan=plan, candidates=named)
            if view:
                return self._from_memory(view, plan_memory(plan, Why.STORE_NAMED_TOO_FEW))
            with self.watch.step("count"):
                kept = self.scope.keep()
            plan = plan_filtered(plan, kept.counts)
            if plan.strategy is Strategy.EXACT:
                return self._compare(plan, kept.ids)
        return self._widen(name, plan)

    def _widen(self, name: str, plan: Plan) -> Found:
        fetch: int | None = plan.fetch
        while fetch is not None:
            ranking, named = self._ask(name, fetch)
            plan = replace(plan, rounds=plan.rounds + 1)
            if len(ranking) >= plan.wanted:
                return Found(ranking=ranking, plan=plan, candidates=named)
            fetch = plan.widened(fetch) if named >= fetch else None
        return self._compare(plan, None)

    def _ask(self, name: str, fetch: int) -> tuple[Ranking, int]:
        with self.watch.step("store"):
            matches = self._ask_store(name, fetch)
        with self.watch.step("check"):
            ranking = self._check(matches)
        named = {match.id: match.similarity for match in matches}
        self.watch.note(Round(self.measure, asked=fetch, named=named, kept=len(ranking)))
        return ranking, len(matches)

    def _ask_store(self, name: str, limit: int) -> list[Match]:
        index = self.scope.index
        if outages.is_store_paused(index.store):
            raise StoreNotUsable(Code.STORE_PAUSED)
        try:
            return load_vector_store(index.store).within(STORE_SECONDS).query(name, self.vector, limit=limit)
        except Exception as error:
            # Whatever an adapter, its library or a foreign server comes up with, SQL answers.
            logger.warning("Searching index %s without the vector store.", index.pk, exc_info=True)
            _tell_the_write_side(index, error)
            raise StoreNotUsable(_code_of(error)) from error

    def _check(self, matches: Sequence[Match]) -> Ranking:
        """Keep what is live and in scope; a document whose passage was just retired answers with those it has now."""
        similarities = {match.id: match.similarity for match in matches}
        ranking = Ranking()
        superseded: set[int] = set()
        known = self.scope.read(similarities, lambda chunks: chunks.values_list("pk", "document", "state"))
        for chunk_id, document_id, state in known:
            if state == ChunkState.LIVE:
                ranking.offer(Candidate(document_id, chunk_id, similarities[chunk_id]))
            elif state == ChunkState.RETIRED:
                superseded.add(document_id)
        self._verify({candidate.chunk_id: candidate.score for candidate in ranking.slice(0, _VERIFIED)})
        if superseded:
            self._offer(ranking, sorted(superseded))
        return ranking

    def _verify(self, similarities: Mapping[int, float]) -> None:
        """Compare the best of what the store says with the vectors in SQL: a damaged one may answer without an error.

        Raises StoreNotUsable where they differ, and has everything in the store compared.
        """
        vectors = prepared(
            lambda: Chunk.objects.filter(pk__in=Many("chunks"), embedding__isnull=False).values_list(
                "pk", "embedding__vector"
            )
        )
        dimensions = self.scope.index.profile.dimensions
        for chunk_id, raw in vectors.rows(chunks=similarities):
            if not is_usable(raw, dimensions=dimensions):
                # It is SQL's that is damaged, which the audit mends.
                continue
            similarity = float(as_vector(raw) @ self.vector)
            if abs(similarity - similarities[chunk_id]) > _TOLERANCE:
                logger.warning(
                    "The vector store says %f of chunk %s, and it is %f: everything in it will be compared.",
                    similarities[chunk_id],
                    chunk_id,
                    similarity,
                )
                outages.note_crash(outages.store_status(self.scope.index.store))
                raise StoreNotUsable(Code.STORE_FAILED)


def _tell_the_write_side(index: VectorIndex, error: Exception) -> None:
    """Note an outage for all processes; have anything else looked into at once, so that healing begins in seconds."""
    if isinstance(error, VectorStoreWentDown) and error.is_silent:
        # Who asks waits less long than who works; the prober finds out whether it hangs.
        error = VectorStoreWentDown(str(error), is_silent=True)
    if isinstance(error, VectorStoreUnavailable):
        outages.pause(outages.store_status(index.store), error)
    else:
        tasks.ring(tasks.check_collection, index.pk)


def _code_of(error: Exception) -> Code:
    match error:
        case VectorStoreUnavailable():
            return Code.STORE_DOWN
        case VectorStoreCollectionMissing() | VectorStoreCollectionBroken():
            return Code.COLLECTION_LOST
        case _:
            return Code.STORE_FAILED


def _slices(document_ids: Iterable[int]) -> Iterator[list[int]]:
    remaining = iter(document_ids)
    while part := list(islice(remaining, _SLICE)):
        yield part
