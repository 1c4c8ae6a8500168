"""What must be true before the first program starts."""

import errno
import hashlib
import socket
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import OperationalError, connections

from vectorsite.supervisor.exceptions import StartError


def require_free_port(host: str, port: int) -> None:
    """Raise StartError when the web server could not listen on `host`:`port`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # Linux lets two sockets bind with SO_REUSEADDR as long as neither listens.
            probe.listen()
    except OSError as error:
        raise StartError(_why_not(host, port, error)) from None


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program. Choose another port: PORT={port + 1} make run"
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for root. Choose one above 1023: PORT=8000 make run"
    return f"The web server cannot listen on HOST={host} ({error.strerror}). Try HOST=127.0.0.1 make run"


def migrate() -> None:
    """Bring the database's tables up to date. Raises StartError when the database cannot be used."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise StartError(
            f"The database cannot be used: {reason}. Check DATABASE_URL and that the server runs."
        ) from None
    finally:
        connections.close_all()


def collect_static() -> None:
    """Copy and compress static files, unless nothing has changed since the last time."""
    stamp = Path(settings.VAR_DIR) / "run" / "static.sha256"
    digest = _static_digest()
    if stamp.exists() and stamp.read_text() == digest and Path(settings.STATIC_ROOT).is_dir():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(digest)


def _static_digest() -> str:
    """Digest of where the static files come from, their sizes and times, and how they are stored."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{storage.path(path)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()
