"""Samples that change no faster than what they are taken of, usable vectors, and distributions of cosines."""

import numpy as np
import pytest

from collections_app.geometry import Histogram, random_pairs, sample, usable
from tests.collections_app.geometry.vectors import around, unit


def test_a_sample_is_the_same_each_time_and_in_order() -> None:
    ids = np.arange(1, 50_001)
    taken = sample(ids, 1000)
    assert taken.tolist() == sorted(set(taken.tolist()))
    assert len(taken) == 1000
    np.testing.assert_array_equal(taken, sample(np.random.default_rng(1).permutation(ids), 1000))
    # Evenly over all of them: a thousand in ten parts, and a standard deviation of nine and a half in each.
    assert np.abs(np.histogram(taken, bins=10)[0] - 100).max() < 40


def test_what_comes_or_goes_changes_one_member_at_most() -> None:
    ids = np.arange(5000)
    before = set(sample(ids, 200).tolist())
    assert len(before - set(sample(np.append(ids, 5000), 200).tolist())) <= 1
    gone = next(iter(before))
    assert before - set(sample(ids[ids != gone], 200).tolist()) == {gone}


def test_a_smaller_sample_is_part_of_a_larger_one_and_few_are_all_taken() -> None:
    ids = np.arange(3000)
    assert set(sample(ids, 10).tolist()) <= set(sample(ids, 100).tolist())
    assert sample(ids[:5], 10).tolist() == [0, 1, 2, 3, 4]
    assert sample(ids[:0], 10).tolist() == []


def test_vectors_that_are_not_finite_or_not_of_unit_length_are_not_usable() -> None:
    matrix = np.array([[0.6, 0.8], [np.nan, 1], [0, 0], [2, 0], [np.inf, 0], [1, 0.0001]], dtype=np.float32)
    assert usable(matrix).tolist() == [True, False, False, False, False, True]


def test_each_cosine_is_in_its_bin() -> None:
    found = Histogram.of(np.array([-1, -0.999, 0.001, 0.5, 0.5, 1, 1.0001], dtype=np.float32))
    assert {at: count for at, count in enumerate(found.counts) if count} == {0: 2, 50: 1, 75: 2, 99: 2}
    assert found.total == 7
    assert found.share_above(0.5) == pytest.approx(4 / 7)
    nothing = Histogram.of(np.array([], dtype=np.float32))
    assert (nothing.total, nothing.mean, nothing.share_above(0)) == (0, 0, 0)


def test_of_few_vectors_every_pair_is_taken_and_of_many_as_many_as_wanted() -> None:
    matrix = unit([[1, 0], [0, 1], [1, 1]])
    np.testing.assert_allclose(sorted(random_pairs(matrix, 10)), [0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-6)
    assert random_pairs(matrix[:1], 10).tolist() == []
    many = around(np.eye(6), each=100, spread=0.3)
    pairs = random_pairs(many, 5000)
    # No vector is paired with itself; the mean is that of all pairs.
    assert (len(pairs), bool(pairs.max() < 0.9999)) == (5000, True)
    every = (many @ many.T)[np.triu_indices(600, k=1)]
    assert abs(float(pairs.mean()) - float(every.mean())) < 0.02
