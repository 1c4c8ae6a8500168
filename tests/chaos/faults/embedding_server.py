"""An embedding server that fails in the ways that embedding servers do, by a switch or by what it is asked to embed.

    with running_embedding_faults() as embeddings:
        # the site gets DJANGO_SETTINGS_MODULE=tests.chaos.settings EMBEDDING_BACKEND=openai
        #               OPENAI_BASE_URL=embeddings.url
        embeddings.mode = Mode.RATE_LIMITED
        ...
        embeddings.mode = Mode.OK

To make it unreachable, put a StoreProxy before it and let that `refuse()`.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from tests.chaos.faults.peers import pid_behind
from tests.contracts.embedding_server import EmbeddingServer, Items, Refusal

POISON = "POISON-NO-MODEL-EMBEDS-THIS"
"""A text that holds it is refused with the 400 that says the text is to blame, for ever."""
DEADLY = "DEADLY-TO-WHO-EMBEDS-THIS"
"""The process that asks for a text that holds it is killed while it waits for the answer."""


class Mode(StrEnum):
    """How the server is now."""

    OK = "ok"
    RATE_LIMITED = "429"
    FAILING = "500"
    NOT_JSON = "not JSON"
    TOO_FEW = "wrong number of vectors"
    NOT_A_NUMBER = "NaN"
    WRONG_DIMENSION = "wrong dimension"
    SILENT = "accepts and never answers"
    SLOW = "slow"


class EmbeddingFaults(EmbeddingServer):
    """Answers as its `mode` says; equal texts have equal vectors, and nothing else is similar to anything.

    `asked` counts requests, and `texts` the texts in them, by the mode in which they came: zero embedding calls is
    `asked` unchanged. `killed` are the pids that met a DEADLY text, `poisoned` counts refusals of POISON.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.retry_after = 2
        self.slowness = 2.0
        self.on_deadly: Callable[[int], None] = lambda pid: os.kill(pid, signal.SIGKILL)
        self.asked: Counter[Mode] = Counter()
        self.texts: Counter[Mode] = Counter()
        self.killed: list[int] = []
        self.poisoned = 0
        self._mode = Mode.OK
        self._lock = threading.Lock()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self.hangs = mode is Mode.SILENT
        self.raw = b"<html>502 Bad Gateway</html>" if mode is Mode.NOT_JSON else None
        self.alters = _ALTERATIONS.get(mode)
        if not self.hangs:
            self.released.set()
            self.released = threading.Event()

    def note(self, request: dict[str, Any], authorization: str | None) -> None:
        with self._lock:
            self.asked[self._mode] += 1
            self.texts[self._mode] += len(request["input"])

    def refusal_of(self, request: dict[str, Any], *, client_port: int) -> Refusal | None:
        if any(DEADLY in text for text in request["input"]):
            self._kill(client_port)
        match self._mode:
            case Mode.RATE_LIMITED:
                return Refusal(429, {"message": "slow down"}, {"Retry-After": str(self.retry_after)})
            case Mode.FAILING:
                return Refusal(500, {"message": "out of memory"})
            case Mode.SLOW:
                time.sleep(self.slowness)
        if any(POISON in text for text in request["input"]):
            with self._lock:
                self.poisoned += 1
            return Refusal(400, {"message": "this input cannot be embedded"})
        return None

    def _kill(self, client_port: int) -> None:
        pid = pid_behind(client_port, self.server_port)
        if pid is not None and pid != os.getpid():
            with self._lock:
                self.killed.append(pid)
            self.on_deadly(pid)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: they are killed on purpose."""


def _too_few(items: Items) -> Items:
    return items[:-1]


def _not_a_number(items: Items) -> Items:
    return [{**item, "embedding": [float("nan")] * _length(item)} for item in items]


def _wrong_dimension(items: Items) -> Items:
    return [{**item, "embedding": [0.5] * (_length(item) + 1)} for item in items]


def _length(item: dict[str, Any]) -> int:
    """Return the number of float32 in an embedding, a list or base64."""
    embedding = item["embedding"]
    return len(embedding) if isinstance(embedding, list) else (len(embedding.rstrip("=")) * 3 // 4) // 4


_ALTERATIONS: dict[Mode, Callable[[Items], Items]] = {
    Mode.TOO_FEW: _too_few,
    Mode.NOT_A_NUMBER: _not_a_number,
    Mode.WRONG_DIMENSION: _wrong_dimension,
}


@contextmanager
def running_embedding_faults(port: int = 0) -> Iterator[EmbeddingFaults]:
    """Serve on the loopback interface until the block ends."""
    server = EmbeddingFaults(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.mode = Mode.OK
        server.shutdown()
        server.server_close()
        thread.join()
