"""What embedding takes, counted where it is spent: at each call of a backend, also of one that fails.

    with metered() as meter:
        vectors = embedder.embed_passages(texts)
    meter.tokens

A server may have worked, and charged, a call whose answer never came; and of several calls under way some succeed. So
it is the calls that count, and not what `embed_passages` returns.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Meter:
    """What calls took: their number and their tokens. Safe to be added to from several threads.

    `unconfirmed` are those of the tokens that may not have been spent: the call had no answer that could be used.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = self.tokens = self.unconfirmed = 0

    def add(self, *, calls: int, tokens: int, unconfirmed: int = 0) -> None:
        with self._lock:
            self.calls += calls
            self.tokens += tokens
            self.unconfirmed += unconfirmed


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count all calls within. A meter around another one counts what that one counts as well."""
    outer, meter = _meter.get(), Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)
        if outer is not None:
            outer.add(calls=meter.calls, tokens=meter.tokens, unconfirmed=meter.unconfirmed)


def note_call(*, tokens: int, confirmed: bool = True) -> None:
    """Count one call of a backend and the tokens that it took, by the server's count where there is one."""
    meter = _meter.get()
    if meter is not None:
        meter.add(calls=1, tokens=tokens, unconfirmed=0 if confirmed else tokens)


def is_metered() -> bool:
    return _meter.get() is not None
