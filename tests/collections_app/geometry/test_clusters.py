"""Planted clusters are found, and their number too."""

import numpy as np
import pytest

from collections_app.geometry import choose_clustering, cluster, simplified_silhouette
from tests.collections_app.geometry.vectors import around, unit


def test_planted_clusters_are_found_in_the_order_of_their_sizes() -> None:
    matrix = np.concatenate(
        [around([row], each=each, spread=0.05, seed=each) for row, each in zip(np.eye(16), (20, 50, 35), strict=False)]
    )
    found = cluster(matrix, 3)
    assert found.labels.tolist() == [2] * 20 + [0] * 50 + [1] * 35
    np.testing.assert_allclose(found.centres @ np.eye(16, dtype=np.float32)[[1, 2, 0]].T, np.eye(3), atol=0.1)
    np.testing.assert_allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-5)


def test_the_best_number_of_clusters_is_the_planted_one() -> None:
    matrix = around(np.eye(24)[:7], each=40, spread=0.05)
    clusterings, best = choose_clustering(matrix, [2, 3, 5, 7, 9, 12])
    assert [clustering.count for clustering in clusterings] == [2, 3, 5, 7, 9, 12]
    assert clusterings[best].count == 7
    assert [set(clusterings[best].labels[at : at + 40]).__len__() for at in range(0, 280, 40)] == [1] * 7


def test_the_same_vectors_give_the_same_clusters() -> None:
    matrix = around(np.eye(12), each=30, spread=0.4)
    first, second = cluster(matrix, 6), cluster(matrix, 6)
    assert first.labels.tolist() == second.labels.tolist()
    assert first.score == second.score


def test_there_are_no_more_clusters_than_different_vectors() -> None:
    two = np.repeat(unit([[1, 0], [0, 1]]), 10, axis=0)
    assert cluster(two, 5).count == 2
    assert cluster(two[:10], 4).count == 1
    assert cluster(two[:1], 1).labels.tolist() == [0]
    clusterings, best = choose_clustering(two, [2, 3, 4])
    assert ([clustering.count for clustering in clusterings], best) == ([2], 0)
    assert choose_clustering(two[:1], [2, 3]) == ([], 0)
    assert choose_clustering(two[:10], [2, 3]) == ([], 0)
    with pytest.raises(ValueError, match="nothing to divide"):
        cluster(two[:0], 2)


def test_the_nearest_to_a_centre_come_first() -> None:
    matrix = unit([[1, 0.3], [1, 0], [1, -0.1], [0, 1]])
    found = cluster(matrix, 2)
    assert found.nearest(0, 3).tolist() == [1, 2, 0]
    assert found.nearest(0, 1).tolist() == [1]
    assert found.nearest(1, 5).tolist() == [3]


def test_the_silhouette_is_that_of_its_definition() -> None:
    cosines = np.array([[0.9, 0.5], [0.8, 0.8], [0.0, 0.6]], dtype=np.float32)
    # (b - a) / max(a, b) with distances 0.1 and 0.5, 0.2 and 0.2, 0.4 and 1.0
    assert simplified_silhouette(cosines, np.array([0, 0, 1])) == pytest.approx((0.8 + 0.0 + 0.6) / 3, abs=1e-6)
    assert simplified_silhouette(cosines[:, :1], np.array([0, 0, 0])) == 0
