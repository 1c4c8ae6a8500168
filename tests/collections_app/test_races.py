"""Races between writers, each made deterministic by two connections: one is stopped where it would hurt.

They need row locks, so they run on PostgreSQL; on SQLite transactions come one after the other.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection, connections, transaction

from collections_app import ledger, projection, services, sync
from collections_app.audit import audit_index
from collections_app.exceptions import LeaseLost
from collections_app.locks import lock_documents, lock_entries, lock_indexes
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    EntryState,
    ImportOutcome,
    IndexEntry,
    VectorIndex,
)
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

PATIENCE = 10.0
# How long somebody who should be waiting for a lock is watched waiting.
GLIMPSE = 0.3


class Elsewhere(threading.Thread):
    """Runs a function on a connection of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:  # noqa: BLE001 - handed to the test, which looks at it
            self.error = error
        finally:
            connections.close_all()

    def ended(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "it still waits"
        return self.result

    def is_waiting(self) -> bool:
        time.sleep(GLIMPSE)
        return self.is_alive()


class StoppedBatch(sync._Batch):
    """A worker that stops before one of its steps until it is told to go on."""

    def __init__(self, index: VectorIndex, *, before: str) -> None:
        lease = ledger.claim(index.pk, limit=10, characters=100_000)
        assert lease is not None
        super().__init__(index, lease)
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._before = before
        self.thread = Elsewhere(self.run)
        assert self.reached.wait(PATIENCE)

    def _stop(self, step: str) -> None:
        if step == self._before:
            self.reached.set()
            assert self.go_on.wait(PATIENCE)

    def _stage(self, works: Sequence[Any], vectors: Any, *, generation: int) -> Any:
        self._stop("stage")
        return super()._stage(works, vectors, generation=generation)

    def _flip(self, works: Sequence[Any], *, generation: int) -> list[int]:
        self._stop("flip")
        return super()._flip(works, generation=generation)

    def finish(self) -> None:
        self.go_on.set()
        self.thread.ended()
        ledger.release(self.lease)


@pytest.fixture
def notes(db: None) -> Collection:
    assert connection.vendor == "postgresql"
    return services.create_collection("Notes")


def settle(collection: Collection, drain: Drain) -> None:
    drain(collection)
    assert audit_index(serving_index(collection), deep=True).in_step


@pytest.mark.parametrize("step", ["stage", "flip"])
def test_an_edit_before_a_step_of_the_worker_never_lets_old_text_go_live(
    notes: Collection, drain: Drain, step: str
) -> None:
    save(notes, "a", "Old text.")
    worker = StoppedBatch(serving_index(notes), before=step)
    save(notes, "a", "New text.")
    worker.finish()
    assert "Old text." not in live_texts(notes)
    settle(notes, drain)
    assert live_texts(notes) == ["New text."]


@pytest.mark.parametrize("step", ["stage", "flip"])
def test_a_deletion_before_a_step_of_the_worker_is_final(notes: Collection, drain: Drain, step: str) -> None:
    document = save(notes, "a", "Some text.")
    worker = StoppedBatch(serving_index(notes), before=step)
    document.delete()
    worker.finish()
    assert live_texts(notes) == []
    assert not Chunk.objects.filter(state=ChunkState.STAGED).exists()
    settle(notes, drain)


@pytest.mark.parametrize("step", ["stage", "flip"])
def test_a_worker_whose_entries_were_taken_over_changes_nothing(notes: Collection, drain: Drain, step: str) -> None:
    save(notes, "a", "Some text.")
    slow = StoppedBatch(serving_index(notes), before=step)
    IndexEntry.objects.update(lease_token=None, lease_expires_at=None)
    drain(notes)
    live = list(Chunk.objects.filter(state=ChunkState.LIVE).values_list("pk", flat=True))
    slow.finish()
    assert list(Chunk.objects.filter(state=ChunkState.LIVE).values_list("pk", flat=True)) == live
    settle(notes, drain)


@pytest.mark.parametrize("step", ["stage", "flip"])
def test_a_worker_that_wrote_to_an_older_generation_starts_afresh(notes: Collection, drain: Drain, step: str) -> None:
    save(notes, "a", "Some text.")
    worker = StoppedBatch(serving_index(notes), before=step)
    assert projection.raise_generation(serving_index(notes).pk, reason="test", generation=1)
    worker.finish()
    assert isinstance(worker.thread.error, LeaseLost)
    assert live_texts(notes) == []
    settle(notes, drain)
    assert live_texts(notes) == ["Some text."]


def test_a_flip_waits_for_a_save_under_way_and_sees_what_it_saved(notes: Collection, drain: Drain) -> None:
    save(notes, "a", "Old text.")
    worker = StoppedBatch(serving_index(notes), before="flip")
    with transaction.atomic():
        save(notes, "a", "New text.")
        worker.go_on.set()
        assert worker.thread.is_waiting()
    worker.finish()
    assert live_texts(notes) == []
    settle(notes, drain)


def test_a_flip_waits_for_a_deletion_under_way(notes: Collection, drain: Drain) -> None:
    document = save(notes, "a", "Old text.")
    worker = StoppedBatch(serving_index(notes), before="flip")
    with transaction.atomic():
        document.delete()
        worker.go_on.set()
        assert worker.thread.is_waiting()
    worker.finish()
    assert live_texts(notes) == []
    settle(notes, drain)


def test_a_new_generation_waits_for_a_flip_under_way(notes: Collection, drain: Drain) -> None:
    save(notes, "a", "Some text.")
    index = serving_index(notes)
    with transaction.atomic():
        lock_indexes([index.pk])
        other = Elsewhere(lambda: projection.raise_generation(index.pk, reason="test"))
        assert other.is_waiting()
    assert other.ended() is True
    settle(notes, drain)


def test_two_who_see_the_same_damage_raise_the_generation_once(notes: Collection) -> None:
    index = serving_index(notes)
    raisers = [Elsewhere(lambda: projection.raise_generation(index.pk, reason="test", generation=1)) for _ in range(4)]
    assert sorted(raiser.ended() for raiser in raisers) == [False, False, False, True]
    index.refresh_from_db()
    assert index.generation == 2


def test_workers_claim_disjoint_entries_without_waiting_for_each_other(notes: Collection) -> None:
    for number in range(40):
        save(notes, str(number), f"Text {number}.")
    index = serving_index(notes)
    claims = [Elsewhere(lambda: ledger.claim(index.pk, limit=10, characters=100_000)) for _ in range(4)]
    leases = [claim.ended() for claim in claims]
    claimed = [entry.pk for lease in leases for entry in lease.entries]
    assert len(claimed) == len(set(claimed)) == 40


def test_two_who_create_the_same_key_end_with_one_document(notes: Collection, drain: Drain) -> None:
    barrier = threading.Barrier(4)

    def create(text: str) -> ImportOutcome:
        barrier.wait(PATIENCE)
        return services.save_document(notes, services.DocumentInput(key="same", text=text)).outcome

    creators = [Elsewhere(lambda text=f"Text {number}.": create(text)) for number in range(4)]  # type: ignore[misc]
    outcomes = sorted(creator.ended() for creator in creators)
    assert outcomes == [ImportOutcome.CREATED] + [ImportOutcome.UPDATED] * 3
    assert Document.objects.get().revision == 4
    settle(notes, drain)


def test_steady_edits_do_not_starve_a_document(notes: Collection, drain: Drain) -> None:
    save(notes, "a", "Kept text. Version 0.")
    for version in range(1, 4):
        worker = StoppedBatch(serving_index(notes), before="flip")
        save(notes, "a", "Kept text. Version 0.", metadata={"version": version})
        worker.finish()
        entry = IndexEntry.objects.get()
        assert (entry.state, entry.indexed_revision) == (EntryState.PENDING, version)
        assert live_texts(notes) == ["Kept text. Version 0."]
    settle(notes, drain)


def test_many_writers_and_workers_at_once_meet_no_deadlock(notes: Collection, drain: Drain) -> None:
    for number in range(10):
        save(notes, str(number), f"Text {number}.")
    index = serving_index(notes)

    def write(seed: int) -> None:
        for turn in range(15):
            key = str((seed * 7 + turn * 3) % 10)
            if turn % 5 == 4:
                Document.objects.filter(collection=notes, key=key).delete()
            else:
                save(notes, key, f"Text {seed} {turn}.")

    def work() -> None:
        for _ in range(25):
            sync.drain(index.pk)

    crowd = [Elsewhere(lambda seed=seed: write(seed)) for seed in range(3)] + [Elsewhere(work) for _ in range(3)]  # type: ignore[misc]
    for member in crowd:
        member.join(60)
        assert member.error is None, member.error
    settle(notes, drain)
    assert sorted(live_texts(notes)) == sorted(document.text for document in Document.objects.alive())


def test_a_save_that_waited_for_a_deletion_makes_a_new_document(notes: Collection, drain: Drain) -> None:
    save(notes, "a", "Old text.")
    drain(notes)
    with transaction.atomic():
        Document.objects.filter(key="a").delete()
        saver = Elsewhere(lambda: save(notes, "a", "New text."))
        assert saver.is_waiting()
    saver.ended()
    settle(notes, drain)
    assert live_texts(notes) == ["New text."]
    assert Document.objects.alive().get().text == "New text."


def test_deleting_a_collection_waits_for_a_batch_in_flight_and_takes_it_along(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()
    original = ledger.add_entries

    def slow(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        reached.set()
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(ledger, "add_entries", slow)
    writer = Elsewhere(lambda: save(notes, "a", "In flight."))
    assert reached.wait(PATIENCE)
    deleter = Elsewhere(notes.delete)
    assert deleter.is_waiting()
    go_on.set()
    writer.ended()
    deleter.ended()
    assert not Document.objects.alive().exists()


def test_what_is_deleted_already_may_be_deleted_again(notes: Collection, drain: Drain) -> None:
    document = save(notes, "a", "One.")
    drain(notes)
    assert document.delete()[0] == 1
    assert document.delete()[0] == 0
    assert notes.delete()[0] == 1


@pytest.mark.parametrize("act", [services.delete_documents, services.resync])
def test_batches_of_one_transaction_lock_upwards(
    notes: Collection, monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], int]
) -> None:
    first, second = save(notes, "a", "One."), save(notes, "b", "Two.")
    monkeypatch.setattr(services.documents, "BATCH", 1)

    def in_one_transaction() -> None:
        with transaction.atomic():
            act(Document.objects.filter(collection=notes))

    with transaction.atomic():
        lock_documents([first.pk])
        other = Elsewhere(in_one_transaction)
        assert other.is_waiting()
        lock_documents([second.pk])
    other.ended()
    assert other.error is None


def test_renewing_a_lease_locks_upwards(notes: Collection) -> None:
    first, second = save(notes, "a", "One."), save(notes, "b", "Two.")
    # An UPDATE without an order would now meet the second row first.
    IndexEntry.objects.filter(document=first).update(priority=0)
    lease = ledger.claim(serving_index(notes).pk, limit=10, characters=100_000)
    assert lease is not None
    with transaction.atomic():
        lock_entries(None, [first.pk])
        renewer = Elsewhere(lambda: ledger.renew(lease))
        assert renewer.is_waiting()
        lock_entries(None, [second.pk])
    assert renewer.ended() is True
