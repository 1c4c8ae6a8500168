"""What happened on the way to an answer: milliseconds by step, and what each round of asking named."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """One time that candidates were asked for: by which leg, how many passages, which were named with what score, and
    how many documents were kept of all that were named so far.
    """

    leg: str
    asked: int
    named: Mapping[int, float]
    kept: int


class Stopwatch:
    """Adds up how long each named step took, since a step may come more than once, and keeps the rounds.

    A step within another one counts for itself alone, so that all together took no longer than the clock says.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._within = 0.0
        self._rounds: list[Round] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start, around = time.perf_counter(), self._within
        self._within = 0.0
        self._seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            took = time.perf_counter() - start
            self._seconds[name] += took - self._within
            self._within = around + took

    def note(self, round_: Round) -> None:
        self._rounds.append(round_)

    @property
    def rounds(self) -> Sequence[Round]:
        return tuple(self._rounds)

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds, to a tenth, in the order in which the steps first came."""
        return {name: round(seconds * 1000, 1) for name, seconds in self._seconds.items()}


def added(watches: Sequence[Stopwatch]) -> dict[str, float]:
    """Return the timings of several watches, added up."""
    total: dict[str, float] = {}
    for watch in watches:
        for name, milliseconds in watch.timings.items():
            total[name] = round(total.get(name, 0.0) + milliseconds, 1)
    return total
