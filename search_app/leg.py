"""What the legs of a search have in common: each finds documents by passages, in its own measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from search_app.degradation import Degradation
from search_app.planner import Plan
from search_app.ranking import Ranking
from search_app.scope import Scope


class Measure(StrEnum):
    """What a score is.

    The cosine of passage and question, from -1 to 1; BM25, which has no upper end; both fused, from 0 to 1; a sum of
    reciprocal ranks; or none, where documents are listed without a question.
    """

    COSINE = "cosine"
    BM25 = "bm25"
    FUSED = "fused"
    RANKS = "ranks"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The ranking, by which plan, how many passages were compared or named for it, and what went wrong.

    `legs` are the rankings that were fused, by their measures, COSINE and BM25, and `weight` what the first one counted
    for, from 0 to 1; of a leg that was asked alone, its own.
    """

    ranking: Ranking
    plan: Plan
    candidates: int
    legs: Mapping[Measure, Ranking] = field(default_factory=dict)
    weight: float | None = None
    degraded: tuple[Degradation, ...] = ()


class Leg(Protocol):
    """One way of finding the documents in `scope` that answer a question."""

    @property
    def scope(self) -> Scope: ...
    @property
    def measure(self) -> Measure: ...

    def run(self, *, wanted: int) -> Found:
        """Find the `wanted` best documents, or all if there are fewer."""

    def replace(self, ranking: Ranking, document_ids: Sequence[int]) -> None:
        """Give documents whose best passage is gone the best one that they have now; without any, they are gone too."""
