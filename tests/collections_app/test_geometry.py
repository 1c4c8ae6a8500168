"""Measures, shorter and coarser vectors, and the agreement of rankings, by numbers that can be checked by hand."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from collections_app import geometry
from collections_app.geometry import Move


def float32(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def test_cosines_are_those_of_the_angles_whatever_the_lengths() -> None:
    vectors = float32([1, 0], [3, 3], [0, 5], [-2, 0])
    half = sqrt(2) / 2
    assert geometry.cosines(vectors[:1], vectors)[0] == pytest.approx([1, half, 0, -1], abs=1e-12)
    assert geometry.cosines(vectors, vectors)[1] == pytest.approx([half, 1, half, -half], abs=1e-12)


def test_cosines_of_very_large_and_very_small_vectors_are_exact_too() -> None:
    assert geometry.cosines(float32([3e38, 3e38]), float32([1e-38, 1e-38])).tolist() == [[1.0]]


def test_a_zero_vector_has_no_direction() -> None:
    assert geometry.cosines(float32([0, 0]), float32([1, 0], [0, 0])).tolist() == [[0.0, 0.0]]


def test_equal_vectors_tie_exactly() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 384)).astype(np.float32)
    twice = np.concatenate([vectors, vectors])
    similar = geometry.cosines(twice, twice)
    assert (similar[:40, :40] == similar[40:, :40]).all()
    assert (np.diag(similar) == 1.0).all()


def test_distances_are_pythagoras_and_of_equal_vectors_nothing() -> None:
    vectors = float32([0, 0], [3, 4], [0.1, 0.2])
    assert geometry.distances(vectors, vectors)[0] == pytest.approx([0, 5, sqrt(0.05)], abs=1e-7)
    assert (np.diag(geometry.distances(vectors, vectors)) == 0.0).all()


@given(st.integers(0, 2**32 - 1))
def test_of_unit_vectors_both_measures_say_the_same(seed: int) -> None:
    drawn = np.random.default_rng(seed).standard_normal((4, 16)).astype(np.float32)
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    expected = np.sqrt(2 - 2 * geometry.cosines(unit, unit))
    assert geometry.distances(unit, unit) == pytest.approx(expected, abs=1e-3)


def test_of_no_vectors_there_are_empty_matrices() -> None:
    none, one = np.empty((0, 3), dtype=np.float32), float32([1, 2, 2])
    assert geometry.cosines(none, one).shape == geometry.distances(none, one).shape == (0, 1)
    assert geometry.norms(one).tolist() == [3.0]
    assert geometry.norms(none).tolist() == []


def test_a_shorter_vector_is_the_first_numbers_brought_to_length_one() -> None:
    shorter = geometry.shorten(float32([3, 4, 12], [0, 0, 1]), 2)
    assert shorter.dtype == np.float32
    assert shorter == pytest.approx(float32([0.6, 0.8], [0, 0]))


@pytest.mark.parametrize("dimensions", [0, -1, 4])
def test_vectors_cannot_be_cut_to_what_they_do_not_have(dimensions: int) -> None:
    with pytest.raises(ValueError, match=f"Vectors of 3 dimensions cannot be cut to {dimensions}"):
        geometry.shorten(float32([3, 4, 12]), dimensions)


def test_the_largest_number_becomes_127_and_the_rest_its_share() -> None:
    codes, scales = geometry.quantise(float32([1.0, -0.5, 0.25, 0.0], [-254, 2, 0, 0]))
    assert codes.dtype == np.int8
    assert codes.tolist() == [[127, -64, 32, 0], [-127, 1, 0, 0]]
    assert scales == pytest.approx([1 / 127, 2])
    assert geometry.dequantise(codes, scales)[1].tolist() == [-254, 2, 0, 0]


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_no_number_is_off_by_more_than_half_a_step(seed: int, size: float) -> None:
    matrix = np.random.default_rng(seed).standard_normal((5, 64)).astype(np.float32) * np.float32(size)
    codes, scales = geometry.quantise(matrix)
    assert (np.abs(geometry.dequantise(codes, scales) - matrix) <= scales[:, None] * 0.501).all()
    rests = geometry.rests_of(matrix, codes, scales)
    assert (np.abs(geometry.dequantise(codes, scales, rests) - matrix) <= scales[:, None] * 0.506 / 254).all()


def test_a_vector_of_zeros_stays_one() -> None:
    codes, scales = geometry.quantise(np.zeros((1, 8), dtype=np.float32))
    assert (codes.any(), scales.any()) == (False, False)


def test_a_vector_takes_four_bytes_a_number_or_one_and_a_scale() -> None:
    assert geometry.bytes_per_vector(384, quantised=False) == 1536
    assert geometry.bytes_per_vector(384, quantised=True) == 388


def test_equal_scores_share_the_mean_of_their_ranks_and_keep_their_order_in_a_list() -> None:
    assert geometry.ranks([0.5, 0.9, 0.5, 0.1]).tolist() == [2.5, 1, 2.5, 4]
    assert geometry.positions([0.5, 0.9, 0.5, 0.1]) == [2, 1, 3, 4]
    assert geometry.ranks([]).tolist() == geometry.positions([]) == []


# By hand: of [1 2 3 4 5] and [2 1 4 3 5] the squared differences of ranks sum up to 4, so ρ = 1 - 6·4 / (5·24) = 0.8;
# two of ten pairs are in opposite order, so τ = (8 - 2) / 10 = 0.6.
@pytest.mark.parametrize(
    ("one", "other", "rho", "tau"),
    [
        ([5, 4, 3, 2, 1], [5, 4, 3, 2, 1], 1.0, 1.0),
        ([5, 4, 3, 2, 1], [0.1, 0.2, 0.3, 0.4, 0.5], -1.0, -1.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8, 0.6),
        # With a tie: ranks [1 2 3] and [1.5 1.5 3], ρ = √3 / 2; τ-b = 2 / √(3·2).
        ([3, 2, 1], [2, 2, 1], sqrt(3) / 2, 2 / sqrt(6)),
    ],
)
def test_rankings_agree_as_the_textbook_says(one: list[float], other: list[float], rho: float, tau: float) -> None:
    assert geometry.spearman_rho(one, other) == pytest.approx(rho)
    assert geometry.kendall_tau(one, other) == pytest.approx(tau)


def test_pearson_sees_what_is_not_linear_where_ranks_do_not() -> None:
    # Deviations -1, 0, 1 and -336, -327, 663 from a mean of 337: (336 + 663) / √(2 (336² + 327² + 663²)).
    expected = 999 / sqrt(2 * (336**2 + 327**2 + 663**2))
    assert geometry.pearson_r([1, 2, 3], [1, 10, 1000]) == pytest.approx(expected)
    assert geometry.spearman_rho([1, 2, 3], [1, 10, 1000]) == pytest.approx(1.0)


@pytest.mark.parametrize(("one", "other"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3])])
def test_where_nothing_is_ranked_there_is_no_agreement(one: list[float], other: list[float]) -> None:
    assert geometry.pearson_r(one, other) is None
    assert geometry.spearman_rho(one, other) is None
    assert geometry.kendall_tau(one, other) is None


def test_only_scorings_of_the_same_things_are_compared() -> None:
    with pytest.raises(ValueError, match="Two scorings of the same things"):
        geometry.kendall_tau([1, 2], [1, 2, 3])


def test_recall_is_the_share_of_the_best_that_stay_among_the_best() -> None:
    before, after = [0.9, 0.8, 0.7, 0.1], [0.9, 0.1, 0.8, 0.2]
    assert [geometry.recall_at(k, before, after) for k in (1, 2, 3, 4, 9)] == [1.0, 0.5, 2 / 3, 1.0, 1.0]
    assert geometry.recall_at(2, [0.9, 0.8, 0.7], [0.9, 0.5, 0.5]) == 1.0
    assert geometry.recall_at(1, [], []) is None
    assert geometry.recall_at(0, before, after) is None


def test_what_moved_is_told_from_the_top() -> None:
    assert geometry.moves([0.9, 0.8, 0.7], [0.7, 0.8, 0.9]) == [Move(0, 1, 3), Move(2, 3, 1)]
    assert geometry.moves([0.9, 0.8], [0.2, 0.1]) == []
