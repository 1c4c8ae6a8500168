"""Two who reserve of one budget at once: on PostgreSQL, with two connections."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import transaction

from collections_app.accounting.calls import Account
from collections_app.embeddings import load_embedder
from collections_app.exceptions import BudgetUsedUp
from collections_app.models import Budget, Collection, Purpose, Usage, UsageReservation
from collections_app.vectors import embed_passages
from tests.collections_app.test_races import Elsewhere
from tests.conftest import serving_index

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_of_two_who_reserve_at_once_the_second_sees_what_the_first_reserved(collection: Collection) -> None:
    Budget.objects.create(collection=collection, amount=Decimal(5), period="total")
    profile, embedder = serving_index(collection).profile, load_embedder("meaningless")
    with transaction.atomic():
        Account(profile, collection, Purpose.PASSAGE).reserve(embedder, ["one two three"])
        second = Elsewhere(lambda: Account(profile, collection, Purpose.PASSAGE).reserve(embedder, ["four five six"]))
        assert second.is_waiting()
    second.ended()
    assert isinstance(second.error, BudgetUsedUp)
    assert [row.tokens for row in UsageReservation.objects.all()] == [3]


def test_many_who_embed_at_once_spend_no_more_than_the_budget_and_lose_no_count(collection: Collection) -> None:
    Budget.objects.create(collection=collection, amount=Decimal(100), period="total")
    profile, embedder = serving_index(collection).profile, load_embedder("meaningless")

    def embed(worker: int) -> None:
        account = Account(profile, collection, Purpose.PASSAGE)
        for number in range(12):
            texts = [f"worker {worker} round {number} text {each}" for each in range(2)]
            embed_passages(account, embedder, texts, sign_of_life=lambda: None)

    workers = [Elsewhere(partial(embed, worker)) for worker in range(4)]
    for worker in workers:
        worker.ended()
    assert all(isinstance(worker.error, BudgetUsedUp) for worker in workers)
    assert not UsageReservation.objects.exists()
    row = Usage.objects.get(purpose=Purpose.PASSAGE)
    assert (row.tokens, row.texts) == (96, 16)
