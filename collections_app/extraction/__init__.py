"""Bytes -> text and segments.

    with extract_file(path, filename="report.pdf") as extraction:
        for result in extraction:  # ExtractedDocument, or RowFailure for a broken row of a table
            ...

Nothing that a user uploads is parsed in the calling process; see `sandbox`. Every way in which reading can fail is an
error of `collections_app.exceptions` whose text names the remedy.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collections_app.exceptions import ExtractionUnavailable
from collections_app.extraction import sandbox, spool
from collections_app.extraction.document import (
    ExtractedDocument,
    Limits,
    Markup,
    RowFailure,
    Segment,
    SegmentKind,
    TableMapping,
    WholeRows,
)
from collections_app.extraction.media_types import (
    BY_MEDIA_TYPE,
    HEAD_BYTES,
    SUPPORTED,
    detect_media_type,
    extension_of,
    kind_by_name,
)

__all__ = [
    "EXTRACTOR_VERSION",
    "SUPPORTED",
    "ExtractedDocument",
    "Extraction",
    "Limits",
    "Markup",
    "RowFailure",
    "Segment",
    "SegmentKind",
    "TableMapping",
    "WholeRows",
    "configured_limits",
    "detect_media_type",
    "extract_file",
]

# Raised whenever the same bytes may give another text or other segments than before.
EXTRACTOR_VERSION = 1


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a file holds. Iterating reads from disk, any number of times, until the `with` block of `extract_file` ends.

    `warnings` concern the file as a whole; what concerns one document is in its own.
    """

    media_type: str
    warnings: tuple[str, ...]
    _spool: Path

    def __iter__(self) -> Iterator[ExtractedDocument | RowFailure]:
        return spool.read(self._spool)


@contextmanager
def extract_file(
    path: Path,
    *,
    filename: str,
    media_type: str | None = None,
    mapping: TableMapping | None = None,
    limits: Limits | None = None,
) -> Iterator[Extraction]:
    """Read the file at `path` completely, then give its documents.

    `filename` is the name that the user gave it; `media_type` stands in for a name that says nothing, content has the
    last word. `mapping` applies to tables and is ignored for other files. `limits` defaults to `configured_limits()`.
    All errors are raised on entering: an ExtractionError, or InvalidImport when `mapping` does not fit the table.
    """
    limits = limits or configured_limits()
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        workplace = tempfile.TemporaryDirectory(prefix="vectorsite-extraction-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ExtractionUnavailable(f"The file cannot be read now: {error.strerror or error}.") from error
    with workplace as folder:
        detected = detect_media_type(filename, head, declared=media_type or "")
        spooled = Path(folder) / "documents.jsonl"
        warnings = sandbox.read_in_child(
            path=path,
            filename=filename,
            media_type=detected,
            reader=BY_MEDIA_TYPE[detected].reader,
            mapping=mapping,
            limits=limits,
            folder=Path(folder),
            spool=spooled,
        )
        yield Extraction(detected, (*_renamed(filename, detected), *warnings), spooled)


def configured_limits() -> Limits:
    """Return the limits of the setting EXTRACTION_LIMITS, a mapping of fields of `Limits`; defaults for the rest."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        return Limits(**getattr(settings, "EXTRACTION_LIMITS", {}))
    except ImproperlyConfigured:  # no settings at all: used as a library
        return Limits()


def _renamed(filename: str, detected: str) -> Iterator[str]:
    kind = kind_by_name(filename)
    if kind and kind.media_type != detected:
        label = BY_MEDIA_TYPE[detected].label
        yield f"The file is named .{extension_of(filename)} but holds {label}; it was read as what it is."
