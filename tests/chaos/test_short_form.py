"""The short form of the chaos suite: real sites, a few faults in each, and every safeguard missing once."""

import pytest

from tests.chaos import suite
from tests.chaos.stage import POSTGRESQL, SQLITE


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_and_every_missing_safeguard_is_noticed() -> None:
    outcomes = suite.run_short((SQLITE, POSTGRESQL))
    assert [outcome.as_line() for outcome in outcomes if not outcome.is_as_it_should_be] == []
    assert {outcome.sabotage for outcome in outcomes} >= set(suite.CAUGHT_BY)
