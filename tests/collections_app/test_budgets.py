"""Budgets: what they let pass, who waits, and how it goes on."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from collections_app import accounting, ledger, services, sync
from collections_app.accounting import budgets, recording
from collections_app.accounting.calls import Account
from collections_app.embeddings import load_embedder
from collections_app.exceptions import BudgetUsedUp
from collections_app.models import (
    Budget,
    BudgetPeriod,
    BudgetUnit,
    Collection,
    Embedding,
    EntryState,
    IndexEntry,
    Purpose,
    Usage,
    UsageReservation,
)
from collections_app.vectors import sweep_unused_vectors
from search_app.search import SearchRequest, search
from tests.collections_app.test_usage import priced, used
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


def give(collection: Collection, amount: int, **more: Any) -> Budget:
    return Budget.objects.create(collection=collection, amount=Decimal(amount), **{"period": "total", **more})


def waiting(collection: Collection) -> list[str]:
    entries = IndexEntry.objects.filter(index=collection.serving_index, budget__isnull=False)
    return list(entries.order_by("document__key").values_list("document__key", flat=True))


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes it another day."""

    def set_day(day: date) -> None:
        monkeypatch.setattr(recording, "today", lambda: day)
        monkeypatch.setattr(budgets, "today", lambda: day)

    return set_day


def test_what_fits_is_embedded_to_the_last_token_and_the_rest_waits_uncharged(
    collection: Collection, drain: Drain
) -> None:
    budget = give(collection, 5)
    save(collection, "a", "One two.")
    save(collection, "b", "One two three.")
    save(collection, "c", "Four words are many.")
    drain(collection)
    assert sorted(live_texts(collection)) == ["One two three.", "One two."]
    assert used().tokens == 5
    assert waiting(collection) == ["c"]
    entry = IndexEntry.objects.get(document__key="c")
    assert (entry.state, entry.attempts, entry.error, entry.lease_token) == (EntryState.PENDING, 0, "", None)
    budget.refresh_from_db()
    assert budget.reached_at is not None
    assert serving_index(collection).profile.paused_until is None


