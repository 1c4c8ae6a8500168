"""Bringing documents into the store: what is visible when, and what a failure leaves."""

from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from collections_app import ledger, probing, projection, services, sweeping, sync
from collections_app.audit import audit_index
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import EmbedderUnavailable, EmbeddingInputRefused, LeaseLost, VectorStoreUnavailable
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    DocumentText,
    Embedding,
    EmbeddingProfile,
    EntryState,
    IndexEntry,
    PhysicalState,
    VectorStoreStatus,
)
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


class PickyEmbedder(MeaninglessHashEmbedder):
    """Refuses texts that say so, and is out of order while `down` is set."""

    down = False
    embedded = 0

    def _embed(self, texts: list[str]) -> Any:
        if type(self).down:
            raise EmbedderUnavailable("The embedder does not answer. Start it.")
        if any("POISON" in text for text in texts):
            raise EmbeddingInputRefused("The model refuses this text. Take the poison out.")
        if any("CHOKES" in text for text in texts):
            raise EmbedderUnavailable("The embedder answered HTTP 500.")
        type(self).embedded += len(texts)
        return super()._embed(texts)


class FlakyStore(InMemoryVectorStore):
    """An in-memory store that is out of order while `down` is set."""

    down = False

    def _upsert_batch(self, *args: Any, **kwargs: Any) -> None:
        if type(self).down:
            raise VectorStoreUnavailable("The vector store does not answer. Start it.")
        super()._upsert_batch(*args, **kwargs)


@pytest.fixture
def picky(db: None) -> Any:
    PickyEmbedder.down, PickyEmbedder.embedded, FlakyStore.down = False, 0, False
    with override_settings(
        EMBEDDERS={**settings.EMBEDDERS, "meaningless": {"BACKEND": f"{__name__}.PickyEmbedder", "OPTIONS": {}}},
        VECTOR_STORES={"default": {"BACKEND": f"{__name__}.FlakyStore", "OPTIONS": {}}},
    ):
        yield PickyEmbedder


def let_pauses_pass() -> None:
    from django.db.models.functions import Now

    for thing in (EmbeddingProfile, VectorStoreStatus):
        thing.objects.filter(paused_until__isnull=False).update(paused_until=Now())
    probing.probe_paused()


def forget_waits() -> None:
    from django.db.models.functions import Now

    IndexEntry.objects.update(next_attempt_at=Now())


def test_a_document_is_live_in_sql_and_in_the_store(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "# Cats\n\nCats purr.\n\n# Dogs\n\nDogs bark.", markup="markdown", title="Animals")
    drain(collection)
    index = serving_index(collection)
    entry = IndexEntry.objects.get()
    chunks = list(Chunk.objects.filter(state=ChunkState.LIVE))
    name = projection.readable_collection(index)
    assert name is not None
    assert set(projection.store_of(index).ids(name)) == {chunk.pk for chunk in chunks}
    assert (entry.state, entry.indexed_revision, entry.chunk_count) == (EntryState.INDEXED, 1, len(chunks))
    for chunk in chunks:
        assert chunk.source_text.text[chunk.start : chunk.end] == chunk.text
    assert audit_index(index, deep=True).in_step


def test_what_was_replaced_leaves_the_store_and_later_its_rows(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "First version of it.")
    drain(collection)
    save(collection, "a", "Second version of it.")
    drain(collection)
    index = serving_index(collection)
    live = list(Chunk.objects.filter(state=ChunkState.LIVE).values_list("pk", flat=True))
    assert set(projection.store_of(index).ids(projection.current_collection(index).name)) == set(live)
    assert Chunk.objects.filter(state=ChunkState.RETIRED, removed_at__isnull=False).count() == 1
    with override_settings(TOMBSTONE_GRACE_SECONDS=0):
        sweeping.tidy()
    assert list(Chunk.objects.values_list("pk", flat=True)) == live
    assert DocumentText.objects.get().text == "Second version of it."


