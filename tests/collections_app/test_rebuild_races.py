"""Races around a rebuild and its switch, each made deterministic by two connections; see test_races.py."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from collections_app import projection, services, sweeping, sync
from collections_app.exceptions import RebuildRefused
from collections_app.locks import lock_documents, lock_entries, lock_indexes
from collections_app.models import Collection, EntryState, IndexEntry, IndexState, VectorIndex
from tests.collections_app.test_races import PATIENCE, Elsewhere
from tests.conftest import Drain, save, serving_index

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def notes(db: None, drain: Drain) -> Collection:
    assert connection.vendor == "postgresql"
    notes = services.create_collection("Notes")
    save(notes, "a", "Cats purr.")
    drain(notes)
    return notes


def build(collection: Collection) -> VectorIndex:
    index = services.start_rebuild(collection)
    sweeping.fill(index.pk)
    sync.drain(index.pk)
    return index


class Paused:
    """Stops whoever calls a function right after the call, until told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self._original: Callable[..., Any] = getattr(owner, name)
        self._reached, self._go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(owner, name, self._call)

    def _call(self, *args: Any, **options: Any) -> Any:
        result = self._original(*args, **options)
        self._reached.set()
        assert self._go_on.wait(PATIENCE)
        return result

    def wait(self) -> None:
        assert self._reached.wait(PATIENCE)

    def go_on(self) -> None:
        self._go_on.set()


def test_what_goes_live_in_the_old_index_before_the_switch_is_not_missed_by_it(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.activation, "TRY_SECONDS", 0)
    old, new = serving_index(notes), build(notes)
    with transaction.atomic():
        # A worker in the middle of a flip, seen by nobody yet.
        lock_indexes([old.pk])
        entry = IndexEntry.objects.filter(index=old)
        lock_documents([entry.get().document_id])
        lock_entries(old.pk, [entry.get().document_id])
        entry.update(indexed_revision=2, wanted_revision=2)
        IndexEntry.objects.filter(index=new).update(wanted_revision=2, state=EntryState.PENDING)
        switch = Elsewhere(lambda: services.activate(new))
        assert switch.is_waiting()
    switch.ended()
    assert isinstance(switch.error, RebuildRefused)
    assert serving_index(Collection.objects.get()).pk == old.pk
    IndexEntry.objects.update(indexed_revision=1, wanted_revision=1, state=EntryState.INDEXED)
    services.activate(new)


def test_a_save_waits_for_the_switch_and_reaches_both_indexes(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = serving_index(notes), build(notes)
    pause = Paused(monkeypatch, services.activation, "note")
    switch = Elsewhere(lambda: services.activate(new))
    pause.wait()
    saver = Elsewhere(lambda: save(notes, "b", "Dogs bark."))
    assert saver.is_waiting()
    pause.go_on()
    switch.ended()
    saver.ended()
    assert switch.error is saver.error is None
    entries = IndexEntry.objects.filter(document__key="b")
    assert set(entries.values_list("index", flat=True)) == {old.pk, new.pk}


def test_a_document_saved_while_an_index_is_made_gets_its_entry_there(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "add_missing_entries", lambda index: 0)
    pause = Paused(monkeypatch, projection, "plan_physical_collection")
    builder = Elsewhere(lambda: services.start_rebuild(notes))
    pause.wait()
    saver = Elsewhere(lambda: save(notes, "b", "Dogs bark."))
    assert saver.is_waiting()
    pause.go_on()
    index = builder.ended()
    saver.ended()
    assert IndexEntry.objects.filter(document__key="b", index=index).exists()


def test_of_two_rebuilds_started_at_once_one_is_refused(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    pause = Paused(monkeypatch, projection, "plan_physical_collection")
    first = Elsewhere(lambda: services.start_rebuild(notes))
    pause.wait()
    second = Elsewhere(lambda: services.start_rebuild(notes))
    assert second.is_waiting()
    pause.go_on()
    assert first.ended() is not None
    second.ended()
    assert isinstance(second.error, RebuildRefused)
    assert VectorIndex.objects.filter(state=IndexState.BUILDING).count() == 1


def test_an_index_that_is_being_dropped_does_not_take_over(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = serving_index(notes), build(notes)
    pause = Paused(monkeypatch, services.indexes, "give_up")
    dropper = Elsewhere(lambda: services.drop_index(new))
    pause.wait()
    switch = Elsewhere(lambda: services.activate(new))
    assert switch.is_waiting()
    pause.go_on()
    dropper.ended()
    switch.ended()
    assert isinstance(switch.error, RebuildRefused)
    assert serving_index(Collection.objects.get()).pk == old.pk


def test_an_index_that_takes_over_is_not_dropped(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    new = build(notes)
    pause = Paused(monkeypatch, services.activation, "note")
    switch = Elsewhere(lambda: services.activate(new))
    pause.wait()
    dropper = Elsewhere(lambda: services.drop_index(new))
    assert dropper.is_waiting()
    pause.go_on()
    switch.ended()
    dropper.ended()
    assert isinstance(dropper.error, RebuildRefused)
    assert VectorIndex.objects.get(pk=new.pk).state == IndexState.SERVING
