"""How an answer came about, as data: what was asked, what was searched and why so, and what became of each candidate.

It is made of what the search noted on its way, and of a few counts that a search alone does not need. It tells nothing
of documents that the user may not read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collections_app.fusion import ranks
from collections_app.lexical import terms_of
from collections_app.models import Chunk, ChunkState, Document
from search_app.filters import EVERYTHING, And, Condition, Expression, Not, Or, Phrase
from search_app.leg import Found, Measure
from search_app.plan_reasons import in_english
from search_app.planner import Estimate, Reason
from search_app.ranking import Ranking
from search_app.request import Mode, SearchRequest, clean_query
from search_app.resident import Standing, standing_of
from search_app.response import Part, SearchResponse
from search_app.scope import Scope
from search_app.weighting import Weight

_MOST_TERMS = 100
_MOST_LOOKED_UP = 5_000


@dataclass(frozen=True, slots=True)
class LegScore:
    """A document's rank, counted from 1, and score in one leg."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class HitExplanation:
    """Where a hit stands in the answer and in each leg, None where the leg did not find it."""

    rank: int
    document: Document
    collection: str
    score: float
    semantic: LegScore | None
    lexical: LegScore | None
    shown_by: Measure | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many of the passages that a leg named are not in its ranking, and why: a code of `WHY`."""

    leg: Measure
    why: str
    passages: int


@dataclass(frozen=True, slots=True)
class RoundExplanation:
    """One time that a leg asked: for how many passages, how many were named, how many documents were kept by then."""

    leg: Measure
    asked: int
    named: int
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartExplanation:
    """How one collection was searched."""

    collection: str
    name: str
    model: str
    dimensions: int
    memory: Standing
    passages_compared: int
    strategy: str
    reason: Reason
    considered: Sequence[Estimate]
    wanted: int
    fetch: int
    rounds: Sequence[RoundExplanation]
    found: Mapping[str, int]
    weight: Weight | None
    dropped: Sequence[Dropped]
    timings: Mapping[str, float]
    kept: int
    of_documents: int

    @property
    def share(self) -> float:
        """The part of the documents that the filter keeps, from 0 to 1."""
        return self.kept / self.of_documents if self.of_documents else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The whole of it. `terms` are those of the question as full text knows them, `filter` is a tree."""

    query: str
    like: str
    terms: Sequence[str]
    mode: Mode
    order: str
    diversity: float
    filter: Any
    parts: Sequence[PartExplanation] = field(default_factory=tuple)
    hits: Sequence[HitExplanation] = field(default_factory=tuple)
    ranked: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def milliseconds(self) -> float:
        return round(sum(self.timings.values()), 1)


def explain(request: SearchRequest, response: SearchResponse) -> Explanation:
    """Explain the answer to a request."""
    query = clean_query(request.query)
    return Explanation(
        query=query,
        like=str(request.like.document.public_id) if request.like else "",
        terms=list(dict.fromkeys(terms_of(query)))[:_MOST_TERMS],
        mode=Mode.SEMANTIC if request.like else request.mode,
        order=str(request.sort) if request.sort else ("relevance" if request.is_question else "-document.created"),
        diversity=request.diversity,
        filter=filter_as_json(request.filter),
        parts=[_part(part) for part in response.parts],
        hits=_hits(request, response),
        ranked=response.ranked,
        timings=dict(response.timings),
    )


def filter_as_json(expression: Expression) -> Any:
    """Return a filter as JSON can hold it; None for one that keeps everything."""
    match expression:
        case And(()):
            return None
        case And(parts):
            return filter_as_json(parts[0]) if len(parts) == 1 else {"and": [filter_as_json(part) for part in parts]}
        case Or(parts):
            return {"or": [filter_as_json(part) for part in parts]}
        case Not(part):
            return {"not": filter_as_json(part)}
        case Phrase(words):
            return {"phrase": " ".join(words)}
        case Condition(spec, operator, values):
            plain = [value if isinstance(value, str | int | float | bool) else value.isoformat() for value in values]
            return {"field": spec.name, "op": operator, "value": plain if len(plain) > 1 else plain[0]}


def _part(part: Part) -> PartExplanation:
    scope, found = part.scope, part.found
    index, kept = scope.index, found.plan.kept or scope.keep().counts
    return PartExplanation(
        collection=index.collection.slug,
        name=index.collection.name,
        model=index.profile.name,
        dimensions=index.profile.dimensions,
        memory=standing_of(index),
        passages_compared=found.candidates,
        strategy=found.plan.strategy,
        reason=found.plan.reason,
        considered=found.plan.considered,
        wanted=found.plan.wanted,
        fetch=found.plan.fetch,
        rounds=[
            RoundExplanation(Measure(round_.leg), round_.asked, len(round_.named), round_.kept)
            for round_ in part.rounds
        ],
        found={leg: len(ranking) for leg, ranking in _legs(found).items()},
        weight=part.weight,
        dropped=[dropped for leg in _legs(found) for dropped in _dropped(part, leg)],
        timings=part.watch.timings,
        kept=kept.documents,
        of_documents=kept.of_documents,
    )


def _legs(found: Found) -> Mapping[Measure, Ranking]:
    """Return the rankings of the legs that were run, by their measures."""
    if found.legs:
        return found.legs
    measure = Measure.BM25 if found.plan.strategy == "lexical" else Measure.COSINE
    return {measure: found.ranking}


