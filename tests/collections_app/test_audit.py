"""The audit finds each kind of drift that is made by hand, and names it."""

import numpy as np
import pytest

from collections_app import projection
from collections_app.audit import audit_index
from collections_app.models import Chunk, ChunkState, Collection, EntryState, IndexAudit, IndexEntry
from collections_app.vectorstores import Record
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(collection: Collection, drain: Drain) -> Collection:
    for number in range(12):
        save(collection, str(number), f"Text number {number}.", metadata={"year": 2000 + number})
    drain(collection)
    return collection


def findings(collection: Collection) -> dict[str, int]:
    audit = audit_index(serving_index(collection), deep=True)
    assert audit.in_step == (not audit.report["findings"])
    return dict(audit.report["findings"])


def test_an_index_in_step_is_proved_and_the_proof_is_kept(filled: Collection) -> None:
    assert findings(filled) == {}
    audit = IndexAudit.objects.get()
    assert audit.finished_at is not None
    assert (audit.report["documents"], audit.report["live_chunks"], audit.report["store_ids"]) == (12, 12, 12)


def test_ids_that_the_store_lost_are_found(filled: Collection) -> None:
    index = serving_index(filled)
    lost = list(Chunk.objects.values_list("pk", flat=True)[:2])
    projection.store_of(index).delete(projection.current_collection(index).name, lost)
    assert findings(filled) == {"ids_missing_in_store": 2}


def test_ids_that_sql_does_not_know_are_found(filled: Collection) -> None:
    index = serving_index(filled)
    stranger = Record(10**9, np.ones(index.profile.dimensions, dtype=np.float32), {})
    projection.store_of(index).upsert(projection.current_collection(index).name, [stranger])
    assert findings(filled) == {"ids_unknown_or_not_live": 1}


def test_altered_vectors_and_metadata_are_found(filled: Collection) -> None:
    index = serving_index(filled)
    store, name = projection.store_of(index), projection.current_collection(index).name
    one, other = store.fetch(name, list(Chunk.objects.order_by("pk").values_list("pk", flat=True)[:2]))
    store.upsert(
        name, [Record(one.id, -one.vector, one.metadata), Record(other.id, other.vector, {**other.metadata, "x": 1})]
    )
    assert findings(filled) == {"vectors_altered": 1, "metadata_altered": 1}


def test_a_document_without_entry_is_found(filled: Collection) -> None:
    IndexEntry.objects.filter(document__key="3").delete()
    assert findings(filled) == {"documents_without_entry": 1}


def test_live_chunks_that_no_flip_recorded_are_found(filled: Collection) -> None:
    Chunk.objects.filter(document__key="3").update(text="Text number 4.")
    Chunk.objects.filter(document__key="5").update(state=ChunkState.RETIRED)
    assert findings(filled) == {
        "live_chunks_not_as_recorded": 2,
        "live_chunks_not_in_text": 1,
        "vectors_of_another_input": 1,
        "lexical_rows_without_chunk": 1,
        "removals_pending": 1,
    }


def test_a_live_chunk_without_vector_is_found(filled: Collection) -> None:
    Chunk.objects.filter(document__key="3").update(embedding=None)
    assert findings(filled) == {"live_chunks_without_vector": 1}


def test_what_is_pending_is_not_in_step_and_what_has_failed_is_counted(filled: Collection) -> None:
    save(filled, "new", "A new text.")
    assert findings(filled) == {"entries_behind": 1}
    IndexEntry.objects.filter(document__key="new").update(state=EntryState.FAILED)
    audit = audit_index(serving_index(filled))
    assert audit.in_step
    assert audit.report["failed_entries"] == 1
