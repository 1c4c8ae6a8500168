"""Records that no vector store may be given are refused before anything is sent."""

import math
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from collections_app.exceptions import RecordRefused
from collections_app.vectorstores import Record, VectorStore
from tests.contracts.stored_vectors import DIMENSIONS, record, spec, vector


@dataclass(frozen=True)
class Untouched:
    """A collection that nothing ever gets into."""

    store: VectorStore
    name: str

    def upsert(self, refused: list[Record]) -> None:
        self.store.upsert(self.name, refused)

    def count(self) -> int:
        return self.store.count(self.name)


@pytest.fixture(scope="module")
def untouched(lasting_store: VectorStore) -> Untouched:
    untouched = Untouched(lasting_store, f"test-{uuid.uuid4().hex}")
    untouched.store.create(spec(untouched.name))
    return untouched


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"score": math.nan}, "'score', which holds nan"),
        ({"score": math.inf}, "'score', which holds inf"),
        ({"scores": [1.0, math.nan]}, "'scores', which holds nan"),
        ({"tags": []}, "'tags', which is an empty list"),
        ({"tags": ["a", 1]}, "'tags', which is a list of several types"),
        ({"tags": [1, 1.5]}, "'tags', which is a list of several types"),
        ({"tags": [True, 1]}, "'tags', which is a list of several types"),
        ({"tags": [None]}, "'tags', which holds a NoneType"),
        ({"tags": [["a"]]}, "'tags', which holds a list"),
        ({"nested": {"a": 1}}, "'nested', which holds a dict"),
        ({"tags": ("a",)}, "'tags', which holds a tuple"),
        ({"raw": b"a"}, "'raw', which holds a bytes"),
        ({"count": np.int64(1)}, "'count', which holds a int64"),
        ({"big": 2**63}, "'big', which holds an integer beyond 64 bits"),
        ({"big": [-(2**63) - 1]}, "'big', which holds an integer beyond 64 bits"),
        ({"text": "a\ud800"}, "'text', which holds text with a lone surrogate"),
        ({"a\ud800": 1}, "has a lone surrogate"),
        ({"": 1}, "'', which is not a non-empty text"),
        ({1: 1}, "1, which is not a non-empty text"),
        ({"$and": 1}, r"'\$and', which begins with"),
        ({"#document": "a"}, "'#document', which begins with"),
        ({"chroma:document": "a"}, "'chroma:document', which begins with"),
    ],
)
def test_metadata_that_no_store_can_keep_is_refused_by_id_and_key(
    untouched: Untouched, metadata: dict[Any, Any], named: str
) -> None:
    with pytest.raises(RecordRefused, match=rf"Record 2 .*{named}") as caught:
        untouched.upsert([record(1), Record(2, vector(2), metadata)])

    assert caught.value.permanent
    assert untouched.count() == 0


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (np.ones(DIMENSIONS + 1, dtype=np.float32), rf"shape \[9\].* {DIMENSIONS} numbers"),
        (np.ones((1, DIMENSIONS), dtype=np.float32), r"shape \[1, 8\]"),
        (np.ones(0, dtype=np.float32), r"shape \[0\]"),
        (np.ones(DIMENSIONS, dtype=np.float64), "float64.* Convert it to float32"),
        (np.ones(DIMENSIONS, dtype=np.int32), "int32"),
        (np.zeros(DIMENSIONS, dtype=np.float32), "length zero"),
        (np.full(DIMENSIONS, np.nan, dtype=np.float32), "not finite"),
        (np.full(DIMENSIONS, np.inf, dtype=np.float32), "not finite"),
        (np.full(DIMENSIONS, 3e38, dtype=np.float32), "not finite"),
    ],
)
def test_a_vector_that_has_no_cosine_or_another_shape_is_refused_by_id(
    untouched: Untouched, bad: Any, reason: str
) -> None:
    with pytest.raises(RecordRefused, match=rf"Record 2 .*{reason}"):
        untouched.upsert([record(1), Record(2, bad, {})])

    assert untouched.count() == 0


@pytest.mark.parametrize("bad", [-1, 2**63, True, "1", 1.0, None])
def test_an_id_that_is_no_primary_key_is_refused(untouched: Untouched, bad: Any) -> None:
    with pytest.raises(RecordRefused, match="an id is a whole number"):
        untouched.upsert([Record(bad, vector(1), {})])

    assert untouched.count() == 0


def test_an_id_given_twice_in_one_call_is_refused(untouched: Untouched) -> None:
    with pytest.raises(RecordRefused, match="Record 1 is given twice"):
        untouched.upsert([record(1), record(2), record(1)])

    assert untouched.count() == 0
