"""What a search answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from collections_app.models import Chunk, Document
from search_app.degradation import Degradation
from search_app.facets import Facets
from search_app.leg import Found, Measure
from search_app.planner import Plan
from search_app.scope import Scope
from search_app.stopwatch import Round, Stopwatch
from search_app.weighting import Weight


@dataclass(frozen=True, slots=True)
class Hit:
    """A document, by its best passage, with its score in a measure that is the same for all hits of an answer.

    A document that is listed and not found, and has no passage yet, has an empty one.
    """

    chunk: Chunk
    score: float
    measure: Measure

    @property
    def document(self) -> Document:
        return self.chunk.document


@dataclass(frozen=True, slots=True)
class Part:
    """How one index was searched: in which scope, what was found, by which rounds, and what each step took.

    `weight` is what meaning weighed beside words, None where only one of them was asked, or ranks were fused.
    """

    scope: Scope
    found: Found
    watch: Stopwatch
    weight: Weight | None = None

    @property
    def rounds(self) -> Sequence[Round]:
        return self.watch.rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResponse:
    """The answer. `degraded` says why it is less than it should be; then `answered` may be False.

    `total_estimate` is how many documents the filter keeps, None where that was not counted; `ranked` how many were
    found and ranked, of which `hits` are a page; `timings` are milliseconds by step; `parts` tell of each index.
    """

    hits: list[Hit] = field(default_factory=list)
    has_more: bool = False
    answered: bool = True
    total_estimate: int | None = None
    ranked: int = 0
    degraded: tuple[Degradation, ...] = ()
    facets: Facets | None = None
    parts: tuple[Part, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether it holds all that it would hold if nothing were degraded."""
        return self.answered and all(reason.is_harmless for reason in self.degraded)

    @property
    def plan(self) -> Plan | None:
        """The plan, where one index was searched."""
        return self.parts[0].found.plan if len(self.parts) == 1 else None

    @property
    def candidates(self) -> int:
        """How many passages were compared or named."""
        return sum(part.found.candidates for part in self.parts)
