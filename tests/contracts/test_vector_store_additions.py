"""Records under new ids: added once, never over what is there, and known as the last ones."""

import threading

import pytest

from collections_app.exceptions import RecordRefused, RecordsExist, VectorStoreCollectionMissing
from collections_app.vectorstores import Record, VectorStore
from tests.contracts.stored_vectors import as_stored, contents, record, records, spec, vector


@pytest.fixture
def made(store: VectorStore, name: str) -> str:
    """The name of an empty collection in the store."""
    store.create(spec(name))
    return name


def test_what_is_added_is_stored_with_vector_and_metadata(store: VectorStore, made: str) -> None:
    store.add(made, [record(1, kind="a", 年="二〇二六"), Record(2, vector(2), {})])
    assert contents(store, made) == {
        1: as_stored(vector(1), {"kind": "a", "年": "二〇二六"}),
        2: as_stored(vector(2), {}),
    }


def test_adding_under_an_id_that_is_taken_writes_nothing_and_names_it(store: VectorStore, made: str) -> None:
    store.add(made, [record(2, kind="old")])
    before = contents(store, made)
    with pytest.raises(RecordsExist, match="such as 2"):
        store.add(made, [record(1, kind="new"), record(2, kind="new"), record(3, kind="new")])
    assert contents(store, made) == before


def test_a_record_that_cannot_be_stored_is_refused_before_any_is_added(store: VectorStore, made: str) -> None:
    with pytest.raises(RecordRefused):
        store.add(made, [record(1), Record(2, vector(2)[:3], {})])
    assert store.count(made) == 0


def test_additions_beyond_one_batch_all_arrive(store: VectorStore, made: str) -> None:
    store.add(made, records(range(1, 2501)))
    assert store.count(made) == 2500
    assert sorted(store.ids(made)) == list(range(1, 2501))


def test_the_newest_ids_are_those_stored_last(store: VectorStore, made: str) -> None:
    assert store.newest_ids(made, limit=10) == []
    store.add(made, records(range(1, 31)))
    store.add(made, records(range(100, 111)))
    assert set(store.newest_ids(made, limit=11)) == set(range(100, 111))
    assert set(store.newest_ids(made, limit=1000)) == {*range(1, 31), *range(100, 111)}


def test_deleted_ids_are_not_among_the_newest(store: VectorStore, made: str) -> None:
    store.add(made, records(range(1, 21)))
    store.delete(made, list(range(11, 21)))
    assert set(store.newest_ids(made, limit=5)) == set(range(6, 11))


def test_a_copy_that_was_cut_off_is_repeated_as_a_whole(store: VectorStore, made: str) -> None:
    whole = [record(1, kind="a"), record(2, 年="二〇二六"), Record(3, vector(3), {})]
    store.copy(made, whole[:2])
    store.copy(made, whole)
    assert contents(store, made) == {
        1: as_stored(vector(1), {"kind": "a"}),
        2: as_stored(vector(2), {"年": "二〇二六"}),
        3: as_stored(vector(3), {}),
    }


def test_who_reads_while_a_new_collection_is_filled_or_dropped_is_told_nothing_worse_than_that_it_is_missing(
    store: VectorStore, name: str
) -> None:
    told: list[Exception] = []
    present = [f"{name}-0"]
    store.create(spec(present[0]))
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            try:
                store.count(present[0])
                store.fetch(present[0], [1, 2, 3])
            except VectorStoreCollectionMissing:
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, it fails the test
                told.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        fresh = f"{name}-{number}"
        store.create(spec(fresh))
        old, present[0] = present[0], fresh
        store.add(fresh, records(range(1, 300)))
        store.drop(old)
    is_over.set()
    for reader in readers:
        reader.join()
    assert told == []
