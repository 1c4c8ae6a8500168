"""A new physical collection is filled from SQL; a filler that ended on the way costs one batch and no record."""

from collections.abc import Iterable
from typing import cast

import pytest

from collections_app import projection
from collections_app.exceptions import VectorStoreUnavailable
from collections_app.models import Chunk, ChunkState, Collection, PhysicalState, VectorIndex
from collections_app.projection import filling
from collections_app.vectorstores import Record, load_vector_store
from collections_app.vectorstores.memory import InMemoryVectorStore
from tests.conftest import Drain, save, serving_index


@pytest.fixture
def refilled(collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> VectorIndex:
    """An index of ten live passages whose new collection is to be filled in batches of three."""
    for number in range(10):
        save(collection, f"note-{number}", f"Note number {number}")
    drain(collection)
    index = serving_index(collection)
    projection.raise_generation(index.pk, reason="test")
    index.refresh_from_db()
    monkeypatch.setattr(filling, "FILL_BATCH", 3)
    return index


def in_store(index: VectorIndex) -> list[Record]:
    store, name = projection.store_of(index), projection.current_collection(index).name
    return store.fetch(name, sorted(store.ids(name)))


def live_ids(index: VectorIndex) -> list[int]:
    return list(Chunk.objects.filter(index=index, state=ChunkState.LIVE).order_by("pk").values_list("pk", flat=True))


def test_all_that_is_live_is_copied_with_its_metadata(refilled: VectorIndex) -> None:
    assert projection.fill(refilled) == 10
    assert [record.id for record in in_store(refilled)] == live_ids(refilled)
    chunks = Chunk.objects.in_bulk(live_ids(refilled))
    assert all(record.metadata["_document"] == chunks[record.id].document_id for record in in_store(refilled))
    assert projection.current_collection(refilled).state == PhysicalState.READY


def test_a_filler_goes_on_where_the_last_one_was_cut_off(
    refilled: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store applies the third batch and its answer is lost, as when the filler is killed before it notes that."""
    store = cast(InMemoryVectorStore, load_vector_store(refilled.store))
    copy, calls = store.copy, 0

    def loses_the_third_answer(name: str, records: Iterable[Record]) -> None:
        nonlocal calls
        calls += 1
        copy(name, records)
        if calls == 3:
            raise VectorStoreUnavailable("The answer is lost.")

    monkeypatch.setattr(store, "copy", loses_the_third_answer)
    with pytest.raises(VectorStoreUnavailable):
        projection.fill(refilled)
    physical = projection.current_collection(refilled)
    assert (physical.state, physical.copied_through) == (PhysicalState.FILLING, live_ids(refilled)[5])

    rows = type(physical).objects.filter(pk=physical.pk)
    rows.update(filler_expires_at=None)
    assert projection.fill(refilled) == 4
    assert [record.id for record in in_store(refilled)] == live_ids(refilled)


def test_a_collection_that_was_replaced_meanwhile_is_filled_no_further(
    refilled: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    physical = projection.current_collection(refilled)
    read = filling._batches

    def replaced_while_it_reads(index: VectorIndex, *, after: int) -> Iterable[tuple[int, list[Record]]]:
        for number, batch in enumerate(read(index, after=after)):
            if number == 1:
                projection.raise_generation(index.pk, reason="test")
            yield batch

    monkeypatch.setattr(filling, "_batches", replaced_while_it_reads)
    assert projection.fill(refilled) == 3
    physical.refresh_from_db()
    assert physical.state == PhysicalState.DROPPING
