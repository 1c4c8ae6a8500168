"""Where the private servers of this site listen: stable ports on loopback and Redis's password.

Settings read them in every process, the supervisor starts the servers on them. Standard library only, because
settings are read before Django is ready.
"""

import fcntl
import json
import os
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range from which Linux (32768) and macOS (49152) take the ports of outgoing connections: a port out of
# that range may be busy for a moment just when the server is to be started again.
PORTS = range(20000, 32000)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Ports on loopback, and the password that Redis asks for. Chroma knows no passwords."""

    redis_port: int
    redis_password: str
    chroma_port: int

    @property
    def redis_url(self) -> str:
        return f"redis://:{self.redis_password}@{LOOPBACK}:{self.redis_port}/0"

    @property
    def chroma_url(self) -> str:
        return f"http://{LOOPBACK}:{self.chroma_port}"


def endpoints(var_dir: Path) -> Endpoints:
    """Return the endpoints kept under `var_dir`, choosing them on first need.

    Any number of processes may ask at once; all get the same answer. Raises ValueError when the file that keeps
    them is damaged.
    """
    path = _file(var_dir)
    if path.exists():
        return _read(path)
    with _locked(var_dir):
        if path.exists():
            return _read(path)
        redis_port, chroma_port = _free_port(), _free_port()
        while chroma_port == redis_port:
            chroma_port = _free_port()
        chosen = Endpoints(redis_port=redis_port, redis_password=secrets.token_urlsafe(24), chroma_port=chroma_port)
        _write(path, chosen)
        return chosen


def move_taken_ports(var_dir: Path, *, redis: bool, chroma: bool) -> list[str]:
    """Choose another port for each wanted private server whose port is taken; return one sentence for each move.

    Only for the moment before the servers are started, while nothing of this site runs.
    """
    before = endpoints(var_dir)
    after = replace(
        before,
        redis_port=_free_port() if redis and not is_free(LOOPBACK, before.redis_port) else before.redis_port,
        chroma_port=_free_port() if chroma and not is_free(LOOPBACK, before.chroma_port) else before.chroma_port,
    )
    if after == before:
        return []
    with _locked(var_dir):
        _write(_file(var_dir), after)
    ports = [("Redis", before.redis_port, after.redis_port), ("Chroma", before.chroma_port, after.chroma_port)]
    return [
        f"Port {old} of the private {server} is taken by another program; using {new}."
        for server, old, new in ports
        if new != old
    ]


def report_stuck(var_dir: Path, server: str) -> None:
    """Say that a private server hangs though it answers; whoever supervises it starts it again."""
    (var_dir / "run" / f"{server}.stuck").touch()


def take_stuck_report(var_dir: Path, server: str) -> bool:
    """Return whether a private server was reported as stuck since the last call."""
    try:
        (var_dir / "run" / f"{server}.stuck").unlink()
    except FileNotFoundError:
        return False
    return True


def crash_report(var_dir: Path, server: str) -> Path:
    """Return the file that says that a private server has ended other than by being stopped, since it was taken."""
    return var_dir / "run" / f"{server}.crashed"


def note_start(var_dir: Path, server: str) -> None:
    """Note that a private server is being started; if its last run was not stopped properly, that is reported."""
    # It was about the run before.
    take_stuck_report(var_dir, server)
    running = var_dir / "run" / f"{server}.running"
    if running.exists():
        crash_report(var_dir, server).touch()
    running.touch()


def note_stop(var_dir: Path, server: str) -> None:
    """Note that a private server has ended as it was asked to."""
    (var_dir / "run" / f"{server}.running").unlink(missing_ok=True)


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen on `port` of `host` (an IP address) now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(LOOPBACK, port))


def _file(var_dir: Path) -> Path:
    return var_dir / "run" / "private.json"


@contextmanager
def _locked(var_dir: Path) -> Iterator[None]:
    folder = var_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "private.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> Endpoints:
    try:
        return Endpoints(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise ValueError(f"{path} is damaged. Stop the site, delete that file and start again.") from None


def _write(path: Path, chosen: Endpoints) -> None:
    """Put the file in place in one step: a reader sees the old or the new one, never a part."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(asdict(chosen), stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
