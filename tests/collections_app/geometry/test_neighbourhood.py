"""Nearest neighbours, planted duplicates and planted outliers, compared with a comparison of everything at once."""

import numpy as np
import pytest

from collections_app.geometry import Neighbourhood
from tests.collections_app.geometry.vectors import Matrix, around, unit


def compared(matrix: Matrix, groups: object, *, block: int, neighbours: int = 3, floor: float = 0.9) -> Neighbourhood:
    found = Neighbourhood(np.asarray(groups, dtype=np.int64), neighbours=neighbours, floor=floor)
    for start in range(0, len(matrix), block):
        for other in range(start, len(matrix), block):
            found.compare(start, matrix[start : start + block], other, matrix[other : other + block])
    return found


@pytest.mark.parametrize("block", [1, 7, 64, 500])
def test_blocks_of_any_size_find_what_a_comparison_of_everything_finds(block: int) -> None:
    matrix = around(np.eye(10), each=12, spread=0.25)
    groups = np.arange(len(matrix)) // 2
    cosines = np.where(groups[:, None] == groups[None, :], -np.inf, matrix @ matrix.T)
    found = compared(matrix, groups, block=block)
    nearest = -np.sort(-cosines, axis=1)[:, :3]
    np.testing.assert_allclose(found.isolation(), nearest.mean(axis=1), atol=1e-6)
    before = np.triu(np.where(np.isfinite(cosines), cosines, -1), k=1)
    assert found.pairs == np.count_nonzero(before >= 0.9)
    expected = {(int(before[:, at].argmax()), at) for at in np.flatnonzero(before.max(axis=0) >= 0.9).tolist()}
    alike = found.alike(1000)
    assert {(pair.earlier, pair.later) for pair in alike} == expected
    assert [pair.cosine for pair in alike] == sorted((pair.cosine for pair in alike), reverse=True)
    for pair in alike:
        assert pair.cosine == pytest.approx(float(cosines[pair.earlier, pair.later]), abs=1e-6)


def test_a_text_that_stands_in_many_documents_makes_one_pair_with_each_of_them() -> None:
    matrix = np.repeat(unit([[1, 2, 3]]), 20, axis=0)
    found = compared(matrix, range(20), block=6)
    assert found.pairs == 190
    assert sorted(pair.later for pair in found.alike(100)) == list(range(1, 20))
    assert len(found.alike(5)) == 5


def test_passages_of_one_document_are_neither_duplicates_nor_neighbours() -> None:
    matrix = np.repeat(unit([[1, 0]]), 4, axis=0)
    found = compared(matrix, [5, 5, 5, 5], block=3)
    assert (found.pairs, found.alike(10)) == (0, [])
    assert np.isinf(found.isolation()).all()


def test_what_lies_apart_has_the_lowest_mean_cosine_with_its_neighbours() -> None:
    matrix = np.concatenate([around(np.eye(8)[:3], each=20, spread=0.1), unit([np.eye(8)[7]])])
    closeness = compared(matrix, range(61), block=16).isolation()
    assert closeness.argmin() == 60
    assert closeness[60] < 0.5
    assert np.sort(closeness)[1] > 0.8


def test_a_neighbour_that_is_not_there_does_not_count() -> None:
    found = compared(unit([[1, 0], [1, 1]]), [0, 1], block=2)
    np.testing.assert_allclose(found.isolation(), [np.sqrt(0.5)] * 2, atol=1e-6)


def test_blocks_that_overlap_are_refused() -> None:
    matrix = unit([[1, 0]] * 4)
    with pytest.raises(ValueError, match="begin where this one has ended"):
        Neighbourhood(np.arange(4), neighbours=1, floor=0.9).compare(0, matrix, 2, matrix[2:])
