"""Documents out: a worker reads a source file and saves what it holds."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from collections_app import fields, portable, services
from collections_app.exceptions import ExtractionCrashed, ExtractionError, InvalidDocument, VectorsiteError
from collections_app.extraction import (
    EXTRACTOR_VERSION,
    ExtractedDocument,
    Extraction,
    RowFailure,
    TableMapping,
    extract_file,
)
from collections_app.ledger import in_future
from collections_app.models import ExtractionState, ImportItem, ImportOutcome, SourceFile, VectorIndex
from collections_app.sources.deletion import remove_documents
from collections_app.sources.lease import claim, hold
from collections_app.sources.stored_bytes import local_path

logger = logging.getLogger(__name__)

# How long to wait when nothing can be read now (no disk space, no process).
PAUSE = timedelta(seconds=15)
MAX_ATTEMPTS = 3
# How often the lease is renewed while nothing is written.
_BREATH_SECONDS = 10.0


@dataclass(slots=True)
class _Tally(services.Tally):
    """What a source file gave, counted while its documents are saved."""

    removed: int = 0
    keys: set[str] = field(default_factory=set)

    @property
    def documents(self) -> int:
        return self.created + self.updated + self.unchanged

    @property
    def outcome(self) -> ImportOutcome:
        if self.created:
            return ImportOutcome.CREATED
        if self.updated or self.removed:
            return ImportOutcome.UPDATED
        # A collection that was exported when it was empty holds nothing.
        return ImportOutcome.FAILED if self.failures and not self.unchanged else ImportOutcome.UNCHANGED


def extract(source_id: int) -> int:
    """Read a waiting source file and save the documents it holds; return how many it holds.

    A file that cannot be read is failed with its reason, and what an earlier version of it gave stays as it is.
    """
    source = claim(source_id)
    if source is None:
        return 0
    try:
        if source.attempts > MAX_ATTEMPTS:
            raise ExtractionCrashed(
                f"The worker died {MAX_ATTEMPTS} times while it read this file. Look for it in the worker's log, or "
                "leave the file out."
            )
        tally = _read(source)
    except VectorsiteError as error:
        if error.permanent:
            _finish(source, ExtractionState.FAILED, error=error)
        else:
            _put_back(source, error)
        return 0
    _finish(source, ExtractionState.EXTRACTED, tally=tally)
    return tally.documents


def _put_back(source: SourceFile, error: VectorsiteError) -> None:
    """Leave the file waiting, uncharged; its lease keeps it from being tried again at once."""
    logger.warning("%s waits: %s", source, error)
    ours = SourceFile.objects.filter(pk=source.pk, lease_token=source.lease_token)
    ours.update(attempts=F("attempts") - 1, error=str(error)[:2000], lease_expires_at=in_future(PAUSE))


def _read(source: SourceFile) -> _Tally:
    if source.media_type == portable.MEDIA_TYPE:
        return _take_collection(source)
    options = dict(source.options)
    mapping = None
    if options:
        lists = {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
        mapping = TableMapping(**{**options, **lists})
    with local_path(str(source.file)) as path:
        if not path.exists():
            raise ExtractionError("The stored bytes of this file are gone. Upload it again.")
        with extract_file(path, filename=source.filename, mapping=mapping) as extraction:
            source.media_type = extraction.media_type
            fields.declare(source.collection, _rows(extraction, source))
            return _save(source, extraction)


def _take_collection(source: SourceFile) -> _Tally:
    """Check an exported collection and take what it holds. The lease is renewed while it is checked."""
    last = time.monotonic()

    def breathe() -> None:
        nonlocal last
        if time.monotonic() - last > _BREATH_SECONDS:
            hold(source)
            last = time.monotonic()

    index = VectorIndex.objects.select_related("profile").get(pk=source.collection.serving_index_id or 0)
    plan = portable.Plan(profile=index.profile, name=source.collection.name, **source.options)
    with local_path(str(source.file)) as path, portable.open_collection_file(path) as file:
        verified = portable.check(file, plan, breathe=breathe)
        taken = portable.take(
            file,
            source.collection,
            visibility=plan.visibility,
            uses_vectors=plan.uses_vectors,
            user=source.created_by,
            source_file=source,
            said=portable.remarks(file, plan, verified),
            fence=partial(hold, source),
        )
    return _Tally(taken.created, taken.updated, taken.unchanged, taken.failures)


def _rows(extraction: Extraction, source: SourceFile) -> Iterator[dict[str, Any]]:
    for found in extraction:
        if isinstance(found, ExtractedDocument):
            yield _metadata(found, source)


def _metadata(found: ExtractedDocument, source: SourceFile) -> dict[str, Any]:
    if found.key:
        return found.metadata
    path = PurePosixPath(source.key)
    about_file = {"file_type": path.suffix.lstrip(".").lower(), "folder": str(path.parent)}
    return {name: value for name, value in about_file.items() if value not in {"", "."}} | found.metadata


def _save(source: SourceFile, extraction: Extraction) -> _Tally:
    tally = _Tally()

    def documents() -> Iterator[services.DocumentInput]:
        for found in extraction:
            if isinstance(found, RowFailure):
                tally.keys.add(_key(found.key, source))
                tally.failures.append((found.key, found.reason))
            else:
                yield _document(found, source)

    saves = services.save_documents(
        source.collection,
        documents(),
        user=source.created_by,
        source_file=source,
        priority=_priority(source),
        fence=partial(hold, source),
    )
    for saved in saves:
        tally.keys.add(saved.key)
        tally.count(saved)
    if not tally.documents and not tally.failures:
        raise InvalidDocument("The file was read and holds no documents.")
    if not tally.documents and len(tally.failures) == 1:
        raise InvalidDocument(tally.failures[0][1])
    tally.removed = remove_documents(source, lambda key: key not in tally.keys, user=source.created_by)
    return tally


def _document(found: ExtractedDocument, source: SourceFile) -> services.DocumentInput:
    key, metadata = _key(found.key, source), _metadata(found, source)
    return document_of(found, key=key, filename=source.filename, metadata=metadata)


def document_of(
    found: ExtractedDocument, *, key: str, filename: str, metadata: Mapping[str, Any] = MappingProxyType({})
) -> services.DocumentInput:
    """Return the document that is made of what a file named `filename` holds."""
    return services.DocumentInput(
        key=key,
        title=found.title or ("" if found.key else PurePosixPath(filename).stem),
        text=found.text,
        markup=found.markup,
        metadata=metadata,
        segments=found.segments,
    )


def _key(row_key: str, source: SourceFile) -> str:
    """Return the document's key: the file's, or the row's within it, or the row's alone if a key column was named."""
    if not row_key:
        return source.key
    return row_key if source.options.get("key_field") else f"{source.key}#{row_key}"


def _priority(source: SourceFile) -> int:
    """A single small file is somebody waiting for it; a big one is bulk work."""
    return services.INTERACTIVE if source.size < 100_000 else services.BULK


@transaction.atomic
def _finish(
    source: SourceFile, state: ExtractionState, *, tally: _Tally | None = None, error: VectorsiteError | None = None
) -> None:
    """Note what became of the file, unless new bytes came or another worker took over meanwhile."""
    ours = SourceFile.objects.filter(pk=source.pk, lease_token=source.lease_token)
    code = getattr(error, "code", type(error).__name__) if error else ""
    if not ours.update(
        state=state,
        media_type=source.media_type,
        extractor_version=EXTRACTOR_VERSION,
        error=str(error)[:2000] if error else "",
        error_code=code,
        lease_token=None,
        lease_expires_at=None,
        changed_at=Now(),
    ):
        return
    waiting = ImportItem.objects.filter(source_file=source, outcome=ImportOutcome.PENDING)
    if tally is None:
        waiting.update(outcome=ImportOutcome.FAILED, reason=str(error)[:2000])
        return
    for item in waiting:
        _record_failures(item, tally)
    waiting.update(
        outcome=tally.outcome,
        created=tally.created,
        updated=tally.updated,
        unchanged=tally.unchanged,
        removed=tally.removed,
        failed=len(tally.failures),
        reason=_refused(len(tally.failures)),
    )


def _refused(rows: int) -> str:
    if not rows:
        return ""
    return "1 row could not be taken." if rows == 1 else f"{rows} rows could not be taken."


def _record_failures(item: ImportItem, tally: _Tally) -> None:
    ImportItem.objects.bulk_create(
        [
            ImportItem(
                import_act_id=item.import_act_id,
                key=f"{item.key}#{key}"[:500] if key else item.key,
                source_file_id=item.source_file_id,
                outcome=ImportOutcome.FAILED,
                reason=reason[:2000],
            )
            for key, reason in tally.failures
        ],
        batch_size=1000,
    )
