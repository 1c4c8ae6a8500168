"""Documents: saved and deleted, each in one transaction with its ledger entries and its chunks.

The entries want the new revision, and live chunks whose text the document no longer holds are retired. The bell rung
after the commit is only a hint; whoever misses it is found by the sweeper.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Collection as Sized
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from collections_app import changes, ledger, tasks
from collections_app.drafts import DocumentInput, Draft, clean, prepare
from collections_app.exceptions import InvalidDocument, VectorsiteError
from collections_app.ledger import BULK, INTERACTIVE
from collections_app.locks import lock_documents, lock_entries, lock_indexes, lock_live_indexes
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    DocumentText,
    ImportOutcome,
    IndexEntry,
    MetadataField,
    MetadataValue,
    Segment,
    SourceFile,
    User,
)
from collections_app.trail import record_many
from collections_app.visibility import retire, retire_superseded

BATCH = 200
BATCH_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one DocumentInput: created, updated, unchanged, or failed with the reason in `error`."""

    key: str
    outcome: ImportOutcome
    document: Document | None = None
    error: VectorsiteError | None = None


@dataclass(slots=True)
class Tally:
    """What became of documents that were saved; `failures` are keys with reasons."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def count(self, saved: Saved) -> None:
        if saved.error:
            self.failures.append((saved.key, str(saved.error)))
        else:
            setattr(self, saved.outcome, getattr(self, saved.outcome) + 1)


def save_document(
    collection: Collection,
    document: DocumentInput,
    *,
    user: User | None = None,
    source_file: SourceFile | None = None,
) -> Saved:
    """Create the document of this key or change it; raise what is wrong with it. Nothing is written then."""
    (saved,) = save_documents(collection, [document], user=user, source_file=source_file, priority=INTERACTIVE)
    if saved.error:
        raise saved.error
    return saved


def check_document(collection: Collection, document: DocumentInput) -> None:
    """Raise what save_document() would find wrong with `document`; write nothing."""
    _Writer(collection, user=None, source_file=None, priority=INTERACTIVE).check(document)


def save_documents(
    collection: Collection,
    documents: Iterable[DocumentInput],
    *,
    user: User | None = None,
    source_file: SourceFile | None = None,
    priority: int = BULK,
    fence: Callable[[], None] | None = None,
) -> Iterator[Saved]:
    """Save any number of documents in constant memory, a transaction per batch, and say of each what became of it.

    A document that does not fit (no text, metadata of the wrong type) fails alone. `fence` opens every transaction; it
    raises when the caller may write no longer, which ends the saving. The iterator must be exhausted.
    """
    writer = _Writer(collection, user=user, source_file=source_file, priority=priority, fence=fence)
    for batch in _batches(documents):
        yield from writer.save(batch)


def _batches(documents: Iterable[DocumentInput]) -> Iterator[list[DocumentInput]]:
    """Group documents by count and length; a key that comes again begins a new batch, so that the later one wins."""
    batch: dict[str, DocumentInput] = {}
    characters = 0
    for given in documents:
        document = replace(given, key=clean(given.key))
        if batch and (
            len(batch) >= BATCH or characters + len(document.text) > BATCH_CHARACTERS or document.key in batch
        ):
            yield list(batch.values())
            batch, characters = {}, 0
        batch[document.key] = document
        characters += len(document.text)
    if batch:
        yield list(batch.values())


class _Writer:
    """Writes batches of documents of one collection."""

    def __init__(
        self,
        collection: Collection,
        *,
        user: User | None,
        source_file: SourceFile | None,
        priority: int,
        fence: Callable[[], None] | None = None,
    ) -> None:
        self.collection = collection
        self.user = user
        self.source_file = source_file
        self.priority = priority
        self.fence = fence
        self.tz = ZoneInfo(collection.time_zone)
        self.fields = list(MetadataField.objects.filter(collection=collection))

    def save(self, batch: list[DocumentInput]) -> list[Saved]:
        drafts: dict[str, Draft] = {}
        failed: dict[str, Saved] = {}
        for document in batch:
            try:
                drafts[document.key] = prepare(document, fields=self.fields, tz=self.tz)
            except VectorsiteError as error:
                failed[document.key] = Saved(document.key, ImportOutcome.FAILED, error=error)
        try:
            saved = self._write(drafts)
        except IntegrityError:
            # Somebody created one of these keys between our look and our insert; now it is there to be updated.
            saved = self._write(drafts)
        return [failed.get(document.key) or saved[document.key] for document in batch]

    def check(self, document: DocumentInput) -> None:
        prepare(document, fields=self.fields, tz=self.tz)

    @transaction.atomic
    def _write(self, drafts: dict[str, Draft]) -> dict[str, Saved]:
        if self.fence:
            self.fence()
        collection = self.collection
        indexes = lock_live_indexes(collection.pk)
        # A deletion takes these locks exclusively, so from here on it waits for us.
        if not Collection.objects.alive().filter(pk=collection.pk).exists():
            raise InvalidDocument(f"The collection {collection.name!r} was deleted; choose or create another one.")
        known = Document.objects.alive().filter(collection=collection, key__in=list(drafts))
        locked = lock_documents(list(known.values_list("pk", flat=True))).values()
        # One that was deleted while we waited for its lock is gone; the key is free for a new document.
        existing = {row.key: row for row in locked if row.deleted_at is None}
        contents = DocumentText.objects.in_bulk([row.content_id for row in existing.values() if row.content_id])
        outcomes: dict[str, ImportOutcome] = {}
        created: list[tuple[Document, Draft]] = []
        updated: list[tuple[Document, Draft]] = []
        retexted: list[tuple[Document, Draft]] = []
        for key, draft in drafts.items():
            row = existing.get(key)
            if row is None:
                created.append((self._new(draft), draft))
                outcomes[key] = ImportOutcome.CREATED
                continue
            content_changed = row.content_id is None or contents[row.content_id].digest != draft.digest
            if not content_changed and not _differs(row, draft):
                outcomes[key] = ImportOutcome.UNCHANGED
                continue
            self._apply(row, draft)
            updated.append((row, draft))
            if content_changed:
                retexted.append((row, draft))
            outcomes[key] = ImportOutcome.UPDATED
        self._insert(created, [index.pk for index in indexes])
        self._update(updated, retexted)
        for index in indexes:
            changes.note(index.pk, documents=[row.pk for row, _ in updated])
        rows = existing | {draft.key: row for row, draft in created}
        self._adopt([row for key, row in rows.items() if outcomes.get(key) == ImportOutcome.UNCHANGED])
        record_many(self.user, {"created": [row for row, _ in created], "updated": [row for row, _ in updated]})
        if created or updated:
            tasks.ring_after_commit([index.pk for index in indexes])
        return {key: Saved(key, outcomes[key], rows[key]) for key in drafts}

    def _new(self, draft: Draft) -> Document:
        return Document(
            collection=self.collection,
            key=draft.key,
            title=draft.title,
            metadata=draft.metadata,
            language=draft.language,
            language_override=draft.language_override,
            size=len(draft.text),
            source_file=self.source_file,
            created_by=self.user,
        )

    def _apply(self, row: Document, draft: Draft) -> None:
        row.revision += 1
        row.title, row.metadata, row.size = draft.title, draft.metadata, len(draft.text)
        row.language, row.language_override = draft.language, draft.language_override
        if self.source_file:
            row.source_file = self.source_file

    def _adopt(self, unchanged: list[Document]) -> None:
        """Note the file that brings these documents now: a row may have moved from one file to another."""
        if self.source_file:
            ids = [row.pk for row in unchanged if row.source_file_id != self.source_file.pk]
            Document.objects.filter(pk__in=ids).update(source_file=self.source_file)

    def _insert(self, created: list[tuple[Document, Draft]], index_ids: list[int]) -> None:
        if not created:
            return
        rows = Document.objects.bulk_create([row for row, _ in created])
        _write_texts(created)
        # Text and document point at each other, so the one that is inserted first learns of the other afterwards.
        its_text = DocumentText.objects.filter(document=OuterRef("pk")).values("pk")[:1]
        Document.objects.filter(pk__in=[row.pk for row in rows]).update(content=Subquery(its_text))
        _write_values(created)
        ledger.add_entries(index_ids, rows, priority=self.priority)

    def _update(self, updated: list[tuple[Document, Draft]], retexted: list[tuple[Document, Draft]]) -> None:
        if not updated:
            return
        ids = [row.pk for row, _ in updated]
        lock_entries(None, ids)
        _write_texts(retexted)
        now = Now()
        for row, _ in updated:
            row.updated_at = now
        Document.objects.bulk_update(
            [row for row, _ in updated],
            [
                "content", "title", "metadata", "language", "language_override", "revision", "size", "source_file",
                "updated_at",
            ],
        )  # fmt: skip
        MetadataValue.objects.filter(document__in=ids).delete()
        _write_values(updated)
        ledger.want(ids, priority=self.priority)
        retire_superseded({row.pk: draft.text for row, draft in retexted})


def _differs(row: Document, draft: Draft) -> bool:
    return (
        row.title != draft.title or row.metadata != draft.metadata or row.language_override != draft.language_override
    )


def _write_texts(documents: list[tuple[Document, Draft]]) -> None:
    texts = DocumentText.objects.bulk_create(
        [
            DocumentText(document=row, revision=row.revision, text=draft.text, markup=draft.markup, digest=draft.digest)
            for row, draft in documents
        ]
    )
    for (row, _), text in zip(documents, texts, strict=True):
        # Not the text itself: rows that hold each other outlive their batch, until the garbage collector finds them.
        row.content_id = text.pk
    Segment.objects.bulk_create(
        [
            Segment(
                source_text=text,
                position=position,
                kind=segment.kind,
                label=clean(segment.label)[:500],
                level=segment.level,
                start=segment.start,
                end=segment.end,
            )
            for text, (_, draft) in zip(texts, documents, strict=True)
            for position, segment in enumerate(draft.segments)
        ],
        batch_size=2000,
    )


def _write_values(documents: list[tuple[Document, Draft]]) -> None:
    MetadataValue.objects.bulk_create(
        [
            MetadataValue(document=row, field=declared, position=position, **{declared.type: value})
            for row, draft in documents
            for declared, position, value in draft.values
        ],
        batch_size=2000,
    )


def delete_documents(documents: QuerySet[Document], *, user: User | None = None, trail: bool = True) -> int:
    """Delete documents: their text is gone at once, their chunks are tombstones until the store has let go of them."""
    count = 0
    for batch in id_batches(documents):
        count += _delete_batch(batch, user=user, trail=trail)
    return count


def id_batches(documents: QuerySet[Document]) -> Iterator[list[int]]:
    """Return the ids of documents as they are selected now, eight bytes of memory for each.

    Upwards, like everybody who locks documents, since all batches may be in one transaction of the caller's.
    """
    ids = array("q", documents.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=10_000))
    return (list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))


@transaction.atomic
def _delete_batch(document_ids: Sized[int], *, user: User | None, trail: bool) -> int:
    index_ids = list(
        IndexEntry.objects.filter(document__in=document_ids).values_list("index", flat=True).distinct().order_by()
    )
    lock_indexes(index_ids)
    rows = [row for row in lock_documents(document_ids).values() if row.deleted_at is None]
    ids = [row.pk for row in rows]
    lock_entries(None, ids)
    if trail:
        record_many(user, {"deleted": rows})
    Document.objects.filter(pk__in=ids).update(
        deleted_at=Now(), updated_at=Now(), content=None, metadata={}, revision=F("revision") + 1, source_file=None
    )
    DocumentText.objects.filter(document__in=ids).update(text="")
    Segment.objects.filter(source_text__document__in=ids).delete()
    MetadataValue.objects.filter(document__in=ids).delete()
    retire(Chunk.objects.filter(document__in=ids).exclude(state=ChunkState.RETIRED))
    Chunk.objects.filter(document__in=ids).update(text="", locator={})
    IndexEntry.objects.filter(document__in=ids).delete()
    tasks.ring_after_commit(index_ids)
    return len(ids)


def resync(documents: QuerySet[Document]) -> int:
    """Have every index project these documents anew, as if they had just been saved; return how many."""
    total = 0
    for batch in id_batches(documents):
        with transaction.atomic():
            entries = IndexEntry.objects.filter(document__in=batch).order_by()
            index_ids = list(entries.values_list("index", flat=True).distinct())
            lock_indexes(index_ids)
            lock_documents(batch)
            lock_entries(None, batch)
            Document.objects.filter(pk__in=batch).update(revision=F("revision") + 1)
            ledger.want(batch, priority=INTERACTIVE)
            # Fields are declared otherwise in the same transaction.
            for index_id in sorted(index_ids):
                changes.note(index_id, documents=batch)
            tasks.ring_after_commit(index_ids)
        total += len(batch)
    return total


def retry_entries(entries: QuerySet[IndexEntry]) -> int:
    """Give failed entries another chance at once; return how many."""
    index_ids = list(entries.values_list("index", flat=True).distinct().order_by())
    with transaction.atomic():
        count = ledger.retry(entries)
        tasks.ring_after_commit(index_ids)
    return count
