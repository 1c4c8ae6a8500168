"""What every vector store does."""

import math
import multiprocessing
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from collections_app.exceptions import (
    ConfigurationError,
    EmbeddingResponseInvalid,
    ProfileMismatch,
    RecordRefused,
    VectorStoreCollectionMissing,
    VectorStoreError,
)
from collections_app.vectorstores import CollectionSpec, HnswSettings, Record, StoredCollection, VectorStore
from collections_app.vectorstores.records import encoded_size
from tests.contracts.stored_vectors import DIMENSIONS, SITE, as_stored, contents, record, records, spec, vector


@pytest.fixture
def made(store: VectorStore, name: str) -> str:
    """The name of an empty collection in the store."""
    store.create(spec(name))
    return name


# --- collections --------------------------------------------------------------------------------------------------


def test_a_new_collection_is_empty_and_answers_every_question(store: VectorStore, made: str) -> None:
    assert store.count(made) == 0
    assert list(store.ids(made)) == []
    assert store.query(made, vector(1), limit=10) == []
    assert store.fetch(made, [1, 2]) == []


def test_a_name_that_is_taken_is_refused_and_what_it_names_stays(store: VectorStore, made: str) -> None:
    store.upsert(made, [record(1, kind="a")])
    before = contents(store, made)

    with pytest.raises(VectorStoreError, match=made):
        store.create(spec(made, site_id="another-site"))

    assert contents(store, made) == before
    assert StoredCollection(made, SITE) in store.collections()


def test_collections_are_listed_by_name_with_the_site_that_made_them(store: VectorStore, name: str) -> None:
    store.create(spec(f"{name}-b", site_id="site-b"))
    store.create(spec(f"{name}-a", site_id="site-a"))

    ours = [collection for collection in store.collections() if collection.name.startswith(name)]

    assert ours == [StoredCollection(f"{name}-a", "site-a"), StoredCollection(f"{name}-b", "site-b")]


def test_a_dropped_collection_is_gone_and_dropping_it_again_is_fine(store: VectorStore, made: str) -> None:
    store.upsert(made, records(range(3)))

    store.drop(made)
    store.drop(made)

    assert made not in [collection.name for collection in store.collections()]
    with pytest.raises(VectorStoreCollectionMissing, match=made):
        store.count(made)


def test_a_collection_made_again_under_the_same_name_starts_empty(store: VectorStore, made: str) -> None:
    store.upsert(made, records(range(3)))
    store.drop(made)

    store.create(spec(made))
    store.upsert(made, [record(7)])

    assert list(store.ids(made)) == [7]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, name: store.count(name),
        lambda store, name: list(store.ids(name)),
        lambda store, name: store.query(name, vector(1), limit=1),
        lambda store, name: store.fetch(name, [1]),
        lambda store, name: store.upsert(name, [record(1)]),
        lambda store, name: store.delete(name, [1]),
    ],
    ids=["count", "ids", "query", "fetch", "upsert", "delete"],
)
def test_a_collection_that_does_not_exist_is_missing(
    store: VectorStore, name: str, ask: Callable[[VectorStore, str], Any]
) -> None:
    with pytest.raises(VectorStoreCollectionMissing, match=name):
        ask(store, name)

    assert name not in [collection.name for collection in store.collections()]


def test_a_healthy_store_says_so_without_a_word(store: VectorStore) -> None:
    assert store.health() is None


@pytest.mark.parametrize(
    "bad", ["", "ab", "a b c", "-abc", "abc-", "a..b", "127.0.0.1", "名字名字", "a" * 513, "abc\n"]
)
def test_a_name_that_a_store_cannot_have_is_refused_before_it_is_asked(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a collection"):
        CollectionSpec(name=bad, dimensions=3, site_id=SITE)


@pytest.mark.parametrize(
    "settings", [{"ef_search": 0}, {"max_neighbors": 1}, {"batch_size": 200, "sync_threshold": 100}]
)
def test_hnsw_settings_that_cannot_work_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="HNSW setting"):
        HnswSettings(**settings)


# --- records ------------------------------------------------------------------------------------------------------

EVERY_VALUE: dict[str, Any] = {
    "text": "Ångström 导演 👩‍🚀",
    "quotes": "'; DROP TABLE embeddings; -- \\ \" \n\t",
    "zero byte": "a\0b",
    "empty": "",
    "long": "x" * 100_000,
    "whole": 42,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "fraction": 0.1,
    "round": 2.0,
    "huge": 1.7976931348623157e308,
    "tiny": 5e-324,
    "yes": True,
    "no": False,
    "texts": ["b", "a", "b", "导演"],
    "wholes": [3, 1, 2, 3],
    "fractions": [1.5, 2.0],
    "booleans": [True, False, True],
    "many": [f"item {number}" for number in range(1000)],
    "年份": 1999,
    "a.b c": "dots and spaces",
    "_document": 5,
    "k" * 1000: "a long key",
    "id": "as a key",
}


