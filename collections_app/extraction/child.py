"""The process that reads one file and ends: all parsing of what users upload happens here.

The job comes as JSON on standard input, the verdict goes as JSON to standard output, the documents to a spool file.
Nothing is shared with the parent but these, and the operating system enforces the limits.
"""

import ctypes
import errno
import faulthandler
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from collections_app.exceptions import (
    ExtractionError,
    ExtractionLimitExceeded,
    ExtractionUnavailable,
    VectorsiteError,
)
from collections_app.extraction import spool
from collections_app.extraction.builder import too_much_text
from collections_app.extraction.document import Limits, TableMapping, WholeRows
from collections_app.extraction.source import Reader, Source

_PR_SET_PDEATHSIG = 1
# openpyxl imports these if it can, which takes longer than reading most workbooks, and needs neither to read.
_UNWANTED = ("numpy", "PIL")
_FORBIDDEN_EVENTS = ("socket.", "subprocess.", "os.fork", "os.exec", "os.system", "os.posix_spawn", "pty.")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}


def main() -> int:
    """Read the job, confine this process, do the job and report; never raises."""
    job = json.load(sys.stdin.buffer)
    # Native libraries print where they like; only the verdict may reach the parent.
    verdict_pipe = os.dup(1)
    os.dup2(2, 1)
    limits = Limits(**job["limits"])
    confine(limits, parent=job["parent"])
    for name in _UNWANTED:
        sys.modules[name] = None  # type: ignore[assignment]  # makes the import fail
    verdict = json.dumps(_verdict(job, limits)).encode()
    with os.fdopen(verdict_pipe, "wb") as pipe:
        pipe.write(verdict)
    return 0


def confine(limits: Limits, *, parent: int) -> None:
    """Set the limits that the operating system enforces, and forbid network and further processes."""
    faulthandler.enable()
    if sys.platform == "linux":  # others have no such signal, and count address space in ways that stop the interpreter
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _limit(resource.RLIMIT_AS, limits.memory_bytes)
    if os.getppid() != parent:  # it died before the signal was asked for
        os._exit(1)
    # One second between soft and hard: the kernel kills at the hard limit, and only the soft one names the reason.
    _limit(resource.RLIMIT_CPU, int(limits.seconds) + 1, grace=1)
    _limit(resource.RLIMIT_FSIZE, limits.output_bytes + 2**20)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_forbid)


def _limit(kind: int, value: int, *, grace: int = 0) -> None:
    """Set soft and hard limit, neither above the hard limit that this process was given."""
    given = resource.getrlimit(kind)[1]
    soft, hard = ((item if given == resource.RLIM_INFINITY else min(item, given)) for item in (value, value + grace))
    resource.setrlimit(kind, (soft, hard))


def _forbid(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN_EVENTS):
        raise PermissionError(f"{event} is not allowed while a file is read")


def _verdict(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    source = Source(
        path=Path(job["path"]),
        filename=job["filename"],
        media_type=job["media_type"],
        mapping=WholeRows() if job["whole_rows"] else _mapping(job["mapping"]),
        limits=limits,
    )
    error = _run(job["reader"], source, Path(job["spool"]))
    if error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"warnings": source.warnings}


def _mapping(values: dict[str, Any] | None) -> TableMapping | None:
    if values is None:
        return None
    fields = values["metadata_fields"]
    return TableMapping(
        text_fields=tuple(values["text_fields"]),
        title_field=values["title_field"],
        key_field=values["key_field"],
        metadata_fields=None if fields is None else tuple(fields),
        delimiter=values["delimiter"],
        lists=tuple((name, separator) for name, separator in values["lists"]),
    )


def _run(reader: str, source: Source, spool_path: Path) -> VectorsiteError | None:
    """Read `source` into the spool. Returns what went wrong as an error that a person understands."""
    try:
        read = _load(reader)
    except ImportError as error:
        return ExtractionUnavailable(
            f"Files of this kind cannot be read now: {error}. Run `pip install -r requirements.txt`."
        )
    try:
        with spool_path.open("wb") as file:
            spool.write(read(source), file, source.limits)
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on hostile input
        return _explained(error, source.limits)
    return None


def _explained(error: Exception, limits: Limits) -> VectorsiteError:
    match error:
        case VectorsiteError():
            return error
        case MemoryError():
            return _too_much_memory(limits)
        case RecursionError():
            return ExtractionError("The file is nested too deeply to be read. Simplify it, or use another format.")
        case OSError():
            return _from_operating_system(error, limits)
    return _damaged(error)


def _load(reader: str) -> Reader:
    module, _, function = reader.partition(":")
    loaded: Reader = getattr(importlib.import_module(module), function)
    return loaded


def _too_much_memory(limits: Limits) -> ExtractionLimitExceeded:
    return ExtractionLimitExceeded(
        f"Reading the file takes more than {limits.memory_bytes // 2**20} MiB of memory. "
        "Split it into smaller files and upload them again."
    )


def _from_operating_system(error: OSError, limits: Limits) -> VectorsiteError:
    if error.errno == errno.EFBIG:
        return ExtractionLimitExceeded(too_much_text(limits.output_bytes))
    if error.errno == errno.ENOMEM:
        return _too_much_memory(limits)
    if error.errno in _NO_ROOM:
        return ExtractionUnavailable(f"The file cannot be read now: {error.strerror}. Free some space and try again.")
    return _damaged(error)


def _damaged(error: Exception) -> ExtractionError:
    """Return the error for a file whose parser gave up; what it said is for the log."""
    traceback.print_exception(error)
    return ExtractionError(
        "The file is damaged and could not be read. Open it in the program that wrote it, save it again and upload "
        "that."
    )
