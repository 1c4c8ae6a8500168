"""The loop that keeps programs running until it is told to stop."""

import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from vectorsite.supervisor.console import Console
from vectorsite.supervisor.guard import Guard
from vectorsite.supervisor.leftovers import RunRecord
from vectorsite.supervisor.process import Process, describe_exit
from vectorsite.supervisor.program import Program, RestartPolicy

_TURN = 0.1  # seconds: how soon an exit or a request to stop is noticed
_ASK_EVERY = 0.2
_ASK_AGAIN_EVERY = 5.0  # once it has answered; a question to a silent program holds the loop up for up to 2 s
# `timeout` and some terminals deliver one request twice, to the process and to its group.
_SAME_REQUEST = 1.0
_ALARM_LINES = 10


@dataclass(slots=True, eq=False)
class _Watch:
    """What the supervisor knows of one program.

    answers      it has answered in this run
    misses       questions in a row that it has not answered since
    is_settled   dependents need not wait for it (any longer): it has answered once, is over, or was given up on
    """

    process: Process
    failures: int = 0
    due_at: float = 0.0
    started_at: float = 0.0
    ask_at: float = 0.0
    answers: bool = False
    misses: int = 0
    is_settled: bool = False
    is_greeted: bool = False
    is_over: bool = False

    @property
    def program(self) -> Program:
        return self.process.program


