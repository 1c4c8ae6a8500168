"""How often a server may be asked: limits per minute, learned from its answers or set by hand.

A limit is kept by the generic cell rate algorithm (ITU-T I.371): each request moves a date by its share of a minute,
and goes as soon as that date is less than a minute ahead. So a minute's worth may go at once, and then as it refills.
Limits hold for a process; what other processes use is learned from the server's remaining numbers.
"""

import math
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from collections_app.exceptions import EmbedderUnavailable

_MINUTE = 60.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(slots=True)
class _Allowance:
    """So many requests, or tokens, in a window of seconds; `limit` is None while none is known.

    `full_at` is when the allowance is whole again, in monotonic seconds.
    """

    limit: float | None
    window: float = _MINUTE
    full_at: float = 0.0

    def wait(self, now: float, amount: float) -> float:
        """Return the seconds until `amount` may be used. More than the limit waits for a whole window."""
        if self.limit is None:
            return 0.0
        share = min(amount / self.limit, 1.0) * self.window
        return max(max(self.full_at, now) + share - self.window - now, 0.0)

    def spend(self, now: float, amount: float) -> None:
        if self.limit is not None:
            self.full_at = max(self.full_at, now) + amount / self.limit * self.window

    def learn(self, now: float, *, limit: float, remaining: float, reset: float | None) -> None:
        """Take what the server says. What is under way and not counted yet by the server stays counted here."""
        used = 1 - min(max(remaining, 0.0) / limit, 1.0)
        if self.limit is not None and self.limit < limit:
            return  # a limit set by hand is below the server's
        self.limit = limit
        if reset and used > 0:
            self.window = max(reset / used, 1.0)  # a limit for a day refills in a day
        self.full_at = max(self.full_at, now + used * self.window)


class Pace:
    """Decides when the next request may go. Shared by the threads of a process."""

    def __init__(self, *, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        self._lock = threading.Lock()
        self._requests = _Allowance(requests_per_minute)
        self._tokens = _Allowance(tokens_per_minute)
        self._closed_until = 0.0

    def admit(self, tokens: int, *, patience: float) -> float:
        """Wait until a request of so many tokens may go, and count it; return the seconds waited.

        Raises EmbedderUnavailable, with the time to wait and at once, if that is more than `patience` seconds.
        """
        waited = 0.0
        while True:
            with self._lock:
                now = time.monotonic()
                wait = max(self._requests.wait(now, 1), self._tokens.wait(now, tokens), self._closed_until - now)
                if wait <= 0:
                    self._requests.spend(now, 1)
                    self._tokens.spend(now, tokens)
                    return waited
            if waited + wait > patience:
                raise EmbedderUnavailable(
                    f"The embedding server's limit of requests or tokens a minute is reached; the next may go in "
                    f"{wait:.0f} s.",
                    retry_after=wait,
                    is_rate_limit=True,
                )
            sleep(wait)
            waited += wait

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the limits from an answer's headers x-ratelimit-{limit,remaining,reset}-{requests,tokens}."""
        now = time.monotonic()
        for name, allowance in (("requests", self._requests), ("tokens", self._tokens)):
            limit = _number(headers.get(f"x-ratelimit-limit-{name}"))
            remaining = _number(headers.get(f"x-ratelimit-remaining-{name}"))
            if limit is not None and limit > 0 and remaining is not None:
                reset = _duration(headers.get(f"x-ratelimit-reset-{name}"))
                with self._lock:
                    allowance.learn(now, limit=limit, remaining=remaining, reset=reset)

    def close_for(self, seconds: float) -> None:
        """Let no request go for so long, because the server said so to one of them."""
        with self._lock:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)


def backoff(attempt: int) -> float:
    """Return the seconds before the next attempt: doubling, capped, with jitter, so that many do not come at once."""
    return min(_FIRST_WAIT * 2.0**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, hides nothing


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration(text: str | None) -> float | None:
    """Return the seconds of "1s", "6m0s", "20ms" or "1.5"; None when it says nothing."""
    if text is None:
        return None
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return _number(text)