def test_unchanged_text_goes_on_while_the_budget_is_used_up(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Known text.")
    drain(collection)
    give(collection, 0)
    save(collection, "b", "Known text.")
    save(collection, "c", "New text of more words.")
    drain(collection)
    assert sorted(live_texts(collection)) == ["Known text.", "Known text."]
    assert waiting(collection) == ["c"]


def test_a_budget_that_is_raised_lets_them_go_on(collection: Collection, drain: Drain) -> None:
    budget = give(collection, 1)
    save(collection, "a", "Three short words.")
    drain(collection)
    assert accounting.reconsider() == 0
    assert ledger.indexes_with_work() == []
    Budget.objects.filter(pk=budget.pk).update(amount=3)
    assert accounting.reconsider() == 1
    drain(collection)
    assert live_texts(collection) == ["Three short words."]
    budget.refresh_from_db()
    assert (budget.reached_at, budget.needed) == (None, None)


def test_a_budget_that_is_deleted_lets_them_go_on(collection: Collection, drain: Drain) -> None:
    budget = give(collection, 0)
    save(collection, "a", "Three short words.")
    drain(collection)
    budget.delete()
    drain(collection)
    assert live_texts(collection) == ["Three short words."]


@pytest.mark.parametrize(
    ("period", "days"),
    [
        (BudgetPeriod.DAY, (date(2030, 2, 28), date(2030, 2, 28), date(2030, 3, 1))),
        (BudgetPeriod.MONTH, (date(2029, 12, 2), date(2029, 12, 31), date(2030, 1, 1))),
    ],
)
def test_a_new_period_lets_them_go_on(
    collection: Collection, drain: Drain, on: Any, period: str, days: tuple[date, date, date]
) -> None:
    first, same, following = days
    on(first)
    budget = give(collection, 3, period=period)
    save(collection, "a", "One two three.")
    save(collection, "b", "Four five six.")
    drain(collection)
    assert waiting(collection) == ["b"]
    until = IndexEntry.objects.get(document__key="b").next_attempt_at
    assert timezone.localtime(until, timezone.get_default_timezone()).date() == following
    (standing,) = accounting.standings(Budget.objects.filter(pk=budget.pk))
    assert (standing.limit, standing.spent, standing.waiting, standing.is_reached) == (3, 3, 1, True)

    on(same)
    assert accounting.reconsider() == 0
    on(following)
    assert accounting.reconsider() == 1
    drain(collection)
    assert sorted(live_texts(collection)) == ["Four five six.", "One two three."]


def test_a_document_that_is_longer_than_the_budget_of_a_day_is_embedded_over_several(
    collection: Collection, drain: Drain, on: Any
) -> None:
    on(date(2030, 1, 1))
    words = [" ".join(f"w{number}x{word}" for word in range(150)) + "." for number in range(4)]
    give(collection, 330, period=BudgetPeriod.DAY)
    save(collection, "book", "\n\n".join(words))
    drain(collection)
    assert live_texts(collection) == []
    first = Embedding.objects.count()
    assert first > 0
    Embedding.objects.update(last_used_at=timezone.now() - timedelta(days=20))
    assert not sweep_unused_vectors()
    for day in range(2, 5):
        on(date(2030, 1, day))
        accounting.reconsider()
        drain(collection)
    assert " ".join(live_texts(collection)).split() == " ".join(words).split()
    assert used().texts == Embedding.objects.count()


def test_a_saved_document_is_tried_again_at_once(collection: Collection, drain: Drain) -> None:
    save(collection, "known", "Known text.")
    drain(collection)
    give(collection, 2)
    save(collection, "a", "New text of more words.")
    drain(collection)
    assert waiting(collection) == ["a"]
    save(collection, "a", "Known text.")
    assert waiting(collection) == []
    drain(collection)
    assert live_texts(collection) == ["Known text.", "Known text."]


def test_a_budget_in_money_counts_what_its_currency_was_charged(collection: Collection, drain: Drain) -> None:
    priced(collection, "100000", "USD")
    budget = Budget.objects.create(
        collection=collection, amount=Decimal("0.4"), period="total", unit=BudgetUnit.MONEY, currency="USD"
    )
    give(collection, 0, unit=BudgetUnit.MONEY, currency="CNY")
    save(collection, "a", "One two three.")
    save(collection, "b", "Four five.")
    drain(collection)
    assert live_texts(collection) == ["Four five."]
    priced(collection, "0")
    accounting.reconsider()
    assert waiting(collection) == ["a"]
    Budget.objects.filter(pk=budget.pk).update(amount=Decimal("0.5"))
    accounting.reconsider()
    drain(collection)
    assert sorted(live_texts(collection)) == ["Four five.", "One two three."]


def test_all_budgets_that_apply_hold_and_others_are_not_touched(collection: Collection, drain: Drain) -> None:
    profile = serving_index(collection).profile
    other = services.create_collection("Other")
    Usage.objects.all().delete()
    Budget.objects.create(profile=profile, amount=6, period="total")
    give(collection, 100)
    save(collection, "a", "One two three.")
    drain(collection)
    save(other, "b", "Four five six seven.")
    drain(other)
    assert waiting(other) == ["b"]
    Budget.objects.filter(profile=profile).update(amount=7)
    accounting.reconsider()
    drain(other)
    assert live_texts(other) == ["Four five six seven."]


def test_what_is_reserved_counts_and_what_is_given_back_lets_others_go_on(collection: Collection, drain: Drain) -> None:
    budget = give(collection, 5)
    embedder, account = (
        load_embedder("meaningless"),
        Account(serving_index(collection).profile, collection, Purpose.PASSAGE),
    )
    call = account.reserve(embedder, ["one two three"])
    save(collection, "a", "Four five six.")
    drain(collection)
    assert waiting(collection) == ["a"]
    with pytest.raises(RuntimeError), call:
        raise RuntimeError("The call never reached the server.")
    assert not UsageReservation.objects.exists()
    assert accounting.reconsider() == 1
    drain(collection)
    assert live_texts(collection) == ["Four five six."]
    assert budgets.room_in(budget) == 2


def test_questions_are_answered_by_words_when_the_budget_is_used_up(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Trains run on rails.")
    drain(collection)
    give(collection, used().tokens + 3)
    known = search(SearchRequest(query="trains on rails", collections=(collection,)))
    assert known.degraded == ()
    refused = search(SearchRequest(query="which trains run", collections=(collection,)))
    assert [each.code for each in refused.degraded] == ["budget_used_up", "words_alone"]
    assert [hit.document.key for hit in refused.hits] == ["a"]
    again = search(SearchRequest(query="trains on rails", collections=(collection,)))
    assert again.degraded == ()


def test_a_batch_that_is_refused_says_why_and_when_it_goes_on(collection: Collection, on: Any) -> None:
    on(date(2030, 1, 31))
    give(collection, 2, period=BudgetPeriod.MONTH)
    account = Account(serving_index(collection).profile, collection, Purpose.PASSAGE)
    with pytest.raises(BudgetUsedUp) as refused:
        account.reserve(load_embedder("meaningless"), ["one two three"])
    assert str(refused.value) == (
        "The budget “Notes: 2 tokens a month” is used up. It goes on by itself on 2030-02-01, or at once when the "
        "budget is raised."
    )
    assert sync.drain(serving_index(collection).pk).documents == 0
