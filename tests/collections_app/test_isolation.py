"""What fails unforeseen costs itself and keeps nothing else from being done."""

import logging
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import override_settings

from collections_app import ledger, outages, projection, services, sweeping, tasks
from collections_app.exceptions import EmbeddingInputRefused, VectorStoreUnavailable
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Embedding,
    EntryState,
    IndexEntry,
    LexicalRow,
    PhysicalState,
    SiteIdentity,
    VectorStoreStatus,
)
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


class DefectiveStore(InMemoryVectorStore):
    """Raises what no store should, for one collection."""

    defective = ""

    def count(self, name: str) -> int:
        if name == type(self).defective:
            raise KeyError(name)
        return super().count(name)

    def _delete_batch(self, name: str, *args: Any) -> None:
        if name == type(self).defective:
            raise KeyError(name)
        super()._delete_batch(name, *args)


def test_a_defect_in_one_index_keeps_no_other_from_being_swept_and_tidied(
    drain: Drain, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(VECTOR_STORES={"default": {"BACKEND": f"{__name__}.DefectiveStore", "OPTIONS": {}}}):
        first, second = services.create_collection("First"), services.create_collection("Second")
        for each in (first, second):
            for text in ("One.", "Two."):
                save(each, "a", text)
                drain(each)
        DefectiveStore.defective = projection.current_collection(serving_index(second)).name
        Chunk.objects.filter(state=ChunkState.RETIRED).update(removed_at=None)
        VectorStoreStatus.objects.update(paused_until=None)
        with caplog.at_level(logging.ERROR), override_settings(TOMBSTONE_GRACE_SECONDS=0):
            tasks.sweep()
            tasks.tidy()
    assert "letting go of what is retired in Second" in caplog.text
    assert "tidying Second" in caplog.text
    left = Chunk.objects.filter(state=ChunkState.RETIRED)
    assert set(left.values_list("index__collection__name", flat=True)) == {"Second"}
    assert SiteIdentity.objects.get().swept_at is not None


def test_a_damaged_vector_in_sql_keeps_no_other_from_being_copied(collection: Collection, drain: Drain) -> None:
    for number in range(3):
        save(collection, str(number), f"Text number {number}.")
    drain(collection)
    index = serving_index(collection)
    live = list(Chunk.objects.order_by("pk").values_list("pk", flat=True))
    for chunk_id, damaged in zip(live, (b"", bytes(4 * index.profile.dimensions)), strict=False):
        Embedding.objects.filter(chunks=chunk_id).update(vector=damaged)
    projection.raise_generation(index.pk, reason="test")
    sweeping.fill(index.pk)
    physical = projection.current_collection(serving_index(collection))
    assert physical.state == PhysicalState.READY
    assert list(projection.store_of(index).ids(physical.name)) == live[2:]
    assert not outages.is_store_paused("default")


def test_what_is_retired_while_a_collection_is_filled_is_removed_from_it_again(
    collection: Collection, drain: Drain
) -> None:
    save(collection, "a", "One.")
    drain(collection)
    save(collection, "a", "Two.")
    drain(collection)
    index = serving_index(collection)
    projection.raise_generation(index.pk, reason="test")
    Chunk.objects.filter(state=ChunkState.RETIRED).update(removed_at=Now())
    sweeping.fill(index.pk)
    assert Chunk.objects.filter(state=ChunkState.RETIRED, removed_at=None).count() == 1


def test_a_save_is_not_charged_for_the_text_that_it_replaced(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(collection, "a", "Bad text.")
    IndexEntry.objects.update(attempts=ledger.MAX_ATTEMPTS - 1)
    index = serving_index(collection)
    lease = ledger.claim(index.pk, limit=1, characters=100)
    assert lease is not None
    stale = IndexEntry.objects.get()
    save(collection, "a", "Good text.")
    ledger._charge(stale, EmbeddingInputRefused("The model refuses it."), superseded=False)
    entry = IndexEntry.objects.get()
    assert (entry.state, entry.attempts, entry.error, entry.lease_token) == (EntryState.PENDING, 0, "", None)


def test_however_many_meet_one_outage_it_counts_once() -> None:
    seen = [outages.store_status("default") for _ in range(16)]
    for status in seen:
        outages.pause(status, VectorStoreUnavailable("Nobody answers."))
    assert outages.store_status("default").pauses == 1


def test_a_dropped_index_is_let_go_in_any_number_of_steps(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        save(collection, str(number), f"Text number {number}.")
    drain(collection)
    monkeypatch.setattr(sweeping, "TIDY_LIMIT", 3)
    monkeypatch.setattr(sweeping, "TIDY_ROUNDS", 2)
    services.delete_collections(Collection.objects.filter(pk=collection.pk))
    sweeping.let_go()
    for _ in range(6):
        sweeping.tidy()
    assert not Chunk.objects.exists()
    assert not LexicalRow.objects.exists()


def test_a_broker_that_cannot_be_reached_is_asked_once_and_not_for_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from redis import RedisError

    asked: list[int] = []

    class Hung:
        def set(self, *args: Any, **kwargs: Any) -> None:
            asked.append(1)
            raise RedisError("It hangs.")

    monkeypatch.setattr(tasks, "_redis", Hung)
    monkeypatch.setattr(tasks, "_deaf_until", 0.0)
    for _ in range(5):
        tasks.ring(tasks.drain_index, 1)
    assert len(asked) == 1
    assert settings.SWEEP_SECONDS < 60, "the sweeper finds what nobody was told"
