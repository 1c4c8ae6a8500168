"""Counts -> plan. Pure: it is told what SQL counted, and knows no ORM, no store and no clock.

Counting what a filter keeps is dear when it keeps much, and then there is no need to count: a few more passages than
wanted from the store already hold enough of it. So the first plan asks the store for some more; only when SQL leaves
too few of them is the filter counted, and `plan_filtered` chooses between asking for many more and asking SQL alone.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil

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


class Strategy(StrEnum):
    """How the passages nearest to the question are found."""

    # Every vector that may answer is read from SQL and compared.
    EXACT = "exact"
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
class Kept:
    """How many of an index's documents a filter keeps, and their live passages, counted up to EXACT_CHUNKS + 1."""

    documents: int
    of_documents: int
    chunks: int

    @property
    def share(self) -> float:
        """The part of the documents that the filter keeps, from 0 to 1."""
        return min(1.0, self.documents / max(1, self.of_documents))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a question is answered: `wanted` documents, and for OVERFETCH how many passages are asked for at first."""

    strategy: Strategy
    wanted: int
    reason: str
    fetch: int = 0
    kept: Kept | None = None

    def widened(self, fetched: int) -> int | None:
        """Return how many passages to ask for after `fetched` gave too few documents; None when it is not worth it."""
        return None if fetched >= MOST_FETCHED else min(fetched * WIDENING, MOST_FETCHED)


def plan_search(counts: Counts, *, wanted: int, is_filtered: bool) -> Plan:
    """Choose how to find the `wanted` best documents, or all if there are fewer, before any filter is counted."""
    wanted = min(wanted, counts.documents)
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
