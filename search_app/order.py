"""The ranked documents of a request in the order in which they are shown, and a page of them."""

from collections.abc import Sequence

import numpy as np

from collections_app.fusion import Method
from collections_app.models import Chunk, ChunkState
from collections_app.vectors import as_vector, is_usable
from search_app.diversity import spread_out
from search_app.federation import Federation, Member
from search_app.leg import Measure
from search_app.ranking import Candidate, Ranking
from search_app.request import DEPTH, MOST_RESULTS, Mode, SearchRequest
from search_app.response import Hit
from search_app.scope import Scope
from search_app.sorting import sorted_ids
from search_app.stopwatch import Stopwatch

# How often hits that were retired between ranking and reading are replaced; each round needs another save just then.
_ROUNDS = 3


class Order:
    """Runs the legs and puts what they find into the order in which it is shown.

    The first DEPTH documents are the same for every page, so that no page repeats or skips what another one shows. For
    pages beyond them more are asked for, and follow in the order of their scores.
    """

    def __init__(self, request: SearchRequest, ranked: "_Ranked", watch: Stopwatch) -> None:
        self._request = request
        self._ranked = ranked
        self._watch = watch
        own = {request.like.document.pk} if request.like else set()
        self._first = self._run(DEPTH, own)
        self._deeper = self._run(MOST_RESULTS, own) if request.end > DEPTH else None
        self._rearranged: list[Candidate] | None = None

    @classmethod
    def of(cls, request: SearchRequest, members: Sequence[Member], watch: Stopwatch) -> "Order":
        if len(members) == 1:
            return cls(request, _Alone(members[0]), watch)
        method = Method.RANKS if request.mode is Mode.RRF else Method.SCORES
        return cls(request, Federation(members, method, watch), watch)

    def _run(self, depth: int, own: set[int]) -> Ranking:
        # One more than shown tells whether there is a next page, and what everything is like is like itself.
        ranking = self._ranked.run(wanted=depth + 1 + len(own))
        ranking.forget(own)
        return ranking

    def all(self) -> list[Candidate]:
        """Return all ranked documents as they are shown."""
        if self._rearranged is None:
            self._rearranged = self._arranged()
        return self._rearranged

    def _arranged(self) -> list[Candidate]:
        first = self._first.slice(0, DEPTH)
        if self._request.is_rearranged:
            return self._rearrange(first)
        if self._deeper is None:
            return self._first.slice(0, DEPTH + 1)
        seen = {candidate.document_id for candidate in first}
        rest = [candidate for candidate in self._deeper.slice(0, None) if candidate.document_id not in seen]
        return [*first, *rest][: MOST_RESULTS + 1]

    def _rearrange(self, best: list[Candidate]) -> list[Candidate]:
        if self._request.diversity > 0:
            with self._watch.step("diversify"):
                best = _spread_out(best, self._ranked.scopes(), self._request.diversity)
        if self._request.sort:
            with self._watch.step("sort"):
                by_id = {candidate.document_id: candidate for candidate in best}
                best = [by_id[document] for document in sorted_ids(self._request.sort, list(by_id))]
        return best

    def page(self) -> tuple[list[Hit], bool]:
        """Read the passages of the page as they are now; a document that changed meanwhile is ranked anew."""
        start, end = self._request.offset, self._request.end
        for _round in range(_ROUNDS):
            page = self.all()[start:end]
            chunks = _live_chunks(self._ranked.scopes(), page)
            lost = [candidate.document_id for candidate in page if candidate.chunk_id not in chunks]
            if not lost:
                break
            self._replace(lost)
        measure = self._ranked.measure
        hits = [
            Hit(chunks[candidate.chunk_id], candidate.score, measure)
            for candidate in page
            if candidate.chunk_id in chunks
        ]
        return hits, len(self.all()) > end

    def _replace(self, lost: Sequence[int]) -> None:
        self._rearranged = None
        if self._deeper is None:
            self._ranked.replace(self._first, lost)
        else:
            self._ranked.replace(self._deeper, lost)
            self._first.forget(lost)


class _Alone:
    """One collection's leg."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._leg = member.leg

    @property
    def measure(self) -> Measure:
        return self._leg.measure

    def scopes(self) -> list[Scope]:
        return [self._leg.scope]

    def run(self, *, wanted: int) -> Ranking:
        return self._member.run(wanted=wanted)

    def replace(self, ranking: Ranking, document_ids: Sequence[int]) -> None:
        self._leg.replace(ranking, document_ids)


_Ranked = _Alone | Federation


def _live_chunks(scopes: Sequence[Scope], page: Sequence[Candidate]) -> dict[int, Chunk]:
    ids = [candidate.chunk_id for candidate in page]
    found: dict[int, Chunk] = {}
    for scope in scopes:
        live = scope.read(ids, lambda chunks: chunks.filter(state=ChunkState.LIVE).select_related("document"))
        for chunk in live:
            # All of an index are of one collection, which came with it.
            chunk.document.collection = scope.index.collection
            found[chunk.pk] = chunk
    return found


def _spread_out(best: Sequence[Candidate], scopes: Sequence[Scope], diversity: float) -> list[Candidate]:
    """Spread documents out by the vectors of the passages that they are shown by; other models' vectors are apart."""
    rows: dict[int, tuple[int, bytes]] = {}
    ids = [candidate.chunk_id for candidate in best]
    for scope in scopes:
        stored = scope.read(ids, lambda chunks: chunks.values_list("pk", "embedding__vector"))
        profile = scope.index.profile
        for chunk, raw in stored:
            if raw is not None and is_usable(raw, dimensions=profile.dimensions):
                rows[chunk] = profile.pk, bytes(raw)
    models = {scope.index.profile.pk: scope.index.profile.dimensions for scope in scopes}
    starts, width = {}, 0
    for model, dimensions in models.items():
        starts[model], width = width, width + dimensions
    vectors = np.zeros((len(best), width), dtype=np.float32)
    for row, candidate in enumerate(best):
        if candidate.chunk_id in rows:
            model, raw = rows[candidate.chunk_id]
            vectors[row, starts[model] : starts[model] + models[model]] = as_vector(raw)
    scores = [candidate.score for candidate in best]
    return [best[position] for position in spread_out(scores, vectors, diversity=diversity)]
