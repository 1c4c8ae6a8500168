"""An audit runs while others write, raises no false alarm, reads in pages, and keeps what it found."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from collections_app import audit, services, sweeping, sync
from collections_app.audit import audit_index, records, runs
from collections_app.exceptions import VectorStoreUnavailable
from collections_app.ledger import in_future
from collections_app.models import Collection, Document, IndexAudit, IndexEntry, VectorStoreStatus
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, save, serving_index

ROUNDS = 15


@pytest.mark.django_db(transaction=True)
def test_no_false_alarm_is_raised_while_documents_are_written_edited_and_deleted() -> None:
    collection = services.create_collection("Notes")
    index = serving_index(collection)
    done, errors = threading.Event(), list[BaseException]()

    def write() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            key = str(turn * 7 % 20)
            if turn % 6 == 0:
                Document.objects.filter(collection=collection, key=key).delete()
            else:
                save(collection, key, f"Kept sentence.\n\nText {turn}.", title=f"T{turn % 3}", metadata={"turn": turn})

    def work() -> None:
        sweeping.fill(index.pk)
        while not done.is_set():
            sync.drain(index.pk)
            sweeping.let_go()

    def run(function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)
        finally:
            connections.close_all()

    crowd = [threading.Thread(target=run, args=(function,), daemon=True) for function in (write, work)]
    for member in crowd:
        member.start()
    try:
        seen = [audit_index(index, deep=True).report["findings"] for _ in range(ROUNDS)]
    finally:
        done.set()
        for member in crowd:
            member.join(60)
    assert not errors
    assert {name for findings in seen for name in findings} <= audit.BEHIND


@pytest.mark.django_db
def test_what_is_asked_of_the_store_at_once_has_a_bound(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        save(collection, str(number), f"Text {number}.")
    drain(collection)
    sizes: list[int] = []
    fetch = InMemoryVectorStore._fetch_batch

    def watched(self: InMemoryVectorStore, name: str, ids: Any, *, vectors: bool) -> Any:
        sizes.append(len(ids))
        return fetch(self, name, ids, vectors=vectors)

    monkeypatch.setattr(records, "PAGE", 4)
    monkeypatch.setattr(InMemoryVectorStore, "_fetch_batch", watched)
    assert audit_index(serving_index(collection), deep=True).in_step
    assert sizes == [4] * 6 + [1]


@pytest.mark.django_db
def test_what_kept_an_audit_from_being_finished_is_kept(collection: Collection, drain: Drain) -> None:
    drain(collection)
    VectorStoreStatus.objects.update_or_create(
        alias="default", defaults={"paused_until": in_future(timedelta(minutes=1)), "pause_reason": "Nobody answers."}
    )
    with pytest.raises(VectorStoreUnavailable):
        audit_index(serving_index(collection))
    kept = IndexAudit.objects.get()
    assert "Nobody answers." in kept.error
    assert (kept.in_step, kept.finished_at is not None) == (False, True)


@pytest.mark.django_db
def test_old_audits_go_but_the_last_proof_stays(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "KEPT", 3)
    save(collection, "a", "Text.")
    drain(collection)
    index = serving_index(collection)
    proof = audit_index(index)
    IndexEntry.objects.update(wanted_revision=9)
    later = [audit_index(index).pk for _ in range(5)]
    assert list(IndexAudit.objects.order_by("pk").values_list("pk", flat=True)) == [proof.pk, *later[-3:]]


@pytest.mark.django_db
@override_settings(AUDIT_HOURS=1, DEEP_AUDIT_HOURS=24)
def test_one_index_at_a_time_is_due(collection: Collection, drain: Drain) -> None:
    drain(collection)
    index = serving_index(collection)
    assert audit.due() is None, "it was made just now"
    type(index).objects.update(created_at=in_future(timedelta(days=-2)))
    assert audit.due() == (index.pk, True)
    running = IndexAudit.objects.create(index=index, started_at=in_future(timedelta(0)))
    assert audit.due() is None, "one is running"
    running.delete()
    audit_index(index, deep=True)
    assert audit.due() is None
    IndexAudit.objects.update(started_at=in_future(timedelta(hours=-2)))
    assert audit.due() == (index.pk, False)
