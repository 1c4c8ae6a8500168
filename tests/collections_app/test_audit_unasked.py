"""The audits that nobody asks for: the site heals itself of what costs little, and of an audit that was interrupted."""

from datetime import timedelta

import numpy as np
import pytest
from django.db.models.functions import Now

from collections_app import audit, outages, services, tasks
from collections_app.audit import audit_index, report, runs
from collections_app.exceptions import EmbedderUnavailable, RecordRefused
from collections_app.ledger import in_future
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Embedding,
    EmbeddingProfile,
    IndexAudit,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.projection import current_collection, store_of
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

BAD_VECTORS = {"not finite": np.nan, "not of unit length": 2.0}


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    for number in range(6):
        save(collection, str(number), f"Text number {number}.")
    drain(collection)
    VectorIndex.objects.update(created_at=in_future(timedelta(days=-2)))
    return collection


def damage_vectors(*keys: str, value: float = np.nan) -> None:
    dimensions = EmbeddingProfile.objects.get().dimensions
    raw = np.full(dimensions, value, dtype="<f4").tobytes()
    Embedding.objects.filter(chunks__document__key__in=keys).update(vector=raw)


def lose_records(index: VectorIndex, *keys: str) -> None:
    ids = Chunk.objects.filter(index=index, document__key__in=keys, state=ChunkState.LIVE)
    store_of(index).delete(current_collection(index).name, list(ids.values_list("pk", flat=True)))


@pytest.mark.parametrize("value", BAD_VECTORS.values(), ids=BAD_VECTORS)
def test_a_vector_that_cannot_be_used_costs_itself_alone_and_is_embedded_again(
    notes: Collection, drain: Drain, value: float
) -> None:
    index = serving_index(notes)
    damage_vectors("3", value=value)
    lose_records(index, "3", "4")
    tasks.audit_due()
    done = IndexAudit.objects.get()
    assert (done.error, done.report["found"]) == ("", {"vectors_unusable": 1, "ids_missing_in_store": 2})
    assert not VectorStoreStatus.objects.filter(paused_until__isnull=False).exists()
    drain(notes)
    assert audit_index(index, deep=True).in_step


def test_what_would_cost_much_is_left_to_people(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "UNASKED_AT_LEAST", 1)
    damage_vectors("2", "3")
    lose_records(serving_index(notes), "4")
    tasks.audit_due()
    done = IndexAudit.objects.get()
    assert done.report["repaired"] == {"ids_missing_in_store": 1}
    assert done.report["findings"]["vectors_unusable"] == 2
    assert audit_index(serving_index(notes), deep=True, repair=True).report["repaired"]["vectors_unusable"] == 2


def test_no_passage_is_hidden_to_be_embedded_while_nothing_can_be(notes: Collection) -> None:
    live = Chunk.objects.filter(state=ChunkState.LIVE)
    damage_vectors("3")
    outages.pause(EmbeddingProfile.objects.get(), EmbedderUnavailable("Nobody answers."))
    tasks.audit_due()
    assert live.count() == 6
    assert IndexAudit.objects.get().report["findings"]["vectors_unusable"] == 1


def test_a_record_that_is_refused_pauses_no_store(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise RecordRefused("A number is too large.")

    lose_records(serving_index(notes), "3")
    monkeypatch.setattr(InMemoryVectorStore, "_upsert_batch", refuse)
    tasks.audit_due()
    assert IndexAudit.objects.get().error == "A number is too large."
    assert not VectorStoreStatus.objects.filter(paused_until__isnull=False).exists()


def test_all_that_is_due_is_audited_one_after_the_other(notes: Collection, drain: Drain) -> None:
    other = services.create_collection("Other")
    drain(other)
    outages.note_crash(outages.store_status("default"))
    tasks.audit_due()
    done = IndexAudit.objects.filter(deep=True, in_step=True)
    assert sorted(done.values_list("index", flat=True)) == [serving_index(each).pk for each in (notes, other)]
    assert audit.due() is None


def test_one_that_cannot_be_audited_is_tried_once_and_holds_up_no_other(
    notes: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain(services.create_collection("Other"))
    outages.note_crash(outages.store_status("default"))

    def refuse(index: VectorIndex, *args: object, **options: object) -> None:
        if index.collection_id == notes.pk:
            raise RecordRefused("It is refused.")

    monkeypatch.setattr(runs, "compare_store", refuse)
    tasks.audit_due()
    assert IndexAudit.objects.filter(error="It is refused.").count() == 1
    assert IndexAudit.objects.filter(in_step=True).count() == 1


def test_an_audit_that_is_interrupted_is_over(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runs, "compare_passages", interrupted)
        audit_index(serving_index(notes))
    assert IndexAudit.objects.get().error == "KeyboardInterrupt()"
    assert audit.due() is not None


def test_an_audit_that_gives_no_sign_of_life_was_killed(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = IndexAudit.objects.create(index=serving_index(notes), started_at=in_future(timedelta(minutes=-30)))
    assert audit.due() is not None
    IndexAudit.objects.filter(pk=killed.pk).update(seen_at=Now())
    assert audit.due() is None, "it takes long"
    IndexAudit.objects.all().delete()
    monkeypatch.setattr(runs, "SIGN_OF_LIFE", timedelta(0))
    assert audit_index(serving_index(notes)).seen_at is not None
