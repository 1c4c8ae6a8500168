"""Two legs' scores become one order."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.fusion import fuse_ranks, fuse_scores

COSINES = st.dictionaries(st.integers(0, 30), st.floats(-1, 1), max_size=20)
WORDS = st.dictionaries(st.integers(0, 30), st.floats(0, 100), max_size=20)


def test_each_leg_counts_as_a_part_of_its_best() -> None:
    fused = fuse_scores({1: 0.6, 2: 0.2}, {2: 8.0, 1: 2.0}, weight=0.5)
    assert fused == {1: pytest.approx(0.5 + 0.5 * 2 / 8), 2: pytest.approx(0.5 * 1.2 / 1.6 + 0.5)}


@given(COSINES, WORDS, st.floats(0, 1))
def test_every_document_of_either_leg_has_a_score_from_0_to_1(
    similarities: dict[int, float], words: dict[int, float], weight: float
) -> None:
    fused = fuse_scores(similarities, words, weight=weight)
    assert fused.keys() == similarities.keys() | words.keys()
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values())


@given(COSINES)
def test_words_that_nobody_has_change_no_order(similarities: dict[int, float]) -> None:
    fused = fuse_scores(similarities, {}, weight=0.5)
    ordered = sorted(similarities, key=lambda key: similarities[key])
    assert all(fused[a] <= fused[b] for a, b in itertools.pairwise(ordered))


def test_meaning_that_tells_nothing_apart_changes_no_order() -> None:
    fused = fuse_scores(dict.fromkeys(range(4), 0.3), {0: 1.0, 1: 3.0, 2: 2.0}, weight=0.9)
    assert sorted(fused, key=lambda key: -fused[key]) == [1, 2, 0, 3]


def test_ranks_add_up_whatever_the_scores() -> None:
    fused = fuse_ranks({1: 0.9, 2: 0.8}, {2: 50.0, 3: 1.0})
    assert fused == {1: 1 / 61, 2: 1 / 62 + 1 / 61, 3: 1 / 62}
