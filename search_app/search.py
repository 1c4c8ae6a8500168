"""Run a search: question -> vector -> plan -> ranked documents -> what SQL says of them now."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from collections_app.exceptions import InvalidSearchRequest
from collections_app.extraction.characters import clean_text
from collections_app.fusion import Method
from collections_app.lexical import ANALYZER_VERSION
from collections_app.models import Chunk, ChunkState, Collection, IndexState, User, VectorIndex
from search_app.degradation import Code, Degradation, because
from search_app.filters import EVERYTHING, Expression
from search_app.hybrid import HybridLeg
from search_app.leg import Leg, Measure
from search_app.lexical import LexicalLeg
from search_app.planner import Plan
from search_app.query_vectors import QuestionNotEmbedded, query_vector
from search_app.ranking import Candidate, Ranking
from search_app.scope import Scope, readable_collections
from search_app.semantic import SemanticLeg
from search_app.stopwatch import Stopwatch
from search_app.weighting import Weight, weight_for

PAGE_SIZE = 10
MOST_RESULTS = 200
MOST_CHARACTERS = 10_000
# How often hits that were retired between ranking and reading are replaced; each round needs another save just then.
_ROUNDS = 3


class Mode(StrEnum):
    """By what documents are found: meaning and words fused by their scores, one of them, or both by their ranks."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"
    RRF = "rrf"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A question to one collection. `user` None stands for who runs the site, and may read everything.

    `offset` counts documents from the best one on; offset + limit is at most MOST_RESULTS.
    """

    query: str
    collection: Collection
    filter: Expression = EVERYTHING
    mode: Mode = Mode.HYBRID
    limit: int = PAGE_SIZE
    offset: int = 0
    user: User | AnonymousUser | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A document, by its best passage, with its score in a measure that is the same for all hits of an answer."""

    chunk: Chunk
    score: float
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResponse:
    """The answer. `degraded` says why it is less than it should be; then `answered` may be False.

    `total_estimate` is how many documents the filter keeps, None where that was not counted; `timings` are
    milliseconds by step.
    """

    hits: list[Hit] = field(default_factory=list)
    has_more: bool = False
    answered: bool = True
    total_estimate: int | None = None
    degraded: tuple[Degradation, ...] = ()
    plan: Plan | None = None
    candidates: int = 0
    # What meaning weighed beside words; None where only one of them was asked, or ranks were fused.
    weight: Weight | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether it holds all that it would hold if nothing were degraded."""
        return self.answered and all(reason.is_harmless for reason in self.degraded)


def clean_query(query: str) -> str:
    """Return the question without what cannot be stored or encoded, trimmed, and cut far beyond what models read."""
    return clean_text(query).strip()[:MOST_CHARACTERS]


def search(request: SearchRequest) -> SearchResponse:
    """Answer a question; whatever is wrong besides SQL makes the answer degraded, not an error.

    A question of white space alone has an empty answer. Raises InvalidSearchRequest for a collection that the user may
    not read, and for results outside of MOST_RESULTS.
    """
    _check(request)
    query = clean_query(request.query)
    if not query:
        return SearchResponse()
    while index := _serving_index(request.collection):
        response = _answer(request, index, query)
        # One that was dropped on the way, after another took over, may have lost what it was asked for.
        if not VectorIndex.objects.filter(pk=index.pk, state=IndexState.DROPPED).exists():
            return response
    return SearchResponse(answered=False, degraded=(because(Code.NO_INDEX),))


def _answer(request: SearchRequest, index: VectorIndex, query: str) -> SearchResponse:
    response = _found(request, index, query)
    if request.mode is Mode.SEMANTIC or index.analyzer_version == ANALYZER_VERSION:
        return response
    return replace(response, degraded=(*response.degraded, because(Code.WORDS_RENEWED)))


def _found(request: SearchRequest, index: VectorIndex, query: str) -> SearchResponse:
    watch = Stopwatch()
    scope = Scope(index, request.user, request.filter)
    words = LexicalLeg(scope, query, watch)
    if request.mode is Mode.LEXICAL:
        return _run(request, words, watch)
    try:
        with watch.step("embed"):
            vector = query_vector(index.profile, query)
    except QuestionNotEmbedded as error:
        return _run(request, words, watch, because(error.code), because(Code.WORDS_ALONE))
    semantic = SemanticLeg(scope, vector, watch, words)
    if request.mode is Mode.SEMANTIC:
        return _run(request, semantic, watch)
    if request.mode is Mode.RRF:
        return _run(request, HybridLeg(semantic, words, method=Method.RANKS), watch)
    weight = weight_for(index, query)
    response = _run(request, HybridLeg(semantic, words, method=Method.SCORES, weight=weight.value), watch)
    return replace(response, weight=weight)


def _run(request: SearchRequest, leg: Leg, watch: Stopwatch, *degraded: Degradation) -> SearchResponse:
    end = request.offset + request.limit
    # One more than shown tells whether there is a next page.
    found = leg.run(wanted=end + 1)
    with watch.step("read"):
        hits = _read(leg, found.ranking, request.offset, end)
    return SearchResponse(
        hits=hits,
        has_more=len(found.ranking) > end,
        total_estimate=found.plan.kept.documents if found.plan.kept else None,
        degraded=degraded + found.degraded,
        plan=found.plan,
        candidates=found.candidates,
        timings=watch.timings,
    )


def _check(request: SearchRequest) -> None:
    if not readable_collections(request.user).filter(pk=request.collection.pk).exists():
        raise InvalidSearchRequest(_("There is no such collection, or you may not read it."))
    if request.limit < 1 or request.offset < 0 or request.offset + request.limit > MOST_RESULTS:
        raise InvalidSearchRequest(
            _("Only the best %(most)d results can be listed; make the question or the filters narrower.")
            % {"most": MOST_RESULTS}
        )


def _serving_index(collection: Collection) -> VectorIndex | None:
    serving = Collection.objects.filter(pk=collection.pk).values("serving_index")
    serving_now = VectorIndex.objects.exclude(state=IndexState.DROPPED).filter(pk__in=serving)
    return serving_now.select_related("profile", "collection").first()


def _read(leg: Leg, ranking: Ranking, start: int, end: int) -> list[Hit]:
    """Read the passages of one page as they are now; a document that changed meanwhile is ranked anew."""
    for _round in range(_ROUNDS):
        page = ranking.slice(start, end)
        chunks = _live_chunks(leg.scope, page)
        lost = [candidate.document_id for candidate in page if candidate.chunk_id not in chunks]
        if not lost:
            break
        leg.replace(ranking, lost)
    return [
        Hit(chunks[candidate.chunk_id], candidate.score, leg.measure)
        for candidate in page
        if candidate.chunk_id in chunks
    ]


def _live_chunks(scope: Scope, page: list[Candidate]) -> dict[int, Chunk]:
    chunks = scope.chunks([candidate.chunk_id for candidate in page]).filter(state=ChunkState.LIVE)
    return {chunk.pk: chunk for chunk in chunks.select_related("document")}
