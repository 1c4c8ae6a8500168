"""What is supervised, as data: programs, how they are stopped, and how often they are restarted."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from signal import SIGTERM, Signals


@dataclass(frozen=True, slots=True)
class StopStep:
    """Send `signal` and wait `patience` seconds before the next step; after the last step comes SIGKILL."""

    signal: Signals
    patience: float


@dataclass(frozen=True, slots=True)
class Program:
    """One program to keep running, or to run once.

    command       what to execute, found on PATH when it holds no slash
    environment   variables set on top of the supervisor's own
    stop          how to end it, from polite to firm
    after         names of programs that must answer (or have been given up waiting for) before this one starts
    answers       whether it does its work; asked all the time; None: it does as soon as it runs
    is_stuck      whether somebody who works with it found that it hangs though it answers; None: nobody would say
    on_start      called before each run
    on_stop       called when a run has ended as it was asked to, and was not killed
    greeting      lines to print as they stand when it answers for the first time
    once          it ends by itself and is not started again
    entry         how an entry of its log begins; lines that begin otherwise belong to the entry before them
    noise         lines (and whole entries, by their first line) that go to the log file only
    prefix        what to cut off the front of its lines on the terminal (the merged log has the time already)
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: tuple[StopStep, ...] = (StopStep(SIGTERM, 10.0),)
    after: tuple[str, ...] = ()
    answers: Callable[[], bool] | None = None
    is_stuck: Callable[[], bool] | None = None
    on_start: Callable[[], None] | None = None
    on_stop: Callable[[], None] | None = None
    greeting: tuple[str, ...] = ()
    once: bool = False
    entry: re.Pattern[str] | None = None
    noise: re.Pattern[str] | None = None
    prefix: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When to start a program again that ended by itself. All times in seconds.

    first, longest   the delay after the first failure; it doubles with each further one up to `longest`
    healthy_after    a run of this length makes earlier failures forgotten
    alarm_after      failures in a row after which the supervisor says so loudly (and goes on trying)
    patience         how long dependents wait for a program that runs but does not answer
    silence          how long a program that has answered may not answer until it is killed and started again
    """

    first: float = 1.0
    longest: float = 30.0
    healthy_after: float = 60.0
    alarm_after: int = 5
    patience: float = 60.0
    silence: float = 60.0

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after the `failures`-th failure in a row (1 is the first)."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