class Supervisor:
    """Runs programs, in one thread: starts them in order, merges their output, restarts what ends, stops them all.

    Programs are stopped one after the other in the reverse of the order given. `run` does everything; `turn` is one
    round of it.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        console: Console,
        record: RunRecord,
        guard: Guard,
        folder: Path,
        policy: RestartPolicy = RestartPolicy(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watches = {p.name: _Watch(Process(p, mark=record.mark, folder=folder)) for p in programs}
        for program in programs:
            console.add(program)
        self._console = console
        self._record = record
        self._guard = guard
        self._policy = policy
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._requests: list[tuple[float, str]] = []
        self._stop_asked_at: float | None = None
        self._is_forced = False

    def run(self) -> int:
        """Run until a signal asks to stop and everything has ended; return 0, or 1 if some had to be killed at once."""
        try:
            with self._signals():
                while not self.is_finished:
                    self.turn()
        finally:
            for watch in self._watches.values():
                watch.process.kill()
            self._selector.close()
        self._record.close()
        self._guard.dismiss()
        self._console.say("Stopped.")
        return 1 if self._is_forced else 0

    def request_stop(self, reason: str) -> None:
        """Ask for an orderly stop; asking again more than a second later kills what still runs. Safe in a handler."""
        self._requests.append((self._clock(), reason))

    @property
    def is_finished(self) -> bool:
        return self._stop_asked_at is not None and not any(w.process.is_running for w in self._watches.values())

    def turn(self, wait: float = _TURN) -> None:
        """Do what is due now, then pass on output for up to `wait` seconds."""
        now = self._clock()
        self._without_dying(lambda: self._guard.ensure(now), "The guard cannot be started")
        self._heed_requests()
        for watch in self._watches.values():
            self._bury(watch, now)
        if self._stop_asked_at is None:
            for watch in self._watches.values():
                self._start_if_due(watch, now)
                self._ask(watch, now)
        else:
            self._stop_next(now)
        for key, _ in self._selector.select(wait):
            self._pass_on_output(key.data)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def handle(number: int, frame: FrameType | None) -> None:
            self.request_stop(signal.Signals(number).name)

        # Under nohup SIGHUP is ignored, and is to stay so. SIGINT is ignored in scripts' background jobs, but make
        # run must stop by it there too.
        wanted = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            wanted.append(signal.SIGHUP)
        before = {number: signal.signal(number, handle) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heed_requests(self) -> None:
        requests, self._requests = self._requests, []
        for asked_at, reason in requests:
            if self._stop_asked_at is None:
                self._stop_asked_at = asked_at
                self._console.say(f"Stopping ({reason}); once more to kill at once.")
            elif asked_at - self._stop_asked_at > _SAME_REQUEST:
                self._is_forced = True
                for watch in self._watches.values():
                    watch.process.kill()

    def _without_dying(self, act: Callable[[], None], complaint: str) -> None:
        # A full disk must not end the site: what fails here only matters should the supervisor be killed.
        try:
            act()
        except OSError as error:
            self._console.say(f"{complaint}: {error}")

    def _start_if_due(self, watch: _Watch, now: float) -> None:
        waits_for = [name for name in watch.program.after if name in self._watches]
        if watch.process.is_running or watch.is_over or now < watch.due_at:
            return
        if not all(self._watches[name].is_settled for name in waits_for):
            return
        watch.started_at = watch.ask_at = now
        watch.answers = False
        if watch.program.on_start is not None:
            self._without_dying(watch.program.on_start, f"The start of {watch.program.name} cannot be noted")
        try:
            watch.process.start()
        except OSError as error:
            self._after_end(watch, f"{watch.program.command[0]} cannot be run: {error.strerror}", now)
            return
        self._without_dying(
            lambda: self._record.add(watch.program, watch.process.pid), f"{self._record.path} cannot be written"
        )
        self._selector.register(watch.process.fileno(), selectors.EVENT_READ, watch)
        self._console.say(f"{watch.program.name} started (pid {watch.process.pid})")

    def _ask(self, watch: _Watch, now: float) -> None:
        if not watch.process.is_running or now < watch.ask_at:
            return
        if watch.answers:
            self._ask_again(watch, now)
            return
        watch.ask_at = now + _ASK_EVERY
        watch.answers = watch.program.answers is None or watch.program.answers()
        if not watch.answers:
            if now - watch.started_at > self._policy.patience and not watch.is_settled:
                self._console.say(f"{watch.program.name} runs but does not answer; going on without it.")
                watch.is_settled = True
            return
        watch.misses = 0
        watch.is_settled = not watch.program.once
        if not watch.is_greeted:
            watch.is_greeted = True
            for line in watch.program.greeting:
                self._console.print(line)

    def _ask_again(self, watch: _Watch, now: float) -> None:
        """Kill a program that hangs; it is started again like one that ended by itself."""
        program = watch.program
        watch.ask_at = now + _ASK_AGAIN_EVERY
        if program.is_stuck is not None and program.is_stuck():
            self._console.say(f"{program.name} hangs; it is killed and started again.")
            watch.process.kill()
            return
        watch.misses = 0 if program.answers is None or program.answers() else watch.misses + 1
        # Counted in questions and not by the clock: a machine that was suspended has not been silent.
        if (silence := watch.misses * _ASK_AGAIN_EVERY) >= self._policy.silence:
            self._console.say(f"{program.name} has not answered for {silence:.0f} s; it is killed and started again.")
            watch.process.kill()

    def _pass_on_output(self, watch: _Watch) -> None:
        descriptor = watch.process.fileno()
        for line in watch.process.read():
            self._console.output(watch.program.name, line)
        if watch.process.has_closed_output:
            self._selector.unregister(descriptor)

    def _bury(self, watch: _Watch, now: float) -> None:
        if not watch.process.is_running:
            return
        descriptor = watch.process.fileno()
        if (end := watch.process.bury()) is None:
            return
        status, lines = end
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)
        for line in lines:
            self._console.output(watch.program.name, line)
        if self._stop_asked_at is None:
            self._after_end(watch, describe_exit(status), now, is_success=status == 0)
        else:
            if status != -signal.SIGKILL and watch.program.on_stop is not None:
                self._without_dying(watch.program.on_stop, f"The stop of {watch.program.name} cannot be noted")
            self._console.say(f"{watch.program.name} stopped")

    def _after_end(self, watch: _Watch, how: str, now: float, *, is_success: bool = False) -> None:
        if not watch.program.once:
            self._schedule_restart(watch, how, now)
            return
        watch.is_over = watch.is_settled = True
        outcome = "finished" if is_success else f"failed ({how}); the site runs on without it"
        self._console.say(f"{watch.program.name} {outcome}")

    def _schedule_restart(self, watch: _Watch, how: str, now: float) -> None:
        name, policy = watch.program.name, self._policy
        if now - watch.started_at >= policy.healthy_after:
            watch.failures = 0
        watch.failures += 1
        delay = policy.delay(watch.failures)
        watch.due_at = now + delay
        if watch.failures != policy.alarm_after:
            self._console.say(f"{name} ended ({how}); starting it again in {delay:g} s")
            return
        watch.is_settled = True
        self._console.say(
            f"{name} CANNOT BE STARTED: it ended {watch.failures} times in a row, last with {how}. The rest of the "
            f"site runs on, and {name} is tried again at least every {policy.longest:g} s. Its last lines:"
        )
        for line in self._console.last_lines(name, _ALARM_LINES):
            self._console.say(f"    {line}")

    def _stop_next(self, now: float) -> None:
        for watch in reversed(self._watches.values()):
            if watch.process.is_running:
                watch.process.press(now)
                return
