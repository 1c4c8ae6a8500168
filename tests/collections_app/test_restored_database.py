"""A database that was restored from an older copy is recognised by the ids that the store holds."""

import numpy as np
import pytest

from collections_app import projection, services, sweeping
from collections_app.audit import audit_index
from collections_app.models import Collection, PhysicalState
from collections_app.projection import inspection
from collections_app.vectorstores import Record
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever restored the database has started new processes."""
    monkeypatch.setattr(inspection, "_of_our_history", set())


def write_as_the_lost_future(collection: Collection, *, ahead: int) -> int:
    """Leave in the store what the database wrote after the copy was taken: a record under an id not given out yet."""
    index = serving_index(collection)
    chunk_id = projection.last_chunk_id() + ahead
    vector = np.ones(index.profile.dimensions, dtype=np.float32)
    name = projection.current_collection(index).name
    projection.store_of(index).upsert(name, [Record(chunk_id, vector, {"_document": 1})])
    return chunk_id


def test_every_index_of_the_store_is_rebuilt_before_an_id_is_given_out_again(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = services.create_collection("Other")
    for each in (collection, other):
        save(each, "a", f"Text of {each}.")
        drain(each)
    write_as_the_lost_future(collection, ahead=1)
    monkeypatch.setattr(inspection, "_of_our_history", set())
    save(collection, "b", "A new text.")
    for each in (collection, other):
        drain(each)
        drain(each)
        index = serving_index(each)
        assert index.generation == 2
        assert "restored from an older copy" in projection.current_collection(index).reason
        assert audit_index(index, deep=True).in_step
    assert sorted(live_texts(collection)) == ["A new text.", "Text of Notes."]


def test_an_id_that_turns_out_to_be_taken_is_such_a_sign(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    drain(collection)
    write_as_the_lost_future(collection, ahead=1)
    index = serving_index(collection)
    save(collection, "b", "Two.")
    drain(collection)
    index.refresh_from_db()
    assert index.generation == 2
    drain(collection)
    assert sorted(live_texts(collection)) == ["One.", "Two."]
    assert audit_index(index, deep=True).in_step


def test_it_is_recognised_within_a_minute_where_nobody_writes(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    drain(collection)
    write_as_the_lost_future(collection, ahead=5000)
    sweeping.tidy()
    drain(collection)
    index = serving_index(collection)
    assert (index.generation, projection.current_collection(index).state) == (2, PhysicalState.READY)


def test_an_id_that_somebody_put_there_by_hand_is_no_sign_of_it(collection: Collection, drain: Drain) -> None:
    for number in range(5):
        save(collection, str(number), f"Text number {number}.")
    drain(collection)
    index = serving_index(collection)
    vector = np.ones(index.profile.dimensions, dtype=np.float32)
    name = projection.current_collection(index).name
    projection.store_of(index).upsert(name, [Record(10**9, vector, {})])
    sweeping.tidy()
    assert serving_index(collection).generation == 1
    audit = audit_index(index, repair=True)
    assert (audit.in_step, audit.report["repaired"]) == (True, {"ids_unknown_or_not_live": 1})


def test_several_who_see_it_rebuild_once(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.")
    drain(collection)
    evidence = projection.current_collection(serving_index(collection))
    projection.distrust_store(evidence, reason="seen by one")
    projection.distrust_store(evidence, reason="seen by another")
    assert serving_index(collection).generation == 2


def test_what_was_given_out_and_is_gone_is_no_sign_of_it(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "One.").delete()
    last = projection.last_chunk_id()
    drain(collection)
    save(collection, "a", "Two.")
    drain(collection)
    sweeping.tidy()
    assert projection.last_chunk_id() > last
    assert serving_index(collection).generation == 1
