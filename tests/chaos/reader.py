"""Readers: threads that ask the site's API for passages all the time, and note what they were told."""

import random
import threading
import time
from collections.abc import Container

import httpx

from tests.chaos.corpus import passages_of
from tests.chaos.journal import Answer, Journal

PATIENCE = 20.0
_RECENT = 30


class Reader:
    """Asks one collection. `ask` is for a question of one's own; `start` asks for this and that until `stop`.

    What `avoid` holds is not asked for: a question is embedded too.
    """

    def __init__(self, url: str, slug: str, journal: Journal, *, seed: int, avoid: Container[str] = ()) -> None:
        self._client = httpx.Client(base_url=url, timeout=PATIENCE)
        self._slug = slug
        self._journal = journal
        self._rng = random.Random(seed)
        self._avoid = avoid
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self, key: str, question: str) -> Answer:
        """Ask for `question`, a passage that `key` holds or held."""
        sent = time.monotonic()
        found: dict[str, object] = {}
        try:
            response = self._client.get("/api/v1/search", params={"q": question, "collection": self._slug, "limit": 10})
            if response.status_code == 200:
                body = response.json()
                found["hits"] = tuple((hit["key"], hit["passage"]["text"]) for hit in body["hits"])
                found["degraded"] = tuple(reason["code"] for reason in body["degraded"] or ())
            else:
                found["error"] = f"status {response.status_code}: {response.text[:200]}"
        except httpx.TransportError as error:
            found["error"], found["unreachable"] = f"{type(error).__name__}: {error}", True
        answer = Answer(sent, time.monotonic(), question, key, **found)  # type: ignore[arg-type]
        self._journal.answered(answer)
        return answer

    def start(self, *, pause: float) -> None:
        self._thread = threading.Thread(target=self._read, args=(pause,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        self.stop()
        self._client.close()

    def _read(self, pause: float) -> None:
        while not self._stopping.wait(pause):
            question = self._question()
            if question:
                self.ask(*question)

    def _question(self) -> tuple[str, str] | None:
        """Choose a document, every other time one of the last written, and a passage that it holds or held."""
        keys = [key for key in self._journal.known() if key not in self._avoid]
        if not keys:
            return None
        key = self._rng.choice(keys[-_RECENT:] if self._rng.random() < 0.5 else keys)
        texts = [write.text for write in self._journal.writes(key)[-3:] if write.text]
        if not texts:
            return None
        text = texts[-1] if self._rng.random() < 0.6 else self._rng.choice(texts)
        return key, self._rng.choice(passages_of(text))
