"""The proof that an index is in step precedes every switch to it, and costs little while it is being built."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from collections_app import services, sweeping
from collections_app.ledger import in_future
from collections_app.models import (
    Chunk,
    Collection,
    EntryState,
    IndexAudit,
    IndexEntry,
    IndexState,
    PhysicalCollection,
    VectorIndex,
)
from collections_app.projection import current_collection, store_of
from tests.collections_app.test_rebuild import build, notes, state, take_over
from tests.conftest import serving_index

__all__ = ["notes"]

pytestmark = pytest.mark.django_db


def lose_records(index: VectorIndex, number: int) -> None:
    lost = Chunk.objects.filter(index=index).order_by("pk").values_list("pk", flat=True)[:number]
    store_of(index).delete(current_collection(index).name, list(lost))


def minutes_pass(index: VectorIndex, minutes: int) -> None:
    then = in_future(timedelta(minutes=-minutes))
    PhysicalCollection.objects.filter(index=index).update(created_at=in_future(timedelta(minutes=-2 * minutes)))
    IndexAudit.objects.filter(index=index, finished_at__isnull=False).update(started_at=then, finished_at=then)
    IndexAudit.objects.filter(index=index).update(started_at=then)


def test_an_index_that_an_audit_finds_out_of_step_does_not_take_over_later_either(notes: Collection) -> None:
    index = build(notes)
    lose_records(index, 1)
    assert not take_over()
    index.refresh_from_db()
    assert "ids missing in store: 1" in index.problem
    for audits in (1, 2, 3):
        assert IndexAudit.objects.filter(index=index).count() == audits
        assert services.ready_to_activate() == [], "an audit that failed is not repeated at every sweep"
        minutes_pass(index, 2)
        assert not take_over()
    assert state(index) == IndexState.BUILDING
    services.rebuild_everything(reason="test")
    sweeping.fill(index.pk)
    assert take_over()


def test_what_was_proved_before_is_proved_again(notes: Collection) -> None:
    index = build(notes, activate=False)
    services.activation.audit_index(index)
    minutes_pass(index, 1)
    lose_records(index, 1)
    VectorIndex.objects.filter(pk=index.pk).update(activate_when_ready=True)
    assert not take_over()
    assert state(index) == IndexState.BUILDING


def test_an_audit_that_ended_with_an_error_is_no_proof_and_stops_nobody(notes: Collection) -> None:
    index = build(notes)
    IndexAudit.objects.create(index=index, started_at=Now(), finished_at=Now(), error="It hung up.")
    assert services.ready_to_activate() == []
    assert not services.activate_when_proved(index.pk)
    minutes_pass(index, 2)
    assert take_over()


def test_nobody_proves_what_somebody_is_at_unless_he_is_silent_for_minutes(notes: Collection) -> None:
    index = build(notes)
    IndexAudit.objects.create(index=index, started_at=Now())
    assert services.ready_to_activate() == []
    minutes_pass(index, 4)
    assert services.ready_to_activate() == []
    minutes_pass(index, 6)
    assert take_over()


def test_a_proof_that_writes_of_the_moment_made_useless_is_soon_made_again(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.activation, "TRY_SECONDS", 0)
    index = build(notes)
    entry = IndexEntry.objects.filter(index=index, document__key="0")
    served = IndexEntry.objects.filter(index=serving_index(notes), document__key="0")

    def written_meanwhile(index: VectorIndex) -> IndexAudit:
        audit = audit_index(index)
        served.update(indexed_revision=2, wanted_revision=2)
        entry.update(wanted_revision=2, state=EntryState.PENDING)
        return audit

    audit_index = services.activation.audit_index
    with monkeypatch.context() as patch:
        patch.setattr(services.activation, "audit_index", written_meanwhile)
        assert not take_over()
    assert services.ready_to_activate() == [], "the document is behind"
    served.update(indexed_revision=1, wanted_revision=1)
    entry.update(wanted_revision=1, state=EntryState.INDEXED)
    minutes_pass(index, 1)
    assert take_over()


def test_the_serving_ledger_is_not_read_while_much_is_pending(
    notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = services.start_rebuild(notes)
    sweeping.fill(index.pk)
    monkeypatch.setattr(services.activation, "NEARLY_BUILT", 2)
    with CaptureQueriesContext(connection) as asked:
        assert services.ready_to_activate() == []
    index.refresh_from_db()
    assert "still being taken" in index.problem
    of_ledger = [query["sql"] for query in asked.captured_queries if "collections_app_indexentry" in query["sql"]]
    assert len(of_ledger) == 1
    assert "LIMIT 3" in of_ledger[0]
