"""One experiment on a stage: a collection with its writers, its readers, and what was found to be wrong."""

import contextlib
import random
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg

from tests.chaos.answers import Examiner, Interval
from tests.chaos.corpus import CHUNK_SIZE, passages_of, text_of, with_one_changed
from tests.chaos.faults.holds import NothingHeld
from tests.chaos.in_step import Projection
from tests.chaos.journal import Journal
from tests.chaos.load import Load
from tests.chaos.reader import Reader
from tests.chaos.stage import GRACE_SECONDS, Stage
from tests.chaos.writer import Writer

SYNC_THRESHOLD = 200
_QUIET_SECONDS = 0.3
# How long after the end of their grace tombstones may still be there.
_TIDY_SECONDS = 20
_MOST_EXAMPLES = 100


class NotAtRest(AssertionError):
    """Something is still to be done when it should have been done long ago."""


class Scene:
    """What an experiment works with. Use it as a context manager."""

    def __init__(self, stage: Stage, folder: Path, *, seed: int) -> None:
        self.stage = stage
        self.folder = folder
        self.slug = f"c{secrets.token_hex(4)}"
        self.journal = Journal(folder)
        self.rng = random.Random(seed)
        self.poison: set[str] = set()
        self.web_away: list[Interval] = []
        self.violations: list[str] = []
        self.examiner = Examiner(self.journal)
        self.asker = Reader(stage.site.url, self.slug, self.journal, seed=seed)
        self.writer = self.new_writer()
        self._readers: list[Reader] = []
        self._loads: list[Load] = []
        self._writers: list[Writer] = []
        self._projection: Projection | None = None

    # --- before -----------------------------------------------------------------------------------------------

    def new_writer(self) -> Writer:
        """Start another writing process."""
        return Writer(self.stage.environment, self.slug, self.journal, self.folder / "writers.log")

    def renew_writer(self) -> None:
        """Start a new writing process in place of one that was killed."""
        self.writer.close()
        self.writer = self.new_writer()

    def fill(self, documents: int, *, paragraphs: int = 3) -> None:
        """Make the collection with some documents, and return when each was found by its own text; raise if not."""
        # A text that a model counts by itself is not cut: the passages are known only for words.
        size = 200 if self.stage.needs.misleads_embedder else CHUNK_SIZE
        self.writer.create_collection(sync_threshold=SYNC_THRESHOLD, chunk_size=size)
        if documents:
            count = 1 if self.stage.needs.misleads_embedder else paragraphs
            self.writer.save_many(
                {f"seed/{number}": text_of(self.rng, paragraphs=count) for number in range(documents)}
            )
            self.rest(60)
            self._find_all("before anything was done to it")
            if self.violations:
                raise AssertionError(self.violations)

    def read(self, readers: int, *, pause: float = 0.02) -> None:
        """Let readers ask all the time."""
        for number in range(readers):
            reader = Reader(self.stage.site.url, self.slug, self.journal, seed=number, avoid=self.poison)
            self._readers.append(reader)
            reader.start(pause=pause)

    def write(self, *, writers: int = 1, pause: float = 0.05, bulk: int = 1) -> None:
        """Let processes write all the time, each documents of its own."""
        for _ in range(writers):
            writer = self.new_writer()
            self._writers.append(writer)
            load = Load(
                writer,
                self.journal,
                name=f"w{len(self._writers)}",
                seed=self.rng.randrange(1 << 30),
                pause=pause,
                bulk=bulk,
                paragraphs=1 if self.stage.needs.misleads_embedder else 4,
            )
            self._loads.append(load)
            load.start()

    @property
    def writes(self) -> list[int]:
        """How many writes each of the writers at work has made."""
        return [load.count for load in self._loads]

    # --- during -----------------------------------------------------------------------------------------------

    @property
    def projection(self) -> Projection:
        if self._projection is None:
            self._projection = Projection(self.stage.database, self.stage.direct_store, self.slug)
        return self._projection

    def edit(self, count: int = 1) -> list[str]:
        """Change one passage of some of the first documents; return their keys."""
        keys = [key for key in self.journal.known() if key.startswith("seed/") and self.journal.latest(key)]
        chosen = self.rng.sample(keys, count)
        texts = {key: self.journal.latest(key) or "" for key in chosen}
        self.writer.save_many({key: with_one_changed(self.rng, text) for key, text in texts.items()})
        return chosen

    def edit_one(self, key: str) -> None:
        """Change one passage of this document."""
        self.writer.save(key, with_one_changed(self.rng, self.journal.latest(key) or ""))

    def count(self, what: str) -> int:
        """Count rows of ours: `what` is a table of entries, chunks … and a condition."""
        indexes = "SELECT id FROM collections_app_vectorindex WHERE collection_id = ?"
        query = f"SELECT count(*) FROM collections_app_{what} AND index_id IN ({indexes})"
        return int(self.stage.database.value(query, self.projection.collection))

    def leases(self) -> int:
        """How many documents workers have at hand."""
        return self.count("indexentry WHERE lease_token IS NOT NULL")

    def pending(self) -> int:
        return self.count("indexentry WHERE state = 'pending'")

    def until(self, condition: Callable[[], object], what: str, *, seconds: float = 30) -> None:
        """Wait until something is so; raise NothingHeld if it does not come about: then nothing was hit."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise NothingHeld(f"{what} did not come about within {seconds:g} s.")
            time.sleep(0.03)

    @contextlib.contextmanager
    def without_web(self) -> Iterator[None]:
        """Excuse that the site cannot be reached, from now until it answers after the block."""
        start = time.monotonic()
        self.web_away.append((start, float("inf")))
        try:
            yield
            self.until(self._answers, "An answer of the web process", seconds=60)
        finally:
            # Whatever went wrong, nothing that is asked later is excused.
            self.web_away[-1] = (start, time.monotonic())

    def _answers(self) -> bool:
        try:
            return httpx.get(self.stage.site.url, timeout=5).status_code < 500
        except httpx.TransportError:
            return False

    def examine_answers(self) -> list[str]:
        """Examine what readers were told until a moment ago, and keep what was wrong."""
        wrong = self.examiner.examine(before=time.monotonic() - _QUIET_SECONDS, web_away=self.web_away)
        self.violations += wrong[:_MOST_EXAMPLES]
        return wrong

    # --- after ------------------------------------------------------------------------------------------------

    def end_load(self) -> None:
        """Stop the writers."""
        for load in self._loads:
            load.stop()
            self.violations += load.refused
        self._loads.clear()

    def rest(self, seconds: float) -> float:
        """Return after how many seconds nothing was left to be done; raise NotAtRest if that takes too long."""
        start = time.monotonic()
        while unrest := self.projection.unrest():
            if time.monotonic() - start > seconds:
                raise NotAtRest(f"at rest: not after {seconds:g} s: {unrest}")
            time.sleep(0.1)
        return time.monotonic() - start

    def is_violated(self, seconds: float) -> bool:
        """Look at once whether a rule was broken, waiting a little for rest."""
        if not self.violations:
            self.end_load()
            with contextlib.suppress(NotAtRest):
                self.rest(seconds)
            self.violations += self.projection.examine(self.journal, poison=self.poison)[:_MOST_EXAMPLES]
            self._find_all("by its own text, at rest")
            self.examine_answers()
        return bool(self.violations)

    def examine(self, seconds: float, *, waits_for_grace: bool = True) -> float | None:
        """Wait for rest and examine everything; return how long it took to come to rest, None if it did not.

        With `waits_for_grace` all tombstones have to go first; else those have to be gone whose grace is over.
        """
        recovered: float | None = None
        try:
            recovered = self.rest(seconds)
        except NotAtRest as error:
            self.violations.append(str(error))
        for reader in self._readers:
            reader.stop()
        if recovered is not None:
            self._await_end_of_grace(GRACE_SECONDS + _TIDY_SECONDS if not waits_for_grace else 0)
        self.violations += self.projection.examine(self.journal, poison=self.poison)[:_MOST_EXAMPLES]
        self._find_all("by its own text, at rest")
        self.violations += self.examiner.examine(before=float("inf"), web_away=self.web_away)[:_MOST_EXAMPLES]
        return recovered

    def _await_end_of_grace(self, older_than: float) -> None:
        deadline = time.monotonic() + GRACE_SECONDS + _TIDY_SECONDS
        while left := self.projection.tombstones(older_than=older_than):
            if time.monotonic() > deadline:
                self.violations.append(f"at rest: {left} tombstones outlived their grace")
                return
            time.sleep(0.2)

    def _find_all(self, when: str) -> None:
        for key in self.journal.known():
            text = self.journal.latest(key)
            if not text or key in self.poison:
                continue
            if any(write.done is None for write in self.journal.writes(key)):
                continue
            passage = self.rng.choice(passages_of(text))
            answer = self.asker.ask(key, passage)
            if (key, passage) not in answer.hits:
                self.violations.append(f"not found {when}: {key!r} {passage[:60]!r} {answer.error} {answer.degraded}")

    def close(self) -> None:
        for load in self._loads:
            load.stop()
        for reader in [*self._readers, self.asker]:
            reader.close()
        for writer in [self.writer, *self._writers]:
            writer.close()

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def execute(database_url: str, path: Path, query: str, *values: object) -> int:
    """Change the database past the site; return the number of rows."""
    import sqlite3

    if database_url:
        with psycopg.connect(database_url) as connection:
            return connection.execute(query.replace("?", "%s"), values).rowcount
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        count = connection.execute(query, values).rowcount
        connection.commit()
        return count
