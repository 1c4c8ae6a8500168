"""Source files: bytes kept by their digest, read by workers, turned into documents."""

import hashlib
import json
import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from collections_app import fields, portable, services, tasks
from collections_app.exceptions import ExtractionCrashed, ExtractionError, InvalidDocument, LeaseLost, VectorsiteError
from collections_app.extraction import (
    EXTRACTOR_VERSION,
    ExtractedDocument,
    Extraction,
    RowFailure,
    TableMapping,
    extract_file,
)
from collections_app.ledger import in_future
from collections_app.models import (
    Collection,
    Document,
    ExtractionState,
    Import,
    ImportItem,
    ImportOutcome,
    SourceFile,
    User,
    VectorIndex,
)
from collections_app.trail import record

logger = logging.getLogger(__name__)

FOLDER = "sources"
# Long enough for an upload that has stored its bytes and not yet its row.
UNUSED_FOR = timedelta(days=1)
LEASE = timedelta(seconds=90)
# How long to wait when nothing can be read now (no disk space, no process).
PAUSE = timedelta(seconds=15)
MAX_ATTEMPTS = 3
# How often the lease is renewed while nothing is written.
_BREATH_SECONDS = 10.0
_READ = 1 << 20


def start_import(
    collection: Collection, *, origin: str, user: User | None = None, options: dict[str, Any] | None = None
) -> Import:
    return Import.objects.create(collection=collection, origin=origin, user=user, options=options or {})


# --- bytes in -----------------------------------------------------------------------------------------------------


def store_upload(
    collection: Collection,
    *,
    content: File,
    filename: str,
    key: str,
    import_act: Import,
    mapping: TableMapping | None = None,
    user: User | None = None,
) -> ImportItem:
    """Keep the bytes of a file and have a worker read them.

    The same bytes under the same key, read in the same way, are unchanged: nothing is done and the item says so.
    """
    sha256, size = _digest(content)
    options = asdict(mapping) if mapping else {}
    known = SourceFile.objects.filter(collection=collection, key=key).first()
    if known and _is_unchanged(known, sha256, options):
        return _repeat_outcome(known, import_act)
    facts = {"filename": filename[:255], "sha256": sha256, "size": size, "media_type": "", "options": options}
    return _hand_over(collection, key, facts | {"file": _keep(content, sha256), "created_by": user}, import_act)


def store_collection_file(content: File, *, filename: str, plan: portable.Plan, user: User | None = None) -> ImportItem:
    """Make the collection of an exported file, keep the bytes, and have a worker check and take what they hold.

    Raises CollectionFileRefused where the file's directory and manifest tell that it cannot be taken.
    """
    with portable.open_collection_file(content) as file:
        sha256, size = _digest(content)
        import_act = portable.begin(file, plan, filename=filename, user=user)
    facts = {
        "filename": filename[:255],
        "sha256": sha256,
        "size": size,
        "media_type": portable.MEDIA_TYPE,
        "options": {"visibility": plan.visibility, "uses_vectors": plan.uses_vectors},
        "file": _keep(content, sha256),
        "created_by": user,
    }
    return _hand_over(import_act.collection, filename[:400], facts, import_act)


def _hand_over(collection: Collection, key: str, facts: dict[str, Any], import_act: Import) -> ImportItem:
    with transaction.atomic():
        source, _created = SourceFile.objects.update_or_create(
            collection=collection, key=key, defaults=facts | _waiting()
        )
        item = ImportItem.objects.create(import_act=import_act, key=key, source_file=source)
        tasks.ring_extraction_after_commit(source.pk)
    return item


def is_known(collection: Collection, *, content: File, key: str, mapping: TableMapping | None = None) -> bool:
    """Return whether to store these bytes under this key, read in this way, would change nothing."""
    known = SourceFile.objects.filter(collection=collection, key=key).first()
    return known is not None and _is_unchanged(known, _digest(content)[0], asdict(mapping) if mapping else {})


def _waiting() -> dict[str, Any]:
    return {
        "state": ExtractionState.PENDING,
        "error": "",
        "error_code": "",
        "attempts": 0,
        "lease_token": None,
        "lease_expires_at": None,
        "changed_at": Now(),
    }


def _digest(content: File) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while part := content.read(_READ):
        digest.update(part)
        size += len(part)
    content.seek(0)
    return digest.hexdigest(), size


def keep_bytes(content: File) -> str:
    """Keep bytes that nothing refers to yet, for a day; return the name under which the storage has them."""
    return _keep(content, _digest(content)[0])


def _keep(content: File, sha256: str) -> str:
    """Store bytes under their digest, unless they are there already. A torso that a crash left is replaced."""
    name = f"{FOLDER}/{sha256[:2]}/{sha256}"
    if default_storage.exists(name):
        if default_storage.size(name) == content.size:
            return name
        default_storage.delete(name)
    return default_storage.save(name, content)


def sweep_unused_bytes() -> int:
    """Remove stored bytes that no source file refers to and that nobody stored lately; return how many files.

    One of the 256 folders is looked through at a time, another one every minute.
    """
    folder = f"{FOLDER}/{int(time.time() // 60) % 256:02x}"
    if not default_storage.exists(folder):
        return 0
    _folders, names = default_storage.listdir(folder)
    paths = {f"{folder}/{name}" for name in names}
    unused = paths - set(SourceFile.objects.filter(file__in=paths).values_list("file", flat=True))
    removed = 0
    for path in unused:
        if timezone.now() - default_storage.get_modified_time(path) > UNUSED_FOR:
            default_storage.delete(path)
            removed += 1
    return removed


