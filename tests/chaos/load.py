"""A writer at work: adds, edits and deletes documents of its own, one after the other, until it is stopped."""

import random
import threading

from tests.chaos.corpus import text_of, with_one_changed
from tests.chaos.journal import Journal
from tests.chaos.writer import WriteFailed, Writer

# Each document is asked for in the end.
_MOST = 600


class Load:
    """Writes with `writer`, pausing between two writes. `refused` are writes that failed; nobody kills the writer."""

    def __init__(
        self, writer: Writer, journal: Journal, *, name: str, seed: int, pause: float, bulk: int, paragraphs: int
    ) -> None:
        self.refused: list[str] = []
        self.count = 0
        self._writer = writer
        self._journal = journal
        self._name = name
        self._rng = random.Random(seed)
        self._pause = pause
        self._bulk = bulk
        self._paragraphs = paragraphs
        self._made = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the last write was acknowledged or has failed."""
        self._stopping.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
                self.count += 1
            except WriteFailed as error:
                self.refused.append(f"a write was refused: {error}")
                return
            self._stopping.wait(self._pause)

    def _step(self) -> None:
        mine = {key: text for key in self._journal.known() if (text := self._journal.latest(key)) and self._owns(key)}
        dice = self._rng.random()
        if len(mine) < 10 or (dice < 0.2 and len(mine) < _MOST):
            self._add()
        elif self._bulk > 1:
            keys = self._rng.sample(list(mine), min(self._bulk, len(mine)))
            self._writer.save_many({key: self._new_text() for key in keys})
        elif dice < 0.7:
            key = self._rng.choice(list(mine))
            self._writer.save(key, with_one_changed(self._rng, mine[key]))
        elif dice < 0.85:
            self._writer.save(self._rng.choice(list(mine)), self._new_text())
        else:
            self._writer.delete(self._rng.choice(list(mine)))

    def _add(self) -> None:
        names = [f"{self._name}/{self._made + number}" for number in range(self._bulk)]
        self._made += self._bulk
        self._writer.save_many({name: self._new_text() for name in names})

    def _owns(self, key: str) -> bool:
        return key.startswith(f"{self._name}/")

    def _new_text(self) -> str:
        return text_of(self._rng, paragraphs=self._rng.randint(1, self._paragraphs))
