"""A real Chroma server for tests: `chroma run` on a free port of the loopback interface, with a folder of its own."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

START_SECONDS = 30.0
_RUN = "from chromadb.cli.cli import app; app()"


class ChromaServer:
    """One server process. It can be killed and started again on the same port and folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return when the server answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ("--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUN, "run", *options], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"Chroma did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server as an administrator would, with SIGTERM."""
        self._end(kill=False)

    def kill(self) -> None:
        """End the server as the kernel would, with SIGKILL."""
        self._end(kill=True)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v2/heartbeat", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
