"""Files in: what somebody brings becomes a source file that waits for a worker, and an item of an import."""

import json
from dataclasses import asdict
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from collections_app import portable, tasks
from collections_app.extraction import EXTRACTOR_VERSION, TableMapping
from collections_app.models import (
    Collection,
    Document,
    ExtractionState,
    Import,
    ImportItem,
    ImportOutcome,
    SourceFile,
    User,
)
from collections_app.sources.stored_bytes import digest_of, keep_under


def start_import(
    collection: Collection, *, origin: str, user: User | None = None, options: dict[str, Any] | None = None
) -> Import:
    """Begin an act of bringing things in, to which each of its files will have an item."""
    return Import.objects.create(collection=collection, origin=origin, user=user, options=options or {})


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
    sha256, size = digest_of(content)
    options = asdict(mapping) if mapping else {}
    known = SourceFile.objects.filter(collection=collection, key=key).first()
    if known and _is_unchanged(known, sha256, options):
        return _repeat_outcome(known, import_act)
    facts = {"filename": filename[:255], "sha256": sha256, "size": size, "media_type": "", "options": options}
    return _hand_over(collection, key, facts | {"file": keep_under(content, sha256), "created_by": user}, import_act)


def store_collection_file(content: File, *, filename: str, plan: portable.Plan, user: User | None = None) -> ImportItem:
    """Make the collection of an exported file, keep the bytes, and have a worker check and take what they hold.

    Raises CollectionFileRefused where the file's directory and manifest tell that it cannot be taken.
    """
    with portable.open_collection_file(content) as file:
        sha256, size = digest_of(content)
        import_act = portable.begin(file, plan, filename=filename, user=user)
    facts = {
        "filename": filename[:255],
        "sha256": sha256,
        "size": size,
        "media_type": portable.MEDIA_TYPE,
        "options": {"visibility": plan.visibility, "uses_vectors": plan.uses_vectors},
        "file": keep_under(content, sha256),
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
    return known is not None and _is_unchanged(known, digest_of(content)[0], asdict(mapping) if mapping else {})


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
