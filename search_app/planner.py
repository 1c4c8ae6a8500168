"""Counts -> plan. Pure: it is told what SQL and memory hold, and knows no ORM, no store and no clock.

There are three ways to the passages nearest to a question. Each is estimated in milliseconds by `COSTS`, and the
cheapest one is taken. What a filter keeps is not always known before, and finding out costs something too; so asking
the store can be a bet, and its price includes what has to be done when it is lost (see `overfetch_cost`).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Any

# Reading and scoring this many vectors from SQL takes about 15 ms, is exact and needs no store.
EXACT_CHUNKS = 5_000
# A store query for this many passages takes about 40 ms, and SQL's check of them as long again.
MOST_FETCHED = 5_000
LEAST_FETCHED = 50
# A document that answers well tends to do so with several passages, and only its best one counts.
PASSAGES_PER_DOCUMENT = 3
# How many more passages the first query asks for under a filter: enough if the filter keeps a quarter. Asking for 200
# instead of 50 costs the store 2 ms.
FILTER_ALLOWANCE = 4
# How much wider the next query of the store is when too few documents were found.
WIDENING = 4
# Below so many passages SQL is as quick as memory.
LEAST_IN_MEMORY = 1000
# Candidates that memory names beyond those wanted: their order is only known when SQL's vectors are compared.
SPARE_CANDIDATES = 32
# How often a filter that nobody asked for before keeps what the store names first: enough of it, or too little.
_ODDS = 0.3
# How often the store names too few although the filter keeps enough, because what it keeps is far from the question.
_FAR = 0.25
# What an unknown filter is taken to keep.
_UNKNOWN_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds. Fitted by `python -m benchmarks.planner_constants`: 100,000 passages, SQLite, Chroma over HTTP."""

    # A question to SQL, made by the ORM, and per candidate that SQL checks and whose vector it hands over.
    round_trip: float = 1.8
    per_checked: float = 0.006
    # Per document that SQL names as kept by a filter, all ids in one value.
    per_named: float = 0.0002
    # Per number of a vector that is compared in memory: a byte each.
    per_number: float = 1e-7
    # Per number of a vector that is read from SQL and compared.
    per_number_read: float = 6e-5
    # A question to the store, and per passage that it names.
    store: float = 3.0
    per_fetched: float = 0.006


COSTS = Costs()


