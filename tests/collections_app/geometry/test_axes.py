"""Principal axes: exact for points whose axes are known, the same however the vectors come in."""

import numpy as np

from collections_app.geometry import Moments
from tests.collections_app.geometry.vectors import around


def test_the_axes_of_known_points_are_found_exactly() -> None:
    # Along (3, 4)/5 at -2, -1, 1, 2 and across it at -1, 1: variances 10/6 and 2/6.
    along, across = np.array([3.0, 4.0]) / 5, np.array([-4.0, 3.0]) / 5
    points = np.array([*(s * along for s in (-2, -1, 1, 2)), -across, across]) + np.array([10, 20])
    moments = Moments(2)
    moments.add(points.astype(np.float32))
    axes = moments.axes()
    np.testing.assert_allclose(axes.mean, [10, 20])
    np.testing.assert_allclose(axes.directions, np.array([along, -across]), atol=1e-6)
    np.testing.assert_allclose(axes.explained, [10 / 12, 2 / 12], atol=1e-6)
    np.testing.assert_allclose(axes.project(points)[:, 0], [-2, -1, 1, 2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(axes.project(points)[:, 1], [0, 0, 0, 0, 1, -1], atol=1e-6)


def test_slabs_make_the_same_axes_as_all_at_once_and_as_a_decomposition_of_the_centred_matrix() -> None:
    matrix = around(np.eye(40)[:5], each=60, spread=0.2)
    whole, slabs = Moments(40), Moments(40)
    whole.add(matrix)
    for start in range(0, len(matrix), 77):
        slabs.add(matrix[start : start + 77])
    centred = matrix - matrix.mean(axis=0, dtype=np.float64)
    _u, singular, rows = np.linalg.svd(centred, full_matrices=False)
    for axes in (whole.axes(), slabs.axes()):
        np.testing.assert_allclose(np.abs(np.sum(axes.directions * rows[:2], axis=1)), [1, 1], atol=1e-6)
        np.testing.assert_allclose(axes.explained, singular[:2] ** 2 / np.sum(singular**2), atol=1e-6)
    np.testing.assert_allclose(whole.axes().directions, slabs.axes().directions, atol=1e-9)


def test_vectors_that_do_not_vary_have_no_axes() -> None:
    for count in (0, 1, 50):
        moments = Moments(3)
        moments.add(np.tile(np.array([0.6, 0.0, 0.8], dtype=np.float32), (count, 1)))
        axes = moments.axes()
        assert not axes.directions.any()
        assert axes.explained.tolist() == [0, 0]


def test_where_there_is_one_dimension_the_second_axis_is_empty() -> None:
    moments = Moments(1)
    moments.add(np.array([[1], [-1]], dtype=np.float32))
    axes = moments.axes()
    assert axes.directions.tolist() == [[1], [0]]
    assert axes.explained.tolist() == [1, 0]
