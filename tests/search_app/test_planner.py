"""Which way is chosen to find the best documents."""

import pytest
from django.utils import translation

from search_app.plan_reasons import in_english, in_words
from search_app.planner import (
    COSTS,
    EXACT_CHUNKS,
    LEAST_FETCHED,
    MOST_FETCHED,
    Counts,
    InMemory,
    Kept,
    Plan,
    Reason,
    Strategy,
    Why,
    overfetch_cost,
    plan_filtered,
    plan_search,
)

MANY = EXACT_CHUNKS + 1


def first(*, wanted: int = 11, is_filtered: bool = False, chunks: int = MANY, documents: int = 11) -> Plan:
    return plan_search(Counts(chunks=chunks, documents=documents), wanted=wanted, is_filtered=is_filtered)


def second(*, documents: int, of_documents: int, chunks: int = MANY) -> Plan:
    return plan_filtered(first(is_filtered=True), Kept(documents=documents, of_documents=of_documents, chunks=chunks))


@pytest.mark.parametrize("is_filtered", [False, True])
def test_few_passages_are_compared_one_by_one(is_filtered: bool) -> None:
    plan = first(chunks=EXACT_CHUNKS, is_filtered=is_filtered)
    assert (plan.strategy, plan.wanted, plan.fetch) == (Strategy.EXACT, 11, 0)


def test_without_a_filter_the_store_is_asked_for_a_little_more_than_is_wanted() -> None:
    assert (first().strategy, first().fetch) == (Strategy.OVERFETCH, LEAST_FETCHED)
    assert first(wanted=201, documents=900).fetch == 603


def test_under_a_filter_more_is_asked_for_before_anything_is_counted() -> None:
    assert first(is_filtered=True).fetch == 4 * LEAST_FETCHED
    assert first(is_filtered=True).kept is None


def test_no_more_documents_are_wanted_than_there_are() -> None:
    assert first(documents=3).wanted == 3
    assert second(documents=2, of_documents=9).wanted == 2


@pytest.mark.parametrize(("kept", "fetch"), [(50_000, 800), (10_000, 800), (2_000, 1650), (700, 4715)])
def test_the_fewer_documents_a_filter_keeps_the_more_are_asked_for(kept: int, fetch: int) -> None:
    plan = second(documents=kept, of_documents=100_000)
    assert (plan.strategy, plan.fetch) == (Strategy.OVERFETCH, fetch)


def test_few_kept_passages_are_compared_one_by_one() -> None:
    plan = second(documents=900, of_documents=100_000, chunks=EXACT_CHUNKS)
    assert (plan.strategy, plan.fetch) == (Strategy.EXACT, 0)


def test_a_filter_that_keeps_next_to_nothing_of_very_much_is_answered_from_sql() -> None:
    plan = second(documents=6_000, of_documents=2_000_000)
    assert plan.strategy is Strategy.EXACT
    assert plan.reason == Reason(Why.LITTLE_KEPT, share=0.003)


@pytest.mark.parametrize(("documents", "of_documents", "chunks"), [(0, 0, 0), (0, 9, 0), (6000, 0, MANY)])
def test_counts_that_do_not_fit_together_are_planned_all_the_same(
    documents: int, of_documents: int, chunks: int
) -> None:
    assert second(documents=documents, of_documents=of_documents, chunks=chunks).wanted == min(11, documents)


def test_each_widening_is_four_times_wider_up_to_a_limit() -> None:
    steps = [first().fetch]
    while (wider := first().widened(steps[-1])) is not None:
        steps.append(wider)
    assert steps == [50, 200, 800, 3200, MOST_FETCHED]


# --- with the index in memory -----------------------------------------------------------------------------------------


def with_memory(passages: int, *, kept: int | None = None, wanted: int = 11, is_filtered: bool = True) -> Plan:
    memory = InMemory(passages=passages, dimensions=384, kept=kept)
    counts = Counts(chunks=passages, documents=wanted)
    return plan_search(counts, wanted=wanted, is_filtered=is_filtered, memory=memory)


@pytest.mark.parametrize("kept", [0, 1, 10, 1_000, 10_000, 50_000, 100_000])
def test_a_filter_whose_passages_are_known_is_answered_in_memory_up_to_a_hundred_thousand(kept: int) -> None:
    plan = with_memory(100_000, kept=kept)
    assert (plan.strategy, plan.fetch) == (Strategy.MEMORY, 11)


def test_a_filter_that_keeps_much_of_very_much_is_answered_by_the_store() -> None:
    plan = with_memory(2_000_000, kept=1_000_000)
    assert (plan.strategy, plan.fetch) == (Strategy.OVERFETCH, 100)
    assert with_memory(2_000_000, kept=2_000).strategy is Strategy.MEMORY


def test_the_store_is_not_considered_where_it_would_not_name_enough() -> None:
    assert [estimate.strategy for estimate in with_memory(2_000_000, kept=9_000).considered] == [Strategy.MEMORY]


def test_without_a_filter_the_store_answers_as_soon_as_comparing_all_takes_longer() -> None:
    assert with_memory(20_000, is_filtered=False).strategy is Strategy.MEMORY
    assert with_memory(500_000, is_filtered=False).strategy is Strategy.OVERFETCH


@pytest.mark.parametrize("passages", [1, 900, 5_000, 100_000, 10_000_000])
@pytest.mark.parametrize("kept", [None, 0, 5])
@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("wanted", [1, 11, 201])
def test_the_cheapest_of_what_was_considered_is_taken(
    passages: int, kept: int | None, is_filtered: bool, wanted: int
) -> None:
    plan = with_memory(passages, kept=kept, wanted=wanted, is_filtered=is_filtered)
    assert min(plan.considered, key=lambda estimate: estimate.milliseconds).strategy is plan.strategy
    assert plan.wanted == wanted
    assert all(estimate.milliseconds > 0 for estimate in plan.considered)


def test_a_bet_costs_what_is_lost_with_it() -> None:
    sure, risky = (overfetch_cost(100, risk=risk, otherwise=8.0) for risk in (0.0, 0.5))
    assert risky == sure + 4.0
    assert sure > COSTS.store


def test_a_plan_tells_programs_what_it_is() -> None:
    told = with_memory(100_000, kept=1_000).as_json()
    assert (told["strategy"], told["wanted"], told["fetch"], told["kept"]) == ("memory", 11, 11, None)
    assert set(told["considered"]) == {"memory", "overfetch"}
    assert told["reason"] == "memory_is_quick"


@pytest.mark.parametrize("why", Why)
def test_every_reason_is_told_in_the_language_of_who_reads_it_and_in_english_to_programs(why: Why) -> None:
    reason = Reason(why, passages=12_345, share=0.003)
    with translation.override("zh-hans"):
        chinese, english = in_words(reason), in_english(reason)
    with translation.override("en"):
        assert in_words(reason) == english
    assert (english.isascii(), chinese.isascii()) == (True, False)
    assert [character for character in english if character.isdigit()] == [
        character for character in chinese if character.isdigit()
    ]