def test_a_deleted_documents_rows_go_when_the_store_has_let_go(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.").delete()
    kept = save(collection, "b", "Two.")
    drain(collection)
    Document.objects.filter(key="b").delete()
    drain(collection)
    with override_settings(TOMBSTONE_GRACE_SECONDS=0):
        sweeping.tidy()
    assert not Document.objects.filter(pk=kept.pk).exists()
    assert not Chunk.objects.exists()
    assert not DocumentText.objects.exists()


def test_unchanged_text_is_never_embedded_again(collection: Collection, drain: Drain, picky: Any) -> None:
    save(collection, "a", "One.")
    save(collection, "b", "One.")
    drain(collection)
    assert picky.embedded == 1
    services.resync(Document.objects.all())
    drain(collection)
    save(collection, "c", "One.")
    drain(collection)
    assert picky.embedded == 1
    assert Embedding.objects.count() == 1
    assert len(live_texts(collection)) == 3


def test_poison_is_isolated_and_the_rest_of_its_batch_goes_on(collection: Collection, drain: Drain, picky: Any) -> None:
    for number in range(20):
        save(collection, str(number), "POISON" if number == 7 else f"Good text number {number}.")
    for _ in range(ledger.MAX_ATTEMPTS):
        drain(collection)
        forget_waits()
    failed = IndexEntry.objects.get(state=EntryState.FAILED)
    assert failed.document.key == "7"
    assert failed.error == "The model refuses this text. Take the poison out."
    assert failed.attempts == ledger.MAX_ATTEMPTS
    assert IndexEntry.objects.filter(state=EntryState.INDEXED).count() == 19
    assert len(live_texts(collection)) == 19


def test_a_failed_document_is_retried_by_one_call_and_by_an_edit(
    collection: Collection, drain: Drain, picky: Any
) -> None:
    save(collection, "a", "POISON")
    IndexEntry.objects.update(attempts=ledger.MAX_ATTEMPTS - 1)
    drain(collection)
    assert IndexEntry.objects.get().state == EntryState.FAILED
    assert services.retry_entries(IndexEntry.objects.all()) == 1
    assert IndexEntry.objects.get().state == EntryState.PENDING
    save(collection, "a", "Healthy.")
    drain(collection)
    assert IndexEntry.objects.get().state == EntryState.INDEXED


def test_an_embedder_that_is_down_pauses_its_profile_and_charges_nobody(
    collection: Collection, drain: Drain, picky: Any
) -> None:
    save(collection, "a", "One.")
    picky.down = True
    drain(collection)
    entry = IndexEntry.objects.get()
    assert (entry.state, entry.attempts, entry.error, entry.lease_token) == (EntryState.PENDING, 0, "", None)
    profile = EmbeddingProfile.objects.get()
    assert profile.paused_until is not None
    assert "does not answer" in profile.pause_reason
    picky.down = False
    drain(collection)
    assert live_texts(collection) == [], "the pause is not over"
    let_pauses_pass()
    drain(collection)
    assert live_texts(collection) == ["One."]
    assert EmbeddingProfile.objects.get().paused_until is None


def test_a_text_at_which_the_embedder_fails_while_it_embeds_others_is_poison_and_no_outage(
    collection: Collection, drain: Drain, picky: Any
) -> None:
    for number in range(20):
        save(collection, str(number), "CHOKES" if number == 7 else f"Good text number {number}.")
    drain(collection)
    entry = IndexEntry.objects.get(state=EntryState.PENDING)
    assert (entry.document.key, entry.attempts) == ("7", 1)
    assert "fails at this text while it embeds others" in entry.error
    assert len(live_texts(collection)) == 19
    assert EmbeddingProfile.objects.get().paused_until is None


def test_a_store_that_is_down_loses_nothing_and_resumes(collection: Collection, drain: Drain, picky: Any) -> None:
    save(collection, "a", "One.")
    FlakyStore.down = True
    drain(collection)
    assert live_texts(collection) == []
    assert IndexEntry.objects.get().attempts == 0
    FlakyStore.down = False
    let_pauses_pass()
    drain(collection)
    assert live_texts(collection) == ["One."]
    assert audit_index(serving_index(collection), deep=True).in_step


def test_a_lost_collection_is_rebuilt_from_sql_without_embedding(
    collection: Collection, drain: Drain, picky: Any
) -> None:
    for number in range(30):
        save(collection, str(number), f"Text number {number}.")
    drain(collection)
    index = serving_index(collection)
    embedded = picky.embedded
    projection.store_of(index).drop(projection.current_collection(index).name)
    save(collection, "new", "A new text.")
    drain(collection)
    drain(collection)
    index.refresh_from_db()
    assert index.generation == 2
    assert projection.current_collection(index).state == PhysicalState.READY
    assert picky.embedded == embedded + 1
    assert audit_index(index, deep=True).in_step


def test_a_worker_that_lost_its_lease_changes_nothing(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    index = serving_index(collection)
    lease = ledger.claim(index.pk, limit=10, characters=1000)
    assert lease is not None
    IndexEntry.objects.update(lease_token=None)
    batch = sync._Batch(index, lease)
    with pytest.raises(LeaseLost):
        batch.run()
    assert not Chunk.objects.exists()


def test_suspects_of_a_vanished_worker_are_worked_alone(collection: Collection) -> None:
    for number in range(3):
        save(collection, str(number), f"Text number {number}.")
    index = serving_index(collection)
    with override_settings(LEASE_SECONDS=-1):
        lease = ledger.claim(index.pk, limit=10, characters=1000)
    assert lease is not None
    assert len(lease.entries) == 3
    assert ledger.reclaim_expired() == {index.pk}
    assert IndexEntry.objects.filter(suspect=True, attempts=0, lease_token=None).count() == 3
    with override_settings(LEASE_SECONDS=-1):
        lease = ledger.claim(index.pk, limit=10, characters=1000)
    assert lease is not None
    assert len(lease.entries) == 1
    ledger.reclaim_expired()
    charged = IndexEntry.objects.get(pk=lease.entries[0].pk)
    assert charged.attempts == 1
    assert charged.error_code == "WorkerDied"


def test_an_older_revision_goes_live_only_with_what_is_still_true(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Kept paragraph.\n\n" + "filler words " * 120 + "\n\nDropped paragraph at the end.")
    index = serving_index(collection)
    lease = ledger.claim(index.pk, limit=10, characters=100_000)
    assert lease is not None
    batch = sync._Batch(index, lease)
    snapshots = batch._snapshots()
    save(collection, "a", "Kept paragraph.\n\n" + "filler words " * 120)
    batch._snapshots = lambda: snapshots  # type: ignore[method-assign]
    batch.run()
    entry = IndexEntry.objects.get()
    assert (entry.state, entry.wanted_revision, entry.indexed_revision) == (EntryState.PENDING, 2, 1)
    text = Document.objects.get().text
    assert live_texts(collection)
    assert all(passage in text for passage in live_texts(collection))
    drain(collection)
    assert IndexEntry.objects.get().state == EntryState.INDEXED
    assert audit_index(index, deep=True).in_step


def test_staged_chunks_of_a_dead_worker_are_retired(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    drain(collection)
    Chunk.objects.update(state=ChunkState.STAGED, staged_by="00000000-0000-0000-0000-000000000000")
    sweeping.let_go()
    assert set(Chunk.objects.values_list("state", flat=True)) == {ChunkState.RETIRED}


def test_a_document_without_text_is_found_by_its_title(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "", title="Only a title")
    drain(collection)
    assert live_texts(collection) == [""]
    assert IndexEntry.objects.get().state == EntryState.INDEXED


def test_stored_vectors_are_unit_float32(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Some words to embed.")
    drain(collection)
    embedding = Embedding.objects.get()
    vector = np.frombuffer(bytes(embedding.vector), dtype="<f4")
    assert vector.shape == (embedding.profile.dimensions,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.django_db(transaction=True)
def test_no_call_to_the_store_or_the_embedder_is_made_inside_a_transaction(
    drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = services.create_collection("Notes")
    calls: list[bool] = []
    for owner, name in [
        (MeaninglessHashEmbedder, "_embed"),
        (InMemoryVectorStore, "_upsert_batch"),
        (InMemoryVectorStore, "_delete_batch"),
        (InMemoryVectorStore, "create"),
    ]:
        original = getattr(owner, name)

        def spy(self: Any, *args: Any, original: Any = original, **kwargs: Any) -> Any:
            calls.append(connection.in_atomic_block)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, spy)
    save(collection, "a", "One.")
    drain(collection)
    save(collection, "a", "Two.")
    drain(collection)
    assert len(calls) >= 4
    assert not any(calls)


def test_a_collection_that_nobody_writes_to_is_missed_all_the_same(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    drain(collection)
    index = serving_index(collection)
    projection.store_of(index).drop(projection.current_collection(index).name)
    sweeping.tidy()
    drain(collection)
    index.refresh_from_db()
    assert index.generation == 2
    assert audit_index(index, deep=True).in_step
