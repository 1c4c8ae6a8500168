"""Numbers that nobody shall wait for: added up in the process, and written by a thread every few seconds.

A search writes nothing: on SQLite it would wait for whoever writes. What a process has not written when it is killed is
lost, a few seconds of numbers.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, Self, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction

logger = logging.getLogger(__name__)


class _Addable(Protocol):
    def __add__(self, other: Self, /) -> Self: ...


Key = TypeVar("Key")
Amount = TypeVar("Amount", bound=_Addable)


class Postponed(Generic[Key, Amount]):
    """Amounts by key, waiting to be given to `write`, which is called in a transaction.

    With FLUSH_SECONDS = 0 each is written at once.
    """

    def __init__(self, name: str, write: Callable[[Mapping[Key, Amount]], None]) -> None:
        self._name = name
        self._write = write
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)
        atexit.register(self.flush)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Key, Amount] = {}
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()

    def add(self, key: Key, amount: Amount) -> None:
        if not settings.FLUSH_SECONDS:
            self._write({key: amount})
            return
        with self._lock:
            self._merge(key, amount)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_for_ever, name=self._name, daemon=True)
                self._thread.start()
            self._woken.set()

    def flush(self) -> None:
        """Write what waits, and keep what the database did not take."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            with transaction.atomic():
                self._write(waiting)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("%d rows of %s wait to be written: %s", len(waiting), self._name, error)
            with self._lock:
                for key, amount in waiting.items():
                    self._merge(key, amount)

    def _merge(self, key: Key, amount: Amount) -> None:
        known = self._waiting.get(key)
        self._waiting[key] = amount if known is None else known + amount

    def _write_for_ever(self) -> None:
        stop = threading.Event()
        while True:
            self._woken.wait()
            stop.wait(settings.FLUSH_SECONDS)
            self._woken.clear()
            self.flush()
            connections.close_all()
            if self._waiting:
                self._woken.set()
