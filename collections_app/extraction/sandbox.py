"""Runs the child that reads one file, and turns every way in which it can end into documents or an error.

A fresh interpreter per file: measured at 60 to 120 ms, which is little beside embedding a file, and nothing that one
file does can reach the next. `subprocess` and not `multiprocessing`, because Celery's workers are daemonic processes
that may not have children of the latter kind.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collections_app.exceptions import (
    EncryptedSource,
    ExtractionCrashed,
    ExtractionError,
    ExtractionLimitExceeded,
    ExtractionUnavailable,
    InvalidImport,
    NothingToExtract,
    UnsupportedMediaType,
    VectorsiteError,
)
from collections_app.extraction.document import Limits, TableMapping, WholeRows

logger = logging.getLogger(__name__)

_PROJECT = str(Path(__file__).resolve().parents[2])
# -I keeps the environment, the user's site-packages and the working directory out of the import path.
_COMMAND = (
    sys.executable,
    "-I",
    "-X",
    "utf8",
    "-c",
    "import sys; sys.path.insert(0, sys.argv[1]); from collections_app.extraction.child import main; sys.exit(main())",
    _PROJECT,
)
_ERRORS: dict[str, type[VectorsiteError]] = {
    error.__name__: error
    for error in (
        EncryptedSource,
        ExtractionError,
        ExtractionLimitExceeded,
        ExtractionUnavailable,
        InvalidImport,
        NothingToExtract,
        UnsupportedMediaType,
    )
}
_LOGGED_BYTES = 4000


def read_in_child(
    *,
    path: Path,
    filename: str,
    media_type: str,
    reader: str,
    mapping: TableMapping | None,
    limits: Limits,
    folder: Path,
    spool: Path,
) -> tuple[str, ...]:
    """Read the file at `path` into `spool` and return the warnings that concern it as a whole.

    `folder` is the child's own: its working and temporary directory. Raises an ExtractionError or InvalidImport.
    """
    job = {
        "path": str(path.resolve()),
        "filename": filename,
        "media_type": media_type,
        "reader": reader,
        "mapping": asdict(mapping) if mapping else None,
        "whole_rows": isinstance(mapping, WholeRows),
        "limits": asdict(limits),
        "parent": os.getpid(),
        "spool": str(spool),
    }
    log = folder / "stderr"
    try:
        status, output = _run(json.dumps(job).encode(), folder, log, limits)
    except OSError as error:
        raise ExtractionUnavailable(f"The reader could not be started: {error.strerror or error}.") from error
    _report(filename, status, log)
    return _warnings(status, output, limits)


def _run(job: bytes, folder: Path, log: Path, limits: Limits) -> tuple[int, bytes]:
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        ) as process,
    ):
        try:
            output, _ = process.communicate(job, timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise ExtractionLimitExceeded(_too_long(limits)) from None
        finally:
            _kill(process)
        return process.returncode, output


def _environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of the child: no secret of the site is in it."""
    passed = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {**passed, "TMPDIR": str(folder), "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole process group, unless the child has ended by itself."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended between the two calls
            return
        process.wait()


def _warnings(status: int, output: bytes, limits: Limits) -> tuple[str, ...]:
    """Return what the child has to say about the file as a whole, or raise what went wrong."""
    if status == -signal.SIGXCPU:
        raise ExtractionLimitExceeded(_too_long(limits))
    if status < 0:
        raise ExtractionCrashed(_crash(signal.Signals(-status).name, limits))
    try:
        verdict: dict[str, Any] = json.loads(output)
    except ValueError:  # no file can bring this about; the site's own code did
        raise ExtractionUnavailable(
            "The program that reads files does not start or end properly; the log of the worker says why. "
            "Repair the installation and try again."
        ) from None
    if "error" in verdict:
        raise _ERRORS.get(verdict["error"], ExtractionError)(verdict["message"])
    return tuple(verdict["warnings"])


def _report(filename: str, status: int, log: Path) -> None:
    """Log what the child printed: the traceback of a parser, or where it crashed."""
    said = log.read_bytes()[-_LOGGED_BYTES:].decode("utf-8", "replace").strip()
    if said:
        logger.warning("The reader of %r ended with status %s and said: %s", filename, status, said)


def _too_long(limits: Limits) -> str:
    return (
        f"Reading the file takes more than {limits.seconds:g} seconds. "
        "Split it into smaller files, or save it in a simpler format such as plain text."
    )


def _crash(cause: str, limits: Limits) -> str:
    return (
        f"The program that reads such files crashed on this one ({cause}): it is damaged, or takes more than "
        f"{limits.memory_bytes // 2**20} MiB of memory. Open it in the program that wrote it, save it again or split "
        "it, and upload that."
    )
