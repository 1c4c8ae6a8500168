"""Documents are ranked by their best passage, however the passages are cut into slabs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collections_app.evaluation.nearest import NearestDocuments


def ranked(scores: list[list[float]], documents: list[int], *, slab: int, depth: int) -> list[list[int]]:
    found = NearestDocuments(len(scores[0]) if scores else 1, depth)
    for start in range(0, len(documents), slab):
        part = np.array(scores[start : start + slab], dtype=np.float32)
        found.add(part, np.array(documents[start : start + slab], dtype=np.int64))
    return found.ranked()


def test_the_best_passage_counts_and_no_document_comes_twice() -> None:
    scores = [[0.1], [0.9], [0.5], [0.2], [0.8]]
    assert ranked(scores, [7, 3, 7, 3, 7], slab=2, depth=10) == [[3, 7]]


def test_a_document_that_was_let_go_comes_back_with_a_better_passage() -> None:
    scores = [[0.1], [0.5], [0.6], [0.9]]
    assert ranked(scores, [1, 2, 3, 1], slab=1, depth=2) == [[1, 3]]


def test_without_passages_nothing_is_found() -> None:
    assert ranked([], [], slab=1, depth=3) == [[]]


def test_a_passage_that_cannot_be_scored_is_not_found() -> None:
    assert ranked([[-np.inf], [0.2]], [1, 2], slab=2, depth=3) == [[2]]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(-4, 4), min_size=3, max_size=3)), min_size=1),
    st.integers(1, 7),
    st.integers(1, 5),
)
def test_any_slabs_give_what_sorting_all_gives(rows: list[tuple[int, list[int]]], slab: int, depth: int) -> None:
    documents = [document for document, _scores in rows]
    scores = [[score / 4 for score in row] for _document, row in rows]
    expected = []
    for question in range(3):
        best: dict[int, float] = {}
        for document, row in zip(documents, scores, strict=True):
            best[document] = max(row[question], best.get(document, -9.0))
        ordered = sorted((-score, document) for document, score in best.items())
        expected.append([document for _score, document in ordered[:depth]])
    assert ranked(scores, documents, slab=slab, depth=depth) == expected
