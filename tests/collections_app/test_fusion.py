"""Two legs' scores become one order."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collections_app.fusion import (
    SEMANTIC_WEIGHT,
    WEIGHTS,
    choose_weight,
    discounted,
    fuse_ranks,
    fuse_scores,
    weight_between,
)

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


def test_what_a_model_cannot_read_weighs_nothing_and_what_it_reads_all_weighs_as_before() -> None:
    assert discounted(0.7, 1.0) == 0.7
    assert discounted(0.8, 0.5) == pytest.approx(2 / 3)
    assert discounted(1.0, 0.0) == discounted(0.7, 0.0) == 0.0


def test_legs_that_find_alike_have_the_default_weight_and_the_better_one_weighs_more() -> None:
    assert weight_between(0.6, 0.6) == pytest.approx(SEMANTIC_WEIGHT)
    assert weight_between(0.2, 0.8) == pytest.approx(0.5)
    assert weight_between(0.8, 0.2) > 0.9
    assert (weight_between(0.0, 0.5), weight_between(0.5, 0.0)) == (0.0, 1.0)
    assert weight_between(0.0, 0.0) == SEMANTIC_WEIGHT


def gains(best: float, *, slope: float, noise: float, semantic: float, lexical: float) -> np.ndarray:
    """Return the gains of a hundred questions by each weight: highest at `best`, the legs alone as given."""
    curve = np.array([0.9 - slope * abs(weight - best) for weight in WEIGHTS])
    curve[0], curve[-1] = lexical, semantic
    return curve + noise * np.random.RandomState(0).standard_normal((100, len(WEIGHTS)))


def test_where_questions_speak_clearly_their_best_weight_is_chosen() -> None:
    table = gains(0.3, slope=1.0, noise=0.01, semantic=0.6, lexical=0.6)
    assert choose_weight(table) == pytest.approx(0.3, abs=0.05)


def test_where_questions_hardly_tell_weights_apart_the_legs_own_figures_decide() -> None:
    table = gains(0.3, slope=0.01, noise=0.5, semantic=0.6, lexical=0.6)
    assert choose_weight(table) == SEMANTIC_WEIGHT


def test_a_leg_that_is_clearly_worse_weighs_less() -> None:
    table = gains(0.5, slope=0.0, noise=0.1, semantic=0.2, lexical=0.9)
    assert choose_weight(table) == pytest.approx(weight_between(0.2, 0.9), abs=0.05)


def test_questions_that_nothing_answers_leave_the_default() -> None:
    assert choose_weight(np.zeros((50, len(WEIGHTS)))) == SEMANTIC_WEIGHT


def test_from_what_next_to_nothing_is_found_nothing_is_learned() -> None:
    found_by_meaning = np.zeros((200, len(WEIGHTS)))
    found_by_meaning[:10, -1] = 0.5
    assert choose_weight(found_by_meaning) == SEMANTIC_WEIGHT
    found_by_meaning[:60, -1] = 0.5
    assert choose_weight(found_by_meaning) > 0.9