def _is_unchanged(source: SourceFile, sha256: str, options: dict[str, Any]) -> bool:
    same = source.sha256 == sha256 and _as_json(source.options) == _as_json(options)
    if not same or source.extractor_version != EXTRACTOR_VERSION or not default_storage.exists(str(source.file)):
        return False
    if source.state == ExtractionState.FAILED:
        return True
    return source.state == ExtractionState.EXTRACTED and Document.objects.alive().filter(source_file=source).exists()


def _as_json(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as they look after a round trip through JSON, where tuples are lists."""
    as_stored: dict[str, Any] = json.loads(json.dumps(options))
    return as_stored


def _repeat_outcome(source: SourceFile, import_act: Import) -> ImportItem:
    failed = source.state == ExtractionState.FAILED
    return ImportItem.objects.create(
        import_act=import_act,
        key=source.key,
        source_file=source,
        outcome=ImportOutcome.FAILED if failed else ImportOutcome.UNCHANGED,
        reason=source.error,
        unchanged=0 if failed else Document.objects.alive().filter(source_file=source).count(),
    )


def retry_sources(sources: QuerySet[SourceFile]) -> int:
    """Have source files read again, whatever became of them before; return how many."""
    count = 0
    for source in sources:
        with transaction.atomic():
            count += SourceFile.objects.filter(pk=source.pk).update(**_waiting())
            tasks.ring_extraction_after_commit(source.pk)
    return count


def delete_sources(sources: QuerySet[SourceFile], *, user: User | None = None) -> int:
    """Delete source files with the documents that they gave; return how many.

    Who reads one of them finds out at its next save, and brings nothing back. One that is given new bytes meanwhile
    stays, and is read. Its own bytes are swept when no file has them any more.
    """
    return sum(_delete_source(source, user=user) for source in sources)


def _delete_source(source: SourceFile, *, user: User | None) -> bool:
    # A lease of our own: no worker begins to read it, and one that does read it has lost it.
    source.lease_token = uuid.uuid4()
    row = SourceFile.objects.filter(pk=source.pk)
    row.update(lease_token=source.lease_token, lease_expires_at=in_future(LEASE))
    try:
        _remove_documents(source, lambda _key: True, user=user)
        with transaction.atomic():
            _hold(source)
            waiting = ImportItem.objects.filter(source_file=source, outcome=ImportOutcome.PENDING)
            waiting.update(outcome=ImportOutcome.FAILED, reason="The file was deleted before it was read.")
            record(user, "deleted", source)
            row.delete()
    except LeaseLost:
        return False
    return True


# --- documents out ------------------------------------------------------------------------------------------------


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
    source = _claim(source_id)
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


def _claim(source_id: int) -> SourceFile | None:
    token = uuid.uuid4()
    waiting = SourceFile.objects.filter(pk=source_id, state=ExtractionState.PENDING, lease_token=None)
    claimed = waiting.update(lease_token=token, lease_expires_at=in_future(LEASE), attempts=F("attempts") + 1)
    return SourceFile.objects.select_related("collection", "created_by").get(pk=source_id) if claimed else None


def _hold(source: SourceFile) -> None:
    """Renew the lease and keep the row locked to the end of the transaction; raise LeaseLost if it is ours no longer.

    Without this, a slow worker would bring back what newer bytes, read by another one meanwhile, have replaced.
    """
    ours = SourceFile.objects.filter(pk=source.pk, lease_token=source.lease_token)
    if not ours.update(lease_expires_at=in_future(LEASE)):
        raise LeaseLost(f"{source} was given new bytes or was taken over by another worker, which reads it now.")


def _put_back(source: SourceFile, error: VectorsiteError) -> None:
    """Leave the file waiting, uncharged; its lease keeps it from being tried again at once."""
    logger.warning("%s waits: %s", source, error)
    ours = SourceFile.objects.filter(pk=source.pk, lease_token=source.lease_token)
    ours.update(attempts=F("attempts") - 1, error=str(error)[:2000], lease_expires_at=in_future(PAUSE))


@contextmanager
def local_path(stored: str) -> Iterator[Path]:
    """Give stored bytes as a file on this machine, wherever the storage keeps them."""
    try:
        yield Path(default_storage.path(stored))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, default_storage.open(stored, "rb") as file:
            while part := file.read(_READ):
                copy.write(part)
            copy.flush()
            yield Path(copy.name)


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
            _hold(source)
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
            fence=partial(_hold, source),
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
        fence=partial(_hold, source),
    )
    for saved in saves:
        tally.keys.add(saved.key)
        tally.count(saved)
    if not tally.documents and not tally.failures:
        raise InvalidDocument("The file was read and holds no documents.")
    if not tally.documents and len(tally.failures) == 1:
        raise InvalidDocument(tally.failures[0][1])
    tally.removed = _remove_documents(source, lambda key: key not in tally.keys, user=source.created_by)
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


def _remove_documents(source: SourceFile, is_gone: Callable[[str], bool], *, user: User | None) -> int:
    """Delete those of the documents that a file gave whose keys are gone; return how many. Raises LeaseLost."""
    known = Document.objects.alive().filter(source_file=source).values_list("pk", "key")
    gone = [pk for pk, key in known.iterator() if is_gone(key)]
    removed = 0
    for start in range(0, len(gone), services.BATCH):
        part = Document.objects.filter(pk__in=gone[start : start + services.BATCH])
        with transaction.atomic():
            _hold(source)
            removed += services.delete_documents(part, user=user)
    return removed


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
    return f"{rows} {'row' if rows == 1 else 'rows'} could not be taken." if rows else ""


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
