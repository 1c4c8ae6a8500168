"""Stopping what passes through a proxy at an exact moment, and deciding what becomes of it."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from tests.chaos.faults.peers import pid_behind


class Moment(StrEnum):
    """How far a request has come when it is stopped."""

    BEFORE = "before"
    """Received whole, nothing of it forwarded: the server has not heard of it."""
    FORWARDED = "forwarded"
    """Handed whole to the server, whose answer was not looked at: it may be at it, or done."""
    ANSWERED = "answered"
    """The server's whole answer is here (so it has applied the request), none of it delivered to the client."""


class Verdict(StrEnum):
    """What becomes of a request that was stopped."""

    RELEASE = "release"
    """Go on, also when the client is dead by now: its bytes had left it."""
    DROP = "drop"
    """Cut the client's connection; what was not forwarded yet never is."""
    SWALLOW = "swallow"
    """Let the server apply it and throw its answer away; the client hears nothing until it gives up or is cut off."""


class NothingHeld(AssertionError):
    """Nothing that a hold waits for came by in time."""


class Passing:
    """One request on its way. `kind` is the proxy's word for it; `subject` its path or command, `body` its bytes."""

    def __init__(self, kind: str, *, subject: str, body: bytes, client_port: int, proxy_port: int) -> None:
        self.kind = kind
        self.subject = subject
        self.body = body
        self.client_port = client_port
        self.moment: Moment = Moment.BEFORE
        self.since = time.monotonic()
        self._proxy_port = proxy_port
        self._decided = threading.Event()
        self._verdict = Verdict.RELEASE

    @property
    def client_pid(self) -> int | None:
        """The process at the other end of the connection, None if it is gone."""
        return pid_behind(self.client_port, self._proxy_port)

    def release(self) -> None:
        """Let it go on."""
        self._decide(Verdict.RELEASE)

    def drop(self) -> None:
        """Cut its connection; the server never hears of it if it was held BEFORE."""
        self._decide(Verdict.DROP)

    def swallow(self) -> None:
        """Let the server apply it, and the client wait for an answer that never comes."""
        self._decide(Verdict.SWALLOW)

    def _decide(self, verdict: Verdict) -> None:
        if not self._decided.is_set():
            self._verdict = verdict
            self._decided.set()

    def stop_until_decided(self) -> Verdict:
        self._decided.wait()
        return self._verdict

    def __repr__(self) -> str:
        return f"<{self.kind} {self.moment} {self.subject}>"


Matches = Callable[[Passing], bool]


class Hold:
    """An armed hold: stops the next `times` requests that match, one after the other or several at once.

    With `verdict`, each is decided at once and nothing waits; `caught` tells what was met so far. Use it as a context
    manager, or call `close()`: it then stops nothing more, and releases what it still holds.
    """

    def __init__(
        self, kind: str, moment: Moment, *, times: int | None, matches: Matches | None, verdict: Verdict | None
    ) -> None:
        self.kind = kind
        self.moment = moment
        self.caught: list[Passing] = []
        self._left = times
        self._matches = matches
        self._verdict = verdict
        self._handed_out = 0
        self._is_open = True
        self._changed = threading.Condition()

    def wait(self, seconds: float = 30.0) -> Passing:
        """Return the next request that is stopped, waiting for it; raise NothingHeld if none comes."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.caught) > self._handed_out, timeout=seconds):
                raise NothingHeld(f"No {self.kind!r} request was {self.moment} within {seconds:g} s.")
            self._handed_out += 1
            return self.caught[self._handed_out - 1]

    def close(self) -> None:
        with self._changed:
            self._is_open = False
        for passing in self.caught:
            passing.release()

    def __enter__(self) -> "Hold":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def catches(self, passing: Passing) -> bool:
        """Take `passing` if it is what this hold waits for."""
        if passing.kind != self.kind or passing.moment != self.moment:
            return False
        if self._matches and not self._matches(passing):
            return False
        with self._changed:
            if not self._is_open or self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            if self._verdict:
                passing._decide(self._verdict)
            self.caught.append(passing)
            self._changed.notify_all()
            return True


class Holds:
    """All holds of one proxy. The proxy's threads call `meet` at every moment of every request."""

    def __init__(self) -> None:
        self._holds: list[Hold] = []
        self._lock = threading.Lock()

    def arm(self, hold: Hold) -> Hold:
        with self._lock:
            self._holds = [known for known in self._holds if known._is_open]
            self._holds.append(hold)
        return hold

    def meet(self, passing: Passing, moment: Moment) -> Verdict:
        """Note that `passing` has come to `moment`, stop it if a hold says so, and return what becomes of it."""
        passing.moment = moment
        with self._lock:
            holds = list(self._holds)
        for hold in holds:
            if hold.catches(passing):
                return passing.stop_until_decided()
        return Verdict.RELEASE

    def close(self) -> None:
        """Stop nothing more and release everything."""
        with self._lock:
            holds, self._holds = self._holds, []
        for hold in holds:
            hold.close()
