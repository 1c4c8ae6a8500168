"""A real HTTP server that speaks OpenAI's embeddings API and Ollama's own, and misbehaves on command."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

Items = list[dict[str, Any]]


@dataclass
class Refusal:
    """An answer with an error status."""

    status: int
    error: Any
    headers: dict[str, str] = field(default_factory=dict)


class EmbeddingServer(ThreadingHTTPServer):
    """Answers with pseudo-random vectors seeded by the text, as it is told by the attributes below."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.dimensions = 24
        self.speaks_base64 = True
        self.refusal: Refusal | None = None
        self.refuses = -1  # so many requests, and answers the rest well; -1: all
        self.refuses_only: str | None = None  # requests that hold this text
        self.usage: dict[str, int] = {}  # what OpenAI's answers say they took
        self.headers: dict[str, str] = {}  # of good answers
        self.gathering: threading.Barrier | None = None  # waits until so many requests are there at once
        self.alters: Callable[[Items], Any] | None = None  # the list `data` before it is sent
        self.raw: bytes | None = None  # sent in place of any JSON
        self.hangs = False
        self.closes_early = False
        self.released = threading.Event()
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []

    def note(self, request: dict[str, Any], authorization: str | None) -> None:
        """Keep what was asked, for the test to look at."""
        self.requests.append(request)
        self.authorizations.append(authorization)

    def refusal_of(self, request: dict[str, Any], *, client_port: int) -> Refusal | None:
        """Return the error to answer with, None to answer well."""
        if self.refuses == 0 or (self.refuses_only is not None and self.refuses_only not in request["input"]):
            return None
        self.refuses -= 1 if self.refuses > 0 else 0
        return self.refusal


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.note({"path": self.path, **request}, self.headers.get("Authorization"))
        if self.server.hangs:
            self.server.released.wait(30)
            return
        if self.server.gathering:
            self.server.gathering.wait(10)
        refusal = self.server.refusal_of(request, client_port=self.client_address[1])
        if refusal:
            self._send(refusal.status, json.dumps({"error": refusal.error}).encode(), refusal.headers)
        else:
            answer = self.server.raw if self.server.raw is not None else self._answer(request)
            self._send(200, answer, self.server.headers)

    def _answer(self, request: dict[str, Any]) -> bytes:
        dimensions = request.get("dimensions", self.server.dimensions)
        in_base64 = self.server.speaks_base64 and request.get("encoding_format") == "base64"
        items: Items = [
            {"object": "embedding", "index": index, "embedding": _encoded(vector_of(text, dimensions), in_base64)}
            for index, text in enumerate(request["input"])
        ]
        data = self.server.alters(items) if self.server.alters else items
        if self.path == "/api/embed":
            vectors = [item["embedding"] for item in data] if isinstance(data, list) else data
            return json.dumps({"model": request["model"], "embeddings": vectors}).encode()
        usage = {"usage": self.server.usage} if self.server.usage else {}
        return json.dumps({"object": "list", "data": data, "model": request["model"], **usage}).encode()

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.server.closes_early else body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test output free of access lines."""


def vector_of(text: str, dimensions: int) -> np.ndarray:
    """Return the float32 vector, not of unit length, that the server gives to `text`."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)


def _encoded(vector: np.ndarray, in_base64: bool) -> str | list[float]:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if in_base64 else vector.tolist()


@contextmanager
def running_embedding_server() -> Iterator[EmbeddingServer]:
    """Serve on a free port of the loopback interface until the block ends."""
    server = EmbeddingServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