# --- hits ---------------------------------------------------------------------------------------------------------


def _hits(request: SearchRequest, response: SearchResponse) -> list[HitExplanation]:
    stood = [{leg: _scores(ranking) for leg, ranking in _legs(part.found).items()} for part in response.parts]
    hits = []
    for rank, hit in enumerate(response.hits, start=request.offset + 1):
        document = hit.document
        own = next((legs for legs in stood if any(document.pk in scores for scores in legs.values())), {})
        semantic, lexical = (own.get(leg, {}).get(document.pk) for leg in (Measure.COSINE, Measure.BM25))
        shown = _shown_by(semantic, lexical) if response.parts else None
        hits.append(HitExplanation(rank, document, document.collection.slug, hit.score, semantic, lexical, shown))
    return hits


def _scores(ranking: Ranking) -> dict[int, LegScore]:
    scores = {document: candidate.score for document, candidate in ranking.by_document().items()}
    return {document: LegScore(rank, scores[document]) for document, rank in ranks(scores).items()}


def _shown_by(semantic: LegScore | None, lexical: LegScore | None) -> Measure | None:
    """Return the leg whose passage is shown: the one that ranks the document higher."""
    if semantic and lexical:
        return Measure.BM25 if lexical.rank < semantic.rank else Measure.COSINE
    return Measure.COSINE if semantic else Measure.BM25 if lexical else None


# --- what was dropped ---------------------------------------------------------------------------------------------


def _dropped(part: Part, leg: Measure) -> list[Dropped]:
    """Say of all passages that a leg named and does not rank why: the last round holds those of the ones before."""
    rounds = [round_ for round_ in part.rounds if round_.leg == leg]
    if not rounds:
        return []
    named = list(max(rounds, key=lambda round_: len(round_.named)).named)[:_MOST_LOOKED_UP]
    ranking = _legs(part.found)[leg]
    shown = {candidate.chunk_id for candidate in ranking.by_document().values()}
    reasons = _reasons(part.scope, [chunk for chunk in named if chunk not in shown])
    return [Dropped(leg, why, count) for why, count in reasons.items() if count]


def _reasons(scope: Scope, chunk_ids: Sequence[int]) -> dict[str, int]:
    """Count the chunks by why they are not shown; one that could be is outdone by another one of its document."""
    known = dict(Chunk.objects.filter(pk__in=chunk_ids, index=scope.index).values_list("pk", "state"))
    live = [chunk for chunk in chunk_ids if known.get(chunk) == ChunkState.LIVE]
    in_scope = len(scope.read(live, lambda chunks: chunks.values_list("pk")))
    return {
        "unknown": len(chunk_ids) - len(known),
        "superseded": len(known) - len(live),
        "filtered": len(live) - in_scope if scope.filter != EVERYTHING else 0,
        "outdone": in_scope,
    }


# --- as JSON ------------------------------------------------------------------------------------------------------


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON can hold it. Contract: docs/api.md."""
    return {
        "query": explanation.query,
        "like": explanation.like or None,
        "terms": list(explanation.terms),
        "mode": explanation.mode,
        "sort": explanation.order,
        "diversity": explanation.diversity,
        "filter": explanation.filter,
        "ranked": explanation.ranked,
        "collections": [_part_as_json(part) for part in explanation.parts],
        "hits": [_hit_as_json(hit) for hit in explanation.hits],
        "timings_ms": dict(explanation.timings),
    }


def _part_as_json(part: PartExplanation) -> dict[str, Any]:
    return {
        "collection": part.collection,
        "model": part.model,
        "dimensions": part.dimensions,
        "filter": {"documents": part.kept, "of": part.of_documents, "share": round(part.share, 6)},
        "memory": part.memory.value,
        "strategy": part.strategy,
        "reason": in_english(part.reason),
        "reason_code": part.reason.why.value,
        "estimated_ms": {each.strategy.value: round(each.milliseconds, 2) for each in part.considered},
        "wanted": part.wanted,
        "fetch": part.fetch,
        "candidates": part.passages_compared,
        "rounds": [
            {"leg": _LEGS[round_.leg], "asked": round_.asked, "named": round_.named, "kept": round_.kept}
            for round_ in part.rounds
        ],
        "found": {_LEGS[Measure(leg)]: count for leg, count in part.found.items()},
        "semantic_weight": _weight_as_json(part.weight) if part.weight else None,
        "dropped": [
            {"leg": _LEGS[dropped.leg], "why": dropped.why, "passages": dropped.passages} for dropped in part.dropped
        ],
        "timings_ms": dict(part.timings),
    }


def _weight_as_json(weight: Weight) -> dict[str, Any]:
    return {
        "value": round(weight.value, 4),
        "source": weight.source,
        "language": weight.language or None,
        "readable": round(weight.readable, 4),
    }


_LEGS = {Measure.COSINE: "semantic", Measure.BM25: "lexical"}


def _hit_as_json(hit: HitExplanation) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "document": str(hit.document.public_id),
        "title": str(hit.document),
        "collection": hit.collection,
        "score": round(hit.score, 6),
        "semantic": hit.semantic and {"rank": hit.semantic.rank, "cosine": round(hit.semantic.score, 6)},
        "lexical": hit.lexical and {"rank": hit.lexical.rank, "bm25": round(hit.lexical.score, 6)},
        "shown_by": _LEGS.get(hit.shown_by) if hit.shown_by else None,
    }