class Strategy(StrEnum):
    """How the passages nearest to the question are found."""

    # Every vector that may answer is read from SQL and compared.
    EXACT = "exact"
    # Every vector that may answer is compared in this process's memory, and the best ones again with SQL's vectors.
    MEMORY = "memory"
    # The store names more candidates than asked for, and SQL drops those that the filter does not keep.
    OVERFETCH = "overfetch"
    # The words of the question are looked up, best matches first, and SQL drops those that the filter does not keep.
    LEXICAL = "lexical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many live passages an index has, counted up to EXACT_CHUNKS + 1, and documents, up to as many as wanted."""

    chunks: int
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """An index in memory: how many live passages, how many the filter keeps (None if that is not known yet)."""

    passages: int
    dimensions: int
    kept: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How many of an index's documents a filter keeps, and their live passages, counted up to EXACT_CHUNKS + 1."""

    documents: int
    of_documents: int
    chunks: int

    @property
    def share(self) -> float:
        """The part of the documents that the filter keeps, from 0 to 1."""
        return min(1.0, self.documents / max(1, self.of_documents))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a strategy that was considered would cost, in milliseconds."""

    strategy: Strategy
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a question is answered: `wanted` documents, and how many passages the store or memory names at first.

    `considered` are the strategies among which it was chosen. `rounds` and `milliseconds` are what it took, 0 before.
    """

    strategy: Strategy
    wanted: int
    reason: str
    fetch: int = 0
    kept: Kept | None = None
    considered: tuple[Estimate, ...] = ()
    rounds: int = 0
    milliseconds: float = 0.0

    def widened(self, fetched: int) -> int | None:
        """Return how many passages to ask for after `fetched` gave too few documents; None when it is not worth it."""
        return None if fetched >= MOST_FETCHED else min(fetched * WIDENING, MOST_FETCHED)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it; `considered` by strategy."""
        considered = {estimate.strategy.value: round(estimate.milliseconds, 2) for estimate in self.considered}
        return asdict(self) | {
            "strategy": self.strategy.value,
            "considered": considered,
            "milliseconds": round(self.milliseconds, 2),
        }


def plan_search(
    counts: Counts, *, wanted: int, is_filtered: bool, memory: InMemory | None = None, costs: Costs = COSTS
) -> Plan:
    """Choose how to find the `wanted` best documents, or all if there are fewer.

    Without `memory` no filter has been counted; with it, what the filter keeps may be known.
    """
    wanted = min(wanted, counts.documents)
    if memory is not None:
        return _plan_with_memory(memory, wanted=wanted, is_filtered=is_filtered, costs=costs)
    if counts.chunks <= EXACT_CHUNKS:
        reason = f"The collection has {counts.chunks:,} passages; comparing each is quick and exact."
        return Plan(strategy=Strategy.EXACT, wanted=wanted, reason=reason)
    fetch = max(LEAST_FETCHED, wanted * PASSAGES_PER_DOCUMENT)
    if is_filtered:
        return Plan(
            strategy=Strategy.OVERFETCH,
            wanted=wanted,
            reason="Enough of the nearest passages may pass the filter.",
            fetch=min(fetch * FILTER_ALLOWANCE, MOST_FETCHED),
        )
    return Plan(strategy=Strategy.OVERFETCH, wanted=wanted, reason="There is no filter.", fetch=fetch)


def plan_memory(plan: Plan, *, kept: Kept | None, reason: str) -> Plan:
    """Return the plan that compares in memory, when the store does not answer or named too few."""
    wanted = min(plan.wanted, kept.documents) if kept else plan.wanted
    fetch = plan.wanted + SPARE_CANDIDATES
    return replace(plan, strategy=Strategy.MEMORY, wanted=wanted, kept=kept, reason=reason, fetch=fetch)


def plan_words(*, wanted: int, is_filtered: bool) -> Plan:
    """Plan how many of the best matches of the words are checked at first."""
    fetch = max(LEAST_FETCHED, wanted * PASSAGES_PER_DOCUMENT) * (FILTER_ALLOWANCE if is_filtered else 1)
    reason = "The words of the question are looked up."
    return Plan(strategy=Strategy.LEXICAL, wanted=wanted, reason=reason, fetch=min(fetch, MOST_FETCHED))


def plan_filtered(plan: Plan, kept: Kept) -> Plan:
    """Choose anew when the first plan found too few documents, or when SQL answers alone and has counted anyway."""
    plan = replace(plan, wanted=min(plan.wanted, kept.documents), kept=kept)
    if kept.chunks <= EXACT_CHUNKS:
        reason = f"The filter keeps {kept.chunks:,} passages; comparing each is quick and exact."
        return replace(plan, strategy=Strategy.EXACT, reason=reason, fetch=0)
    fetch = ceil(plan.wanted * PASSAGES_PER_DOCUMENT / kept.share)
    if fetch > MOST_FETCHED:
        reason = f"The filter keeps only {kept.share:.2%} of the documents; the store would not name enough of them."
        return replace(plan, strategy=Strategy.EXACT, reason=reason, fetch=0)
    reason = f"The filter keeps {kept.share:.0%} of the documents."
    return replace(plan, reason=reason, fetch=max(fetch, min(plan.fetch * WIDENING, MOST_FETCHED)))


# --- what it would cost -----------------------------------------------------------------------------------------------


def memory_cost(memory: InMemory, *, wanted: int, is_filtered: bool, costs: Costs = COSTS) -> float:
    """Return what finding `wanted` documents costs in memory: SQL names what the filter keeps if it is not known."""
    is_known = not is_filtered or memory.kept is not None
    kept = memory.passages if not is_filtered else memory.kept
    if kept is None:
        kept = ceil(memory.passages * _UNKNOWN_SHARE)
    naming = 0.0 if is_known else costs.round_trip + kept * costs.per_named
    # Copying a vector takes three times as long as comparing it; see `vector_memory`.
    compared = min(4 * kept, memory.passages) * memory.dimensions * costs.per_number
    candidates = min(kept, wanted + SPARE_CANDIDATES)
    return naming + compared + costs.round_trip + candidates * costs.per_checked


def exact_cost(kept: int, *, dimensions: int, costs: Costs = COSTS) -> float:
    """Return what reading so many vectors from SQL and comparing them costs."""
    return 2 * costs.round_trip + kept * dimensions * costs.per_number_read


def overfetch_cost(fetch: int, *, risk: float, otherwise: float, costs: Costs = COSTS) -> float:
    """Return what asking the store for `fetch` passages costs, and `otherwise` as often as `risk` says."""
    return costs.store + 2 * costs.round_trip + fetch * (costs.per_fetched + costs.per_checked) + risk * otherwise


def _plan_with_memory(memory: InMemory, *, wanted: int, is_filtered: bool, costs: Costs) -> Plan:
    fetch, risk = _first_fetch(memory, wanted=wanted, is_filtered=is_filtered)
    kept = memory.passages if not is_filtered else memory.kept
    in_memory = memory_cost(memory, wanted=wanted, is_filtered=is_filtered, costs=costs)
    considered = [Estimate(Strategy.MEMORY, in_memory)]
    if fetch is not None:
        price = overfetch_cost(fetch, risk=risk, otherwise=in_memory, costs=costs)
        considered.append(Estimate(Strategy.OVERFETCH, price))
    if kept is not None and kept <= EXACT_CHUNKS and not is_filtered:
        considered.append(Estimate(Strategy.EXACT, exact_cost(kept, dimensions=memory.dimensions, costs=costs)))
    chosen = min(considered, key=lambda estimate: estimate.milliseconds).strategy
    return Plan(
        strategy=chosen,
        wanted=wanted,
        reason=_reason(chosen, memory, considered),
        fetch={Strategy.MEMORY: wanted + SPARE_CANDIDATES, Strategy.OVERFETCH: fetch or 0}.get(chosen, 0),
        considered=tuple(considered),
    )


def _first_fetch(memory: InMemory, *, wanted: int, is_filtered: bool) -> tuple[int | None, float]:
    """Return how many passages to ask the store for, None if it would not name enough, and how likely that fails."""
    fetch = max(LEAST_FETCHED, wanted * PASSAGES_PER_DOCUMENT)
    if not is_filtered:
        return (fetch if fetch <= memory.passages else None), 0.0
    if memory.kept is None:
        return min(fetch * FILTER_ALLOWANCE, MOST_FETCHED), 1 - _ODDS
    share = memory.kept / max(1, memory.passages)
    if fetch > MOST_FETCHED * share:
        return None, 1.0
    return ceil(fetch / share), _FAR


def _reason(chosen: Strategy, memory: InMemory, considered: Iterable[Estimate]) -> str:
    whole = f"{memory.passages:,} passages" if memory.kept is None else f"{memory.kept:,} kept passages"
    others = ", ".join(
        f"{estimate.strategy.value} about {estimate.milliseconds:.1f} ms"
        for estimate in considered
        if estimate.strategy is not chosen
    )
    way = {
        Strategy.MEMORY: f"Comparing {whole} in memory is quick and exact",
        Strategy.OVERFETCH: "Enough of the passages that the store names first should do",
        Strategy.EXACT: f"Comparing {whole} from SQL is quick and exact",
    }[chosen]
    return f"{way}{f'; {others}' if others else ''}."
