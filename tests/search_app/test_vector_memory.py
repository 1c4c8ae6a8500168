"""Vectors of a byte per number: how near they come to the exact order, and what is in memory when."""

import numpy as np
import pytest
from numpy.typing import NDArray

from search_app.vector_memory import VectorMemory, bytes_per_passage

D = 64


def vectors(count: int, *, seed: int = 0) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal((count, D), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)  # type: ignore[no-any-return]


def memory_of(matrix: NDArray[np.float32], *, room: int = 0, with_rests: bool = True) -> VectorMemory:
    ids = np.arange(1, len(matrix) + 1)
    return VectorMemory.with_room_for(room, D, with_rests=with_rests).extended(ids, ids * 10, matrix)


@pytest.mark.parametrize("share", [None, 0.9, 0.3, 0.01, 0.0])
def test_similarities_are_within_their_error_and_the_best_come_first(share: float | None) -> None:
    matrix, question = vectors(3000), vectors(1, seed=9)[0]
    kept = None if share is None else np.random.default_rng(1).random(3000) < share
    memory = memory_of(matrix)
    compared = memory.compare(question, memory.select(kept))
    exact = matrix @ question
    wanted = np.arange(3000) if kept is None else np.flatnonzero(kept)
    assert compared.count == len(wanted)
    seen: list[int] = []
    while len(seen) < compared.count:
        before = compared.best_left
        rows, similarities = compared.take(40)
        assert np.abs(similarities - exact[rows]).max() <= compared.likely_error < compared.largest_error
        assert similarities.max() == pytest.approx(before)
        assert similarities.min() >= compared.best_left
        seen += rows.tolist()
    assert sorted(seen) == wanted.tolist()
    assert compared.best_left == -np.inf


def test_what_is_added_is_there_and_who_looked_before_sees_what_was_there() -> None:
    matrix = vectors(5000)
    before = memory_of(matrix[:1000])
    after = before.extended(np.arange(1001, 5001), np.arange(1001, 5001) * 10, matrix[1000:])
    assert (before.size, after.size, after.passages) == (1000, 5000, 5000)
    rows, _similarities = after.compare(matrix[4321], after.select()).take(1)
    assert after.chunk_ids[rows].tolist() == [4322]
    assert before.compare(matrix[4321], before.select()).count == 1000


def test_what_is_there_already_or_no_vector_is_not_added() -> None:
    memory = memory_of(vectors(10))
    matrix = vectors(3, seed=4)
    matrix[1, 5] = np.nan
    more = memory.extended(np.array([10, 11, 12]), np.array([1, 2, 3]), matrix)
    assert more.chunk_ids[: more.size].tolist() == [*range(1, 11), 12]
    assert more.extended(np.array([12]), np.array([3]), matrix[2:]) is more


def test_what_is_retired_is_not_compared_but_for_who_looked_before() -> None:
    before = memory_of(vectors(10))
    after = before.without(np.array([3, 4, 99]))
    assert (after.passages, after.size, before.passages) == (8, 10, 10)
    rows, _similarities = after.compare(vectors(10)[2], after.select()).take(10)
    assert {3, 4}.isdisjoint(after.chunk_ids[rows].tolist())
    assert after.without(np.empty(0, dtype=np.int64)) is after


@pytest.mark.parametrize("far", [1, 10**12])
def test_documents_are_counted_once_however_far_their_ids_lie_apart(far: int) -> None:
    documents = np.array([5, 5, 7, 7 + far])
    memory = VectorMemory.with_room_for(4, D, with_rests=False).extended(np.arange(4), documents, vectors(4))
    assert memory.select().documents == 3
    assert memory.select(np.array([True, True, False, False])).documents == 1
    assert memory.without(np.arange(4)).select().documents == 0


@pytest.mark.parametrize("with_rests", [True, False])
def test_a_passage_takes_as_much_memory_as_is_said(with_rests: bool) -> None:
    memory = memory_of(vectors(20_000), room=20_000, with_rests=with_rests)
    said = 20_000 * bytes_per_passage(D, with_rests=with_rests)
    assert said <= memory.nbytes < 1.2 * said


def test_with_rests_similarities_are_those_of_float32_but_for_some_millionths() -> None:
    matrix, question = vectors(3000), vectors(1, seed=9)[0]
    before = memory_of(matrix[:1000])
    memory = before.extended(np.arange(1001, 3001), np.arange(2000), matrix[1000:])
    rows = np.array([5, 2999, 1500, -1, 0])
    similarities = memory.similarities(question, rows)
    assert similarities[[0, 1, 2, 4]] == pytest.approx(matrix[rows[[0, 1, 2, 4]]] @ question, abs=1e-5)
    assert np.isnan(similarities[3])
    assert np.isnan(memory_of(matrix, with_rests=False).similarities(question, rows)).all()
