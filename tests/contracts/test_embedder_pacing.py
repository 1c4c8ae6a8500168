"""How often a server is asked, by a clock that the test sets."""

import pytest

from collections_app.embeddings import pacing
from collections_app.embeddings.pacing import Pace, backoff
from collections_app.exceptions import EmbedderUnavailable


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    running = Clock()
    monkeypatch.setattr(pacing.time, "monotonic", lambda: running.now)
    monkeypatch.setattr(pacing, "sleep", running.sleep)
    return running


def test_without_a_known_limit_nothing_waits() -> None:
    pace = Pace()
    assert sum(pace.admit(10**6, patience=0) for _ in range(1000)) == 0


def test_a_minutes_requests_go_at_once_and_the_rest_as_they_refill() -> None:
    pace = Pace(requests_per_minute=6)
    assert [pace.admit(1, patience=60) for _ in range(6)] == [0] * 6
    assert [pace.admit(1, patience=60) for _ in range(3)] == pytest.approx([10, 10, 10])


def test_tokens_are_limited_beside_requests() -> None:
    pace = Pace(requests_per_minute=1000, tokens_per_minute=600)
    assert pace.admit(600, patience=60) == 0
    assert pace.admit(100, patience=60) == pytest.approx(10)


def test_a_request_larger_than_the_limit_waits_for_a_whole_minute_and_goes() -> None:
    pace = Pace(tokens_per_minute=100)
    assert pace.admit(500, patience=60) == 0
    with pytest.raises(EmbedderUnavailable) as caught:
        pace.admit(1, patience=60)
    assert caught.value.retry_after == pytest.approx(240.6)


def test_a_wait_beyond_the_patience_is_told_at_once_as_a_rate_limit(clock: Clock) -> None:
    pace = Pace(requests_per_minute=1)
    pace.admit(1, patience=0)
    with pytest.raises(EmbedderUnavailable, match="limit of requests or tokens a minute") as caught:
        pace.admit(1, patience=59)
    assert (caught.value.is_rate_limit, caught.value.retry_after, clock.now) == (True, pytest.approx(60), 1000.0)


def test_what_others_used_is_learned_from_the_remaining_numbers() -> None:
    pace = Pace()
    pace.learn({"x-ratelimit-limit-tokens": "600", "x-ratelimit-remaining-tokens": "50"})
    assert pace.admit(50, patience=60) == pytest.approx(0)
    assert pace.admit(10, patience=60) == pytest.approx(1)


def test_a_limit_for_a_day_refills_in_a_day() -> None:
    pace = Pace()
    pace.learn(
        {
            "x-ratelimit-limit-requests": "200",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "24h0m0s",
        }
    )
    with pytest.raises(EmbedderUnavailable) as caught:
        pace.admit(1, patience=60)
    assert caught.value.retry_after == pytest.approx(86400 / 200)


def test_a_limit_set_by_hand_is_not_raised_by_the_server() -> None:
    pace = Pace(requests_per_minute=6)
    pace.learn({"x-ratelimit-limit-requests": "5000", "x-ratelimit-remaining-requests": "5000"})
    assert sum(pace.admit(1, patience=60) for _ in range(7)) == pytest.approx(10)


@pytest.mark.parametrize("limit", ["", "many", "-1", "0", "nan", "inf"])
def test_headers_that_say_nothing_change_nothing(limit: str) -> None:
    pace = Pace()
    pace.learn({"x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": "0"})
    pace.learn({"x-ratelimit-limit-tokens": "10", "x-ratelimit-remaining-tokens": "soon"})
    assert pace.admit(100, patience=0) == 0


def test_nothing_goes_while_the_server_asked_for_a_pause() -> None:
    pace = Pace()
    pace.close_for(4)
    assert pace.admit(1, patience=10) == pytest.approx(4)


def test_the_waits_between_attempts_double_up_to_a_cap_and_differ() -> None:
    assert [max(backoff(attempt) for _ in range(200)) for attempt in range(6)] == pytest.approx(
        [0.5, 1, 2, 4, 8, 8], rel=0.1
    )
    assert len({backoff(3) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("1.5", 1.5),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_the_durations_of_openai_are_read(text: str | None, seconds: float | None) -> None:
    assert pacing._duration(text) == seconds
