"""What files would take, told before they are taken in: some are read here, as a worker would read them.

How much text a file holds is not known before it is read. So what is said of files that were not read is an estimate
by their size in bytes, which is far off where kinds of files are mixed; of what was read it is exact.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from django.core.files import File

from collections_app import services, sources
from collections_app.drafts import prepare
from collections_app.exceptions import ExtractionError, InvalidDocument, InvalidImport
from collections_app.extraction import ExtractedDocument, TableMapping, extract_file
from collections_app.models import Collection, VectorIndex

# What may be read at most to find out.
MOST_FILES, MOST_SECONDS = 50, 30.0


@dataclass(frozen=True, slots=True)
class FileToTake:
    """A file on this machine, the key that would name it in the collection, and the name that its user gave it."""

    path: Path
    key: str
    filename: str


@dataclass(frozen=True, slots=True)
class FileEstimate:
    """What taking in files would take. `read` of them were read for it; `unchanged` ones cost nothing.

    `unreadable` are reasons why files that were read give no documents, by their keys.
    """

    files: int
    unchanged: int
    read: int
    unreadable: dict[str, str]
    embedding: services.Estimate


def estimate_files(
    collection: Collection, index: VectorIndex, files: Sequence[FileToTake], *, mapping: TableMapping | None = None
) -> FileEstimate:
    """Estimate what `files` would take in `collection`, which need not be saved, with `index`; nothing is kept.

    Raises EmbeddingError without the model of the index's profile.
    """
    changed = [file for file in files if not _is_unchanged(collection, file, mapping)]
    reading = _Reading(collection, services.Sample(index), mapping)
    began = time.monotonic()
    for file in _spread(changed):
        if reading.sample.is_full or time.monotonic() - began > MOST_SECONDS:
            break
        reading.read(file)
    total = sum(max(1, file.path.stat().st_size) for file in changed)
    by_bytes = total / reading.bytes if reading.bytes else 1.0
    by_text = reading.characters / max(1, reading.sample.characters) if reading.characters else 1.0
    embedding = reading.sample.extrapolated(documents=round(reading.documents * by_bytes), factor=by_bytes * by_text)
    return FileEstimate(
        files=len(files),
        unchanged=len(files) - len(changed),
        read=reading.files,
        unreadable=reading.unreadable,
        embedding=replace(embedding, is_exact=reading.files == len(changed) and by_text == 1.0),
    )


class _Reading:
    """Files that are read, and the sample that is taken of their documents; `bytes` and `characters` are of all."""

    def __init__(self, collection: Collection, sample: services.Sample, mapping: TableMapping | None) -> None:
        self.sample = sample
        self.files = self.bytes = self.documents = self.characters = 0
        self.unreadable: dict[str, str] = {}
        self._collection = collection
        self._mapping = mapping

    def read(self, file: FileToTake) -> None:
        self.files += 1
        self.bytes += max(1, file.path.stat().st_size)
        try:
            with extract_file(file.path, filename=file.filename, mapping=self._mapping) as extraction:
                for found in extraction:
                    if isinstance(found, ExtractedDocument):
                        self._take(found, file)
        except (ExtractionError, InvalidImport) as error:
            self.unreadable[file.key] = str(error)

    def _take(self, found: ExtractedDocument, file: FileToTake) -> None:
        self.documents += 1
        try:
            wanted = sources.document_of(found, key=file.key, filename=file.filename)
            draft = prepare(wanted, fields=(), tz=ZoneInfo(self._collection.time_zone))
        except InvalidDocument:
            return
        self.characters += max(1, len(draft.text))
        if not self.sample.is_full:
            self.sample.cut(title=draft.title, text=draft.text, markup=draft.markup, segments=draft.segments)


def _is_unchanged(collection: Collection, file: FileToTake, mapping: TableMapping | None) -> bool:
    if collection.pk is None:
        return False
    with file.path.open("rb") as stream:
        return sources.is_known(collection, key=file.key, content=File(stream), mapping=mapping)


def _spread(files: Sequence[FileToTake]) -> list[FileToTake]:
    """Return files at even distances, at most so many as may be read."""
    step = max(1.0, len(files) / MOST_FILES)
    return [files[int(number * step)] for number in range(min(len(files), MOST_FILES))]
