"""Least and greatest value -> round ranges."""

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.facet_ranges import MOST_RANGES, ranges


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (1950, 2023, [(1940, 1960), (1960, 1980), (1980, 2000), (2000, 2020), (2020, 2040)]),
        (1, 3, [(1, 2), (2, 3), (3, 4)]),
        (0.1, 0.35, [(0.1, 0.15), (0.15, 0.2), (0.2, 0.25), (0.25, 0.3), (0.3, 0.35), (0.35, 0.4)]),
        (7, 7, []),
        (
            date(2020, 3, 1),
            date(2023, 5, 1),
            [(date(year, 1, 1), date(year + 1, 1, 1)) for year in (2020, 2021, 2022, 2023)],
        ),
        (
            datetime(2024, 1, 31, 9, tzinfo=UTC),
            datetime(2024, 2, 1, tzinfo=UTC),
            [
                (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)),
                (datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
            ],
        ),
    ],
)
def test_bounds_are_round(least: Any, most: Any, expected: list[tuple[Any, Any]]) -> None:
    assert ranges(least, most) == expected


def test_a_bound_that_no_value_can_have_is_open() -> None:
    assert ranges(date(1, 1, 1), date.max)[-1][1] is None
    assert (ranges(-(2**63), 2**63 - 1)[0][0], ranges(-(2**63), 2**63 - 1)[-1][1]) == (None, None)


@given(
    st.one_of(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)),
        st.tuples(st.dates(), st.dates()),
    )
)
def test_few_ranges_hold_both_ends_and_follow_each_other(ends: tuple[Any, Any]) -> None:
    least, most = sorted(ends)
    found = ranges(least, most)
    assert len(found) <= MOST_RANGES + 1
    assert all(left[1] == right[0] for left, right in pairwise(found))
    for value in (least, most) if least != most else ():
        assert any((start is None or start <= value) and (until is None or value < until) for start, until in found)
