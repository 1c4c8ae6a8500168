"""Counts -> plan. Pure: it is told what SQL and memory hold, and knows no ORM, no store and no clock.

There are three ways to the passages nearest to a question. Each is estimated in milliseconds by `COSTS`, and the
cheapest one is taken. What a filter keeps is not always known before, and finding out costs something too; so asking
the store can be a bet, and its price includes what has to be done when it is lost (see `overfetch_cost`).
"""

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

    # A question to SQL, and per candidate that SQL checks.
    round_trip: float = 0.4
    per_checked: float = 0.0025
    # Per document that SQL names as kept by a filter, all ids in one value.
    per_named: float = 0.0001
    # Per number of a vector that is compared in memory: a byte each.
    per_number: float = 5e-8
    # Per number of a vector that is read from SQL and compared.
    per_number_read: float = 6e-6
    # A question to the store, and per passage that it names.
    store: float = 2.5
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


class Why(StrEnum):
    """Why a plan was chosen. Programs rely on these; `plan_reasons` has them in words."""

    FEW_PASSAGES = "few_passages"
    FEW_KEPT = "few_kept"
    LITTLE_KEPT = "little_kept"
    MUCH_KEPT = "much_kept"
    NO_FILTER = "no_filter"
    FILTER_MAY_KEEP = "filter_may_keep"
    MEMORY_IS_QUICK = "memory_is_quick"
    STORE_IS_QUICK = "store_is_quick"
    STORE_IS_DOWN = "store_is_down"
    STORE_NAMED_TOO_FEW = "store_named_too_few"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, with how many passages would be compared, or which part of the documents is kept, where that tells more."""

    why: Why
    passages: int | None = None
    share: float | None = None


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
    """How a question is answered: `wanted` documents, and how many passages the store names at first.

    Memory names those of as many documents, and what rounding may have put behind them.

    `considered` are the strategies among which it was chosen. `rounds` and `milliseconds` are what it took, 0 before.
    """

    strategy: Strategy
    wanted: int
    reason: Reason
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
            "reason": self.reason.why.value,
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
        return Plan(strategy=Strategy.EXACT, wanted=wanted, reason=Reason(Why.FEW_PASSAGES, passages=counts.chunks))
    fetch = max(LEAST_FETCHED, wanted * PASSAGES_PER_DOCUMENT)
    if is_filtered:
        return Plan(
            strategy=Strategy.OVERFETCH,
            wanted=wanted,
            reason=Reason(Why.FILTER_MAY_KEEP),
            fetch=min(fetch * FILTER_ALLOWANCE, MOST_FETCHED),
        )
    return Plan(strategy=Strategy.OVERFETCH, wanted=wanted, reason=Reason(Why.NO_FILTER), fetch=fetch)


def plan_memory(plan: Plan, why: Why) -> Plan:
    """Return the plan that compares in memory, when the store does not answer or named too few."""
    return replace(plan, strategy=Strategy.MEMORY, kept=None, reason=Reason(why), fetch=plan.wanted)


def plan_words(*, wanted: int, is_filtered: bool) -> Plan:
    """Plan how many of the best matches of the words are checked at first."""
    fetch = max(LEAST_FETCHED, wanted * PASSAGES_PER_DOCUMENT) * (FILTER_ALLOWANCE if is_filtered else 1)
    return Plan(strategy=Strategy.LEXICAL, wanted=wanted, reason=Reason(Why.WORDS), fetch=min(fetch, MOST_FETCHED))


def plan_filtered(plan: Plan, kept: Kept) -> Plan:
    """Choose anew when the first plan found too few documents, or when SQL answers alone and has counted anyway."""
    plan = replace(plan, wanted=min(plan.wanted, kept.documents), kept=kept)
    if kept.chunks <= EXACT_CHUNKS:
        return replace(plan, strategy=Strategy.EXACT, reason=Reason(Why.FEW_KEPT, passages=kept.chunks), fetch=0)
    fetch = ceil(plan.wanted * PASSAGES_PER_DOCUMENT / kept.share)
    if fetch > MOST_FETCHED:
        return replace(plan, strategy=Strategy.EXACT, reason=Reason(Why.LITTLE_KEPT, share=kept.share), fetch=0)
    return replace(
        plan, reason=Reason(Why.MUCH_KEPT, share=kept.share), fetch=max(fetch, min(plan.fetch * WIDENING, MOST_FETCHED))
    )


# --- what it would cost -----------------------------------------------------------------------------------------------


def memory_cost(memory: InMemory, *, wanted: int, is_filtered: bool, costs: Costs = COSTS) -> float:
    """Return what finding `wanted` documents costs in memory: SQL names what the filter keeps if it is not known."""
    is_known = not is_filtered or memory.kept is not None
    kept = memory.passages if not is_filtered else memory.kept
    if kept is None:
        kept = ceil(memory.passages * _UNKNOWN_SHARE)
    naming = 0.0 if is_known else costs.round_trip + kept * costs.per_named
    # Copying a vector takes three times as long as comparing it, and is done once; see `vector_memory`.
    is_copied = 4 * kept < memory.passages
    compared = (kept * (1 if is_known else 4) if is_copied else memory.passages) * memory.dimensions * costs.per_number
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
        reason=_reason(chosen, memory),
        fetch={Strategy.MEMORY: wanted, Strategy.OVERFETCH: fetch or 0}.get(chosen, 0),
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


def _reason(chosen: Strategy, memory: InMemory) -> Reason:
    compared = memory.passages if memory.kept is None else memory.kept
    match chosen:
        case Strategy.MEMORY:
            return Reason(Why.MEMORY_IS_QUICK, passages=compared)
        case Strategy.EXACT:
            return Reason(Why.FEW_PASSAGES, passages=compared)
        case _:
            return Reason(Why.STORE_IS_QUICK)
