"""A Chroma server that is killed, stopped, starved of disk and damaged, on a fixed port and folder.

How Chroma 1.5.9 persists, as seen with inotify: when an upsert makes `sync_threshold` records unsaved, the server
writes header.bin, data_level0.bin, length.bin and link_lists.bin in place, in the segment's folder, then
index_metadata.pickle anew, then commits to its SQLite file how far it came. A kill in between leaves files of two ages,
or a pickle cut short.

A collection whose link_lists.bin was cut short may load well and, at its next persist, write that file without end
until the disk is full. No server of the tests may therefore write a file of more than LARGEST_FILE bytes.
"""

import contextlib
import os
import pickle
import random
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.faults.file_events import FileEvents
from tests.chroma_server import ChromaServer

FIRST_WRITTEN, LAST_WRITTEN = "header.bin", "index_metadata.pickle"
LARGEST_FILE = 1 << 30
_STAGES = (FIRST_WRITTEN, "data_level0.bin", "length.bin", "link_lists.bin")


class ChromaProcess(ChromaServer):
    """A server under the harness's control. `persists_hit` counts kills that really fell into a persist."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        super().__init__(folder)
        if port is not None:
            self.port = port
        self.kills = 0
        self.persists_hit = 0

    def start(self) -> None:
        super().start()
        self.unlimit_files()

    def kill(self) -> None:
        self.kills += 1
        super().kill()

    def kill_during_persist(self, *, seconds: float, rng: random.Random | None = None) -> bool:
        """Wait until a collection is being persisted, SIGKILL the server in the midst of it, and return True.

        The moment is drawn from the stages of a persist. Somebody else must be writing meanwhile. False: within
        `seconds` there was no persist (the server lives), or it was over when the signal came (the server is dead):
        neither is counted in `persists_hit`.
        """
        chooser = rng or random.Random()
        stage, delay = chooser.choice(_STAGES), chooser.choice((0.0, 0.0, chooser.uniform(0.0, 0.004)))
        deadline = time.monotonic() + seconds
        with FileEvents(self.folder) as events:
            if not events.wait_for_write(stage, until=deadline):
                return False
            if delay:
                time.sleep(delay)
            self.kill()
            written = events.written_since(FIRST_WRITTEN)
        is_hit = not any(path.name == LAST_WRITTEN and _is_whole(path) for path in written)
        self.persists_hit += is_hit
        return is_hit

    def restart(self) -> None:
        """Start again on the same port and folder, killing what still runs."""
        if self.is_running:
            self.kill()
        self.start()

    def lose_folder(self) -> None:
        """Kill the server and delete all that it has."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def suspend(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        self.suspend()
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError, AssertionError):
                self.resume()

    def limit_files(self, size: int) -> None:
        """Refuse to let any file grow beyond `size` bytes, as a full disk would; files that are larger stay so."""
        _, highest = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, highest))

    def unlimit_files(self) -> None:
        """Give the disk back, up to LARGEST_FILE."""
        self.limit_files(LARGEST_FILE)

    def has_crashed(self) -> bool:
        """Tell whether the server ended without anybody asking it to."""
        return self._process is not None and not self.is_running


def _is_whole(path: Path) -> bool:
    try:
        pickle.loads(path.read_bytes())
    except (OSError, EOFError, pickle.UnpicklingError):
        return False
    return True
