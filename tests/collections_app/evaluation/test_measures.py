"""Measures of rankings and correlations give what can be worked out by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collections_app.evaluation import measures

GAINS = {"a": 3.0, "b": 2.0, "c": 1.0}


def test_ndcg_has_linear_gains_and_a_discount_by_the_logarithm_of_the_rank() -> None:
    # By hand: found 2/1 + 0 + 3/2 = 3.5; ideal 3/1 + 2/log2(3) + 1/2 = 4.7618595…
    assert measures.ndcg(["b", "x", "a"], GAINS) == pytest.approx(3.5 / 4.761859507)
    assert measures.ndcg(["a", "b", "c"], GAINS) == 1.0
    assert measures.ndcg(["x", "y"], GAINS) == measures.ndcg([], GAINS) == 0.0


def test_beyond_the_depth_nothing_counts() -> None:
    ranked = ["x"] * 10 + ["a"]
    assert measures.ndcg(ranked, GAINS) == measures.reciprocal_rank(ranked, GAINS) == measures.hit(ranked, GAINS) == 0
    assert measures.recall(ranked, GAINS, depth=11) == pytest.approx(1 / 3)
    # The ideal ranking has no more than ten either: ten of twelve found are all that could be.
    many = {str(number): 1.0 for number in range(12)}
    assert measures.ndcg([str(number) for number in range(10)], many) == pytest.approx(1.0)


def test_the_first_relevant_document_decides_the_reciprocal_rank() -> None:
    assert measures.reciprocal_rank(["x", "c", "a"], GAINS) == 0.5
    assert measures.hit(["x", "c"], GAINS, depth=1) == 0.0
    assert measures.hit(["x", "c"], GAINS, depth=2) == 1.0
    assert measures.recall(["c", "x", "a"], GAINS, depth=2) == pytest.approx(1 / 3)


def test_overlap_is_the_shared_part() -> None:
    assert measures.overlap("abcd", "dcxy", depth=4) == 0.5
    assert measures.overlap("abc", "bxa", depth=2) == 0.5
    assert measures.overlap("ab", "abcd", depth=10) == 0.5
    assert measures.overlap("", "") == 1.0


def test_rank_biased_overlap_weighs_the_first_ranks_most() -> None:
    # Agreements 0/1, 2/2: 1 · 0.9² + 0.1 / 0.9 · (0 · 0.9 + 1 · 0.9²) = 0.81 + 0.09
    assert measures.rank_biased_overlap("ab", "ba") == pytest.approx(0.9)
    # Agreements 1/1, 1/2, 2/3: 2/3 · 0.9³ + 0.1 / 0.9 · (0.9 + 0.5 · 0.81 + 2/3 · 0.729)
    assert measures.rank_biased_overlap("abc", "acx") == pytest.approx(0.486 + 0.1 / 0.9 * (0.9 + 0.405 + 0.486))
    assert measures.rank_biased_overlap("abc", "abc") == pytest.approx(1.0)
    assert measures.rank_biased_overlap("abc", "xyz") == 0.0
    first_swapped = measures.rank_biased_overlap("bacdefghij", "abcdefghij")
    last_swapped = measures.rank_biased_overlap("abcdefghji", "abcdefghij")
    assert first_swapped < last_swapped < 1.0


def test_rank_biased_overlap_of_rankings_without_anything() -> None:
    assert measures.rank_biased_overlap("", "") == 1.0
    assert measures.rank_biased_overlap("a", "") == 0.0


def test_a_difference_has_an_interval_from_its_pairs() -> None:
    # Differences 1, 0, 0, 1: mean 0.5, standard deviation sqrt(1/3), error half of it.
    mean, half = measures.mean_difference([1, 0, 1, 1], [0, 0, 1, 0])
    assert (mean, half) == (0.5, pytest.approx(1.96 * math.sqrt(1 / 3) / 2))
    assert measures.mean_difference([1], [0]) == (1.0, math.inf)
    assert measures.mean_difference([0.3, 0.3], [0.3, 0.3]) == (0.0, 0.0)


@settings(deadline=None)
@given(st.permutations(range(8)), st.permutations(range(8)))
def test_agreement_is_mutual_and_within_bounds(one: list[int], other: list[int]) -> None:
    for measure in (measures.overlap, measures.rank_biased_overlap):
        assert 0 <= measure(one, other, depth=5) <= 1
        assert measure(one, other, depth=5) == measure(other, one, depth=5)
