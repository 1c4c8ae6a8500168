"""Which legs search an index: by the mode that was asked for, and by words alone where nothing can be embedded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collections_app.models import VectorIndex
from search_app.degradation import Code, Degradation, because
from search_app.federation import Member
from search_app.fusion import SEMANTIC_WEIGHT, Method
from search_app.hybrid import HybridLeg
from search_app.lexical import LexicalLeg
from search_app.likeness import vector_of, words_of
from search_app.query_vectors import QuestionNotEmbedded, query_vector
from search_app.request import Mode, SearchRequest, clean_query
from search_app.scope import Scope
from search_app.semantic import SemanticLeg
from search_app.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class Asked:
    """A scope with the leg that searches it."""

    scope: Scope
    member: Member
    watch: Stopwatch
    degraded: tuple[Degradation, ...] = ()


def legs_for(request: SearchRequest, index: VectorIndex) -> Asked:
    """Return how an index is searched. Raises InvalidSearchRequest where it cannot be compared with what is liked."""
    watch = Stopwatch()
    scope = Scope(index, request.user, request.filter)
    if request.like:
        with watch.step("vector"):
            vector = vector_of(request.like, index)
        words = LexicalLeg(scope, words_of(request.like), watch)
        return Asked(scope, Member(SemanticLeg(scope, vector, watch, words), vector), watch)
    query = clean_query(request.query)
    words = LexicalLeg(scope, query, watch)
    if request.mode is Mode.LEXICAL:
        return Asked(scope, Member(words, None), watch)
    try:
        with watch.step("embed"):
            vector = query_vector(index.profile, query)
    except QuestionNotEmbedded as error:
        return Asked(scope, Member(words, None), watch, (because(error.code), because(Code.WORDS_ALONE)))
    return Asked(scope, Member(_leg(request.mode, scope, vector, words, watch), vector), watch)


def _leg(
    mode: Mode, scope: Scope, vector: NDArray[np.float32], words: LexicalLeg, watch: Stopwatch
) -> SemanticLeg | HybridLeg:
    semantic = SemanticLeg(scope, vector, watch, words)
    if mode is Mode.SEMANTIC:
        return semantic
    method = Method.RANKS if mode is Mode.RRF else Method.SCORES
    return HybridLeg(semantic, words, method=method, weight=SEMANTIC_WEIGHT)
