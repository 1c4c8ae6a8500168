"""Which legs search an index: by the mode that was asked for, and by words alone where nothing can be embedded."""

from dataclasses import dataclass, replace

from collections_app.fusion import Method
from collections_app.lexical import ANALYZER_VERSION
from collections_app.models import VectorIndex
from search_app import resident
from search_app.degradation import Code, Degradation, because
from search_app.federation import Member
from search_app.hybrid import HybridLeg
from search_app.lexical import LexicalLeg
from search_app.likeness import vector_of, words_of
from search_app.query_vectors import QuestionNotEmbedded, query_vector
from search_app.request import Mode, SearchRequest, clean_query
from search_app.scope import Scope
from search_app.semantic import SemanticLeg
from search_app.stopwatch import Stopwatch
from search_app.weighting import Weight, weight_for


@dataclass(frozen=True, slots=True)
class Asked:
    """A scope with the leg that searches it, and what meaning weighs where it is fused with words by scores."""

    scope: Scope
    member: Member
    watch: Stopwatch
    degraded: tuple[Degradation, ...] = ()
    weight: Weight | None = None


def legs_for(request: SearchRequest, index: VectorIndex) -> Asked:
    """Return how an index is searched. Raises InvalidSearchRequest where it cannot be compared with what is liked."""
    watch = Stopwatch()
    scope = Scope(index, request.user, request.filter)
    view = None
    if request.like or request.mode is not Mode.LEXICAL:
        with watch.step("count"):
            view = resident.view_of(index)
    query = words_of(request.like) if request.like else clean_query(request.query)
    words = LexicalLeg(scope, query, watch, view.version if view else None)
    if request.like:
        with watch.step("vector"):
            vector = vector_of(request.like, index)
        return Asked(scope, Member(SemanticLeg(scope, vector, watch, words, view), vector), watch)
    renewed = (because(Code.WORDS_RENEWED),) if index.analyzer_version != ANALYZER_VERSION else ()
    if request.mode is Mode.LEXICAL:
        return Asked(scope, Member(words, None), watch, renewed)
    try:
        with watch.step("embed"):
            vector = query_vector(index, query, meanwhile=None if request.mode is Mode.SEMANTIC else words.score)
    except QuestionNotEmbedded as error:
        return Asked(scope, Member(words, None), watch, (because(error.code), because(Code.WORDS_ALONE), *renewed))
    semantic = SemanticLeg(scope, vector, watch, words, view)
    match request.mode:
        case Mode.SEMANTIC:
            return Asked(scope, Member(semantic, vector), watch)
        case Mode.RRF:
            return Asked(scope, Member(HybridLeg(semantic, words, method=Method.RANKS), vector), watch, renewed)
        case _:
            weight = weight_for(index, query)
            both = replace(semantic, has_words_ranked=True)
            leg = HybridLeg(both, words, method=Method.SCORES, weight=weight.value)
            return Asked(scope, Member(leg, vector), watch, renewed, weight)
