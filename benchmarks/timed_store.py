"""Chroma, and the seconds that each process has spent in its calls: what is left of a worker's time is our own."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from collections_app.vectorstores import Record
from collections_app.vectorstores.chroma import ChromaVectorStore


class TimedChromaStore(ChromaVectorStore):
    """Notes after each call how many seconds this process has spent in calls of the server so far."""

    spent = 0.0

    def _add_batch(self, name: str, records: Sequence[Record]) -> None:
        with self._timed():
            super()._add_batch(name, records)

    def _fetch_batch(self, name: str, ids: Sequence[int], *, vectors: bool) -> Mapping[int, Record]:
        with self._timed():
            return super()._fetch_batch(name, ids, vectors=vectors)

    def _delete_batch(self, name: str, ids: Sequence[int]) -> None:
        with self._timed():
            super()._delete_batch(name, ids)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent += time.perf_counter() - start
            folder = _folder()
            folder.mkdir(exist_ok=True)
            (folder / str(os.getpid())).write_text(f"{self.spent:.6f}")


def seconds_in_store() -> float:
    """Return the seconds that all processes of the site have spent in calls of the store so far."""
    return sum((float(path.read_text() or 0) for path in _folder().glob("*")), 0.0)


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "store-times"
