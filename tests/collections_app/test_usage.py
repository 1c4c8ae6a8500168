"""What embedding took is counted where it is spent, whatever becomes of it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from collections_app import accounting, profiles, services, sync
from collections_app.accounting.calls import Account
from collections_app.embeddings import load_embedder
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import EmbedderUnavailable, EmbeddingInputRefused
from collections_app.models import (
    NO_COLLECTION,
    Collection,
    Embedding,
    EmbeddingProfile,
    Purpose,
    Usage,
    UsageReservation,
)
from collections_app.vectors import embed_passages
from search_app.search import SearchRequest, search
from tests.conftest import Drain, save, serving_index
from tests.contracts.embedding_server import EmbeddingServer, Refusal, running_embedding_server

pytestmark = pytest.mark.django_db


class Dying(MeaninglessHashEmbedder):
    """Dies like a worker that is killed while its call is under way."""

    def _embed(self, inputs: list[str]) -> Any:
        raise SystemExit


class Poisoned(MeaninglessHashEmbedder):
    def _embed(self, inputs: list[str]) -> Any:
        if any("POISON" in text for text in inputs):
            raise EmbeddingInputRefused("The model refuses this text. Take the poison out.")
        return super()._embed(inputs)


def embedders(kind: type) -> dict[str, Any]:
    return {**settings.EMBEDDERS, "meaningless": {"BACKEND": f"{__name__}.{kind.__name__}", "OPTIONS": {}}}


def used(purpose: Purpose = Purpose.PASSAGE) -> accounting.Total:
    (total,) = accounting.totals(Usage.objects.filter(purpose=purpose))
    return total


def priced(collection: Collection, price: str = "0.02", currency: str = "USD") -> EmbeddingProfile:
    profile = serving_index(collection).profile
    profile.price, profile.currency = Decimal(price), currency
    profile.save(update_fields=["price", "currency"])
    return profile


def test_passages_are_counted_with_their_collection_and_found_ones_apart(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Three short words.")
    save(collection, "b", "火车来了")
    drain(collection)
    total = used()
    assert (total.calls, total.texts, total.found) == (1, 2, 0)
    assert total.tokens == 3 + 4
    assert total.characters == len("Three short words.") + len("火车来了")
    row = Usage.objects.get(purpose=Purpose.PASSAGE)
    assert (row.collection_public_id, row.collection_name) == (collection.public_id, "Notes")
    assert row.day == timezone.localdate()

    save(collection, "c", "Three short words.")
    drain(collection)
    again = used()
    assert (again.calls, again.texts, again.tokens, again.found) == (1, 2, 7, 1)


def test_a_price_makes_money_of_tokens_and_a_later_price_changes_nothing_past(
    collection: Collection, drain: Drain
) -> None:
    priced(collection, "0.02")
    save(collection, "a", "One two three.")
    drain(collection)
    assert used().money == Decimal(3) * Decimal("0.02") / 10**6
    assert used().currency == "USD"
    priced(collection, "100")
    save(collection, "b", "Four.")
    drain(collection)
    assert used().money == Decimal(3) * Decimal("0.02") / 10**6 + Decimal(100) / 10**6
    assert not UsageReservation.objects.exists()


def test_costs_are_rounded_up_and_exact_in_sum() -> None:
    assert accounting.cost_of(1, Decimal("0.000001")) == 1
    assert accounting.cost_of(10**6, Decimal("0.13")) == 130_000_000
    assert accounting.cost_of(0, Decimal(5)) == 0
    assert accounting.in_currency(accounting.cost_of(3, Decimal("0.02"))) == Decimal("0.00000006")


def test_each_question_is_counted_once_and_apart_from_passages(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Trains run on rails.")
    drain(collection)
    before = used()
    for _ in range(2):
        search(SearchRequest(query="What runs on rails today?", collections=(collection,)))
    assert used() == before
    asked = used(Purpose.QUERY)
    assert (asked.calls, asked.texts, asked.tokens) == (1, 1, 5)


def test_the_canary_and_what_else_keeps_a_profile_going_is_counted_as_upkeep(collection: Collection) -> None:
    made = used(Purpose.UPKEEP)
    profiles.check_canary(serving_index(collection).profile)
    twice = used(Purpose.UPKEEP)
    assert (made.calls, twice.calls, twice.tokens) == (1, 2, 2 * made.tokens)
    assert Usage.objects.get(purpose=Purpose.UPKEEP).collection_public_id == NO_COLLECTION


def test_a_deleted_collection_keeps_its_past(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Gone soon.")
    drain(collection)
    public_id = collection.public_id
    services.delete_collections(Collection.objects.filter(pk=collection.pk))
    Collection.objects.filter(pk=collection.pk).update(serving_index=None)
    row = Usage.objects.get(purpose=Purpose.PASSAGE)
    assert (row.collection_public_id, row.collection_name, row.tokens) == (public_id, "Notes", 2)


def test_a_batch_that_is_halved_counts_each_call_that_was_made(collection: Collection, drain: Drain) -> None:
    with override_settings(EMBEDDERS=embedders(Poisoned)):
        save(collection, "good", "This is good.")
        save(collection, "bad", "This is POISON.")
        sync.drain(serving_index(collection).pk)
    total = used()
    assert (total.calls, total.texts, total.tokens) == (1, 1, 3)


def test_a_worker_that_dies_in_a_call_that_costs_leaves_a_reservation_which_is_booked(collection: Collection) -> None:
    profile = priced(collection)
    account = Account(profile, collection, Purpose.PASSAGE)
    embedder = load_embedder("meaningless")
    account.reserve(embedder, ["one two three", "four five"])
    assert not Usage.objects.filter(purpose=Purpose.PASSAGE).exists()
    assert accounting.book_expired() == 0

    UsageReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert accounting.book_expired() == 1
    total = used()
    assert (total.calls, total.texts, total.tokens, total.unconfirmed) == (1, 0, 5, 5)
    assert total.money == Decimal(5) * Decimal("0.02") / 10**6
    assert not UsageReservation.objects.exists()


def test_a_slow_worker_that_settles_what_was_booked_already_corrects_it(collection: Collection) -> None:
    profile = priced(collection)
    embedder = load_embedder("meaningless")
    call = Account(profile, collection, Purpose.PASSAGE).reserve(embedder, ["one two three", "four five"])
    with call:
        UsageReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        accounting.book_expired()
        embedder.embed_passages(call.texts)
    call.settle()
    total = used()
    assert (total.calls, total.texts, total.tokens, total.unconfirmed) == (1, 2, 5, 0)
    assert total.money == Decimal(5) * Decimal("0.02") / 10**6


def test_what_is_free_and_has_no_budget_is_not_reserved(collection: Collection, drain: Drain) -> None:
    with override_settings(EMBEDDERS=embedders(Dying)):
        save(collection, "a", "Never embedded.")
        with pytest.raises(SystemExit):
            sync.drain(serving_index(collection).pk)
    assert not UsageReservation.objects.exists()


# --- servers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def embedding_server() -> Iterator[EmbeddingServer]:
    with running_embedding_server() as running:
        yield running


@pytest.fixture
def remote(db: None, embedding_server: EmbeddingServer) -> EmbeddingProfile:
    options = {"base_url": embedding_server.url, "dimensions": 8, "retries": 0, "timeout": 0.5}
    made = profiles.create_profile(
        "Remote", backend="openai", model="small", options=options, price=Decimal(1), currency="EUR"
    )
    Usage.objects.all().delete()
    return made


def embed(profile: EmbeddingProfile, texts: list[str]) -> None:
    embed_passages(
        Account(profile, None, Purpose.PASSAGE), profiles.embedder_for(profile), texts, sign_of_life=lambda: None
    )


def test_the_servers_own_count_goes_before_ours(remote: EmbeddingProfile, embedding_server: EmbeddingServer) -> None:
    embedding_server.usage = {"prompt_tokens": 40, "total_tokens": 41}
    embed(remote, ["A text of nine words at the very most."])
    assert (used().tokens, used().unconfirmed) == (41, 0)
    assert used().money == Decimal(41) / 10**6


def test_a_server_that_does_not_count_is_taken_at_our_count(remote: EmbeddingProfile) -> None:
    embed(remote, ["abcdefghi"])
    assert (used().calls, used().tokens) == (1, 3)


def test_what_a_server_refused_costs_nothing(remote: EmbeddingProfile, embedding_server: EmbeddingServer) -> None:
    embedding_server.refusal = Refusal(429, {"message": "slower"})
    with pytest.raises(EmbedderUnavailable):
        embed(remote, ["abcdefghi"])
    assert (used().calls, used().tokens, used().money) == (1, 0, 0)
    assert not UsageReservation.objects.exists()


def test_a_call_without_an_answer_may_have_been_charged_and_counts(
    remote: EmbeddingProfile, embedding_server: EmbeddingServer
) -> None:
    embedding_server.hangs = True
    with pytest.raises(EmbedderUnavailable):
        embed(remote, ["abcdefghi"])
    embedding_server.released.set()
    assert (used().calls, used().texts, used().tokens, used().unconfirmed) == (1, 0, 3, 3)
    assert not Embedding.objects.exists()


def test_of_several_calls_under_way_those_that_were_answered_count_when_one_fails(
    remote: EmbeddingProfile, embedding_server: EmbeddingServer
) -> None:
    remote.options |= {"batch_texts": 1, "concurrency": 1}
    remote.save()
    embedding_server.usage = {"total_tokens": 7}
    embedding_server.refusal = Refusal(400, {"message": "too long"})
    embedding_server.refuses_only = "third text of all"
    with pytest.raises(EmbeddingInputRefused):
        embed(remote, ["first", "second", "third text of all"])
    assert (used().tokens, used().texts) == (14, 0)


def test_a_server_that_cannot_be_reached_costs_nothing(remote: EmbeddingProfile) -> None:
    remote.options |= {"base_url": "http://127.0.0.1:9/v1"}
    remote.save()
    with pytest.raises(EmbedderUnavailable):
        embed(remote, ["abcdefghi"])
    assert used().tokens == 0


# --- questions, which are written later ---------------------------------------------------------------------------


def asked(profile: EmbeddingProfile, texts: list[str]) -> None:
    account = Account(profile, None, Purpose.QUERY)
    with account.charged(texts, later=True):
        profiles.embedder_for(profile).embed_query(texts[0])


@pytest.mark.django_db(transaction=True)
def test_questions_are_written_by_a_thread_and_no_question_waits_for_it(collection: Collection) -> None:
    profile = serving_index(collection).profile
    with override_settings(FLUSH_SECONDS=0.05):
        asked(profile, ["one two"])
        asked(profile, ["three"])
        until = time.monotonic() + 20
        while not Usage.objects.filter(purpose=Purpose.QUERY, texts=2).exists():
            assert time.monotonic() < until, "nobody writes what questions took"
            time.sleep(0.05)
    assert (used(Purpose.QUERY).calls, used(Purpose.QUERY).tokens) == (2, 3)