def test_vectors_and_metadata_come_back_as_they_were_stored(store: VectorStore, made: str) -> None:
    stored = Record(2**63 - 1, vector(1), EVERY_VALUE)
    store.upsert(made, [stored])

    (found,) = store.fetch(made, [stored.id])

    assert found.id == stored.id
    assert found.vector.dtype == np.float32
    assert found.vector == pytest.approx(stored.vector, rel=1e-5)
    assert found.metadata == EVERY_VALUE
    assert {key: type(value) for key, value in found.metadata.items()} == {
        key: type(value) for key, value in EVERY_VALUE.items()
    }


def test_a_key_without_a_value_is_left_out(store: VectorStore, made: str) -> None:
    store.upsert(made, [record(1, kind="a", year=None), record(2, year=None)])

    assert [dict(found.metadata) for found in store.fetch(made, [1, 2])] == [{"kind": "a"}, {}]


def test_what_is_stored_no_longer_depends_on_the_callers_objects(store: VectorStore, made: str) -> None:
    given = vector(1)
    metadata: dict[str, Any] = {"tags": ["a"]}
    before = given.copy()
    store.upsert(made, [Record(1, given, metadata)])

    given[:] = 1
    metadata["tags"].append("b")
    dict[str, Any](store.fetch(made, [1])[0].metadata)["tags"].append("c")

    assert contents(store, made) == {1: as_stored(before, {"tags": ["a"]})}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"kind": "a", "year": 1}, {"kind": "b"}),
        ({"kind": "a", "tags": ["x", "y"]}, {}),
        ({"tags": ["x", "y", "z"]}, {"tags": ["z"]}),
        ({"tags": ["x", "y"]}, {"tags": "x"}),
        ({"tags": "x"}, {"tags": [1, 2]}),
        ({"value": "text"}, {"value": 1.5}),
        ({"value": 1}, {"value": True}),
        ({}, {"kind": "a"}),
    ],
)
def test_a_second_upsert_replaces_vector_and_metadata_as_a_whole(
    store: VectorStore, made: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    store.upsert(made, [Record(1, vector(1), old), record(2, kind="other")])

    store.upsert(made, [Record(1, vector(99), new)])

    assert contents(store, made) == {
        1: as_stored(vector(99), new),
        2: as_stored(vector(2), {"kind": "other"}),
    }
    assert store.query(made, vector(99), limit=1)[0].id == 1


def test_records_beyond_one_batch_all_arrive(store: VectorStore, made: str) -> None:
    store.max_batch_records = 10
    store.fetch_batch = 7

    store.upsert(made, records(range(35)))

    assert [found.id for found in store.fetch(made, range(40))] == list(range(35))


def test_batches_keep_to_the_bytes_that_one_request_may_have(store: VectorStore, made: str) -> None:
    text = "导" * 1000
    store.max_batch_bytes = 2 * encoded_size(record(1, text=text)) + 10

    store.upsert(made, [record(record_id, text=text) for record_id in range(5)])

    assert store.count(made) == 5


@pytest.mark.slow
def test_more_than_one_body_of_the_server_arrives(store: VectorStore, made: str) -> None:
    store.upsert(made, [record(record_id, text="\x01" * 1_500_000) for record_id in range(10)])

    assert store.count(made) == 10


def test_a_record_that_fits_in_no_request_is_refused(store: VectorStore, made: str) -> None:
    store.max_batch_bytes = 1000

    with pytest.raises(RecordRefused, match=r"Record 2 takes \d+ bytes, .* 1000.* Shorten its metadata"):
        store.upsert(made, [record(2, text="x" * 2000)])

    assert store.count(made) == 0


def test_deleting_removes_what_is_there_and_passes_over_what_is_not(store: VectorStore, made: str) -> None:
    store.upsert(made, records(range(5)))

    store.delete(made, [1, 3, 77, 2**62])
    store.delete(made, [1, 3])
    store.delete(made, [])

    assert sorted(store.ids(made)) == [0, 2, 4]
    assert [match.id for match in store.query(made, vector(1), limit=10)].count(1) == 0


def test_a_deleted_id_can_be_stored_again(store: VectorStore, made: str) -> None:
    store.upsert(made, [record(1, kind="old", year=1)])
    store.delete(made, [1])

    store.upsert(made, [Record(1, vector(5), {"kind": "new"})])

    assert contents(store, made) == {1: as_stored(vector(5), {"kind": "new"})}


def test_fetching_keeps_the_order_asked_for_and_leaves_out_what_is_not_there(store: VectorStore, made: str) -> None:
    store.upsert(made, records(range(10)))
    store.fetch_batch = 2

    assert [found.id for found in store.fetch(made, iter([7, 99, 2, 7, 5, 2]))] == [7, 2, 5]


def test_fetching_without_vectors_brings_metadata_and_empty_arrays(store: VectorStore, made: str) -> None:
    store.upsert(made, [record(1, kind="a")])

    (found,) = store.fetch(made, [1], vectors=False)

    assert (found.id, found.vector.shape, found.metadata) == (1, (0,), {"kind": "a"})


def test_ids_come_complete_and_once_over_many_pages(store: VectorStore, made: str) -> None:
    store.id_page = 4  # type: ignore[attr-defined]
    store.upsert(made, records(range(20)))

    assert sorted(store.ids(made)) == list(range(20))


def test_an_id_that_stays_is_not_missed_while_others_come_and_go(store: VectorStore, made: str) -> None:
    store.id_page = 4  # type: ignore[attr-defined]
    store.upsert(made, records(range(30)))
    seen = []

    for position, record_id in enumerate(store.ids(made)):
        seen.append(record_id)
        if position % 4 == 0:
            store.delete(made, [position // 4])
            store.upsert(made, [record(1000 + position)])

    stayed = range(len(seen) // 4 + 1, 30)
    assert set(stayed) <= set(seen)
    assert len(seen) == len(set(seen))


@pytest.mark.slow
def test_thirty_five_thousand_records_are_listed_fetched_and_deleted(store: VectorStore, made: str) -> None:
    everything = range(35_000)
    store.upsert(made, records(everything))

    assert store.count(made) == 35_000
    assert sorted(store.ids(made)) == list(everything)
    assert [found.id for found in store.fetch(made, everything)] == list(everything)
    assert store.query(made, vector(34_999), limit=3)[0].id == 34_999
    store.delete(made, everything)
    assert store.count(made) == 0


class Colour(StrEnum):
    RED = "red"


def test_a_text_that_is_an_enumeration_is_stored_as_its_text(store: VectorStore, made: str) -> None:
    store.upsert(made, [record(1, colour=Colour.RED)])

    assert store.fetch(made, [1])[0].metadata == {"colour": "red"}


# --- queries ------------------------------------------------------------------------------------------------------


def test_matches_come_by_falling_cosine_whatever_the_lengths(store: VectorStore, made: str) -> None:
    axis = np.eye(DIMENSIONS, dtype=np.float32)
    near = axis[0] + axis[1]
    store.upsert(
        made, [Record(1, axis[1] * 5, {}), Record(2, near * 9, {}), Record(3, axis[0] / 9, {}), Record(4, -axis[0], {})]
    )

    found = store.query(made, axis[0] * 7, limit=10)

    assert [match.id for match in found] == [3, 2, 1, 4]
    assert [match.similarity for match in found] == pytest.approx([1.0, math.sqrt(0.5), 0.0, -1.0], abs=1e-6)
    assert all(-1.0 <= match.similarity <= 1.0 for match in found)


def test_equally_similar_records_come_by_id(store: VectorStore, made: str) -> None:
    store.upsert(made, [Record(record_id, vector(1), {}) for record_id in (9, 3, 7, 1)])

    assert [match.id for match in store.query(made, vector(1), limit=4)] == [1, 3, 7, 9]


def test_the_limit_is_kept_and_may_exceed_what_is_there(store: VectorStore, made: str) -> None:
    store.upsert(made, records(range(20)))

    assert [match.id for match in store.query(made, vector(4), limit=1)] == [4]
    assert len(store.query(made, vector(4), limit=5)) == 5
    assert {match.id for match in store.query(made, vector(4), limit=100_000)} == set(range(20))


def test_a_limit_below_one_is_a_mistake_of_the_caller(store: VectorStore, made: str) -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        store.query(made, vector(1), limit=0)


@pytest.mark.parametrize("shape", [(DIMENSIONS - 1,), (1, DIMENSIONS), (0,)])
def test_a_query_of_another_dimension_is_an_error_that_names_the_remedy(
    store: VectorStore, made: str, shape: tuple[int, ...]
) -> None:
    store.upsert(made, records(range(3)))

    with pytest.raises(ProfileMismatch, match="Search it with the embedding profile"):
        store.query(made, np.ones(shape, dtype=np.float32), limit=3)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_query_without_a_direction_is_an_error(store: VectorStore, made: str, value: float) -> None:
    with pytest.raises(EmbeddingResponseInvalid, match="not finite or has length zero"):
        store.query(made, np.full(DIMENSIONS, value, dtype=np.float32), limit=3)


def test_two_clients_write_delete_and_search_at_once_and_nothing_is_lost(store: VectorStore, made: str) -> None:
    store.max_batch_records = 20
    errors: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for start in range(first, first + 200, 20):
                store.upsert(made, records(range(start, start + 20)))
                store.delete(made, range(start, start + 20, 2))
                for match in store.query(made, vector(start + 1), limit=5):
                    store.fetch(made, [match.id])
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            errors.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    kept = [record_id for first in (0, 1000) for record_id in range(first + 1, first + 200, 2)]
    assert sorted(store.ids(made)) == kept
    assert contents(store, made) == {kept_id: as_stored(vector(kept_id), {"number": kept_id}) for kept_id in kept}


def test_a_store_still_works_in_a_process_that_was_forked(store: VectorStore, made: str) -> None:
    store.upsert(made, records(range(3)))
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(sorted(store.ids(made))))

    child.start()
    in_parent = sorted(store.ids(made))
    child.join(timeout=30)

    assert child.exitcode == 0
    assert answers.get() == in_parent == [0, 1, 2]
