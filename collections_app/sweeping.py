"""What the sweeper does: find work that nobody rang for, take back what vanished workers held, and tidy up."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from collections_app import activity, changes, ledger, lexical_segments, outages, projection
from collections_app.exceptions import RecordsExist, VectorStoreCollectionBroken, VectorStoreCollectionMissing
from collections_app.ledger import in_future
from collections_app.lexical_repair import add_missing_rows, remove_orphan_rows, renew_words
from collections_app.locks import lock_documents, lock_indexes
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    DocumentText,
    ExtractionState,
    Import,
    IndexAudit,
    IndexEntry,
    IndexPicture,
    IndexState,
    LexicalRow,
    LexicalSegment,
    LexicalTombstone,
    PhysicalCollection,
    PhysicalState,
    Segment,
    SourceFile,
    VectorIndex,
    WorkerStatus,
)
from collections_app.vectors import sweep_unused_vectors
from collections_app.visibility import retire

logger = logging.getLogger(__name__)

SOURCES_AT_ONCE = 20
TIDY_LIMIT = 2000
IDLE_FOR, SILENT_FOR = timedelta(hours=1), timedelta(hours=6)
TIDY_ROUNDS = 100
TEXTS_AT_ONCE = 200
ENTRIES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of what there is to do: indexes to drain, indexes to fill, source files to extract."""

    drain: list[int]
    fill: list[int]
    extract: list[int]


def find_work() -> Found:
    """Take back expired leases, and return what there is to do."""
    ledger.reclaim_expired()
    SourceFile.objects.filter(lease_expires_at__lt=Now()).update(lease_token=None, lease_expires_at=None)
    unfilled = PhysicalCollection.objects.filter(
        Q(filler_expires_at=None) | Q(filler_expires_at__lt=Now()),
        state__in=[PhysicalState.PLANNED, PhysicalState.FILLING],
        generation=F("index__generation"),
    ).exclude(index__state=IndexState.DROPPED)
    waiting = SourceFile.objects.filter(state=ExtractionState.PENDING, lease_token=None).order_by("id")
    return Found(
        drain=ledger.indexes_with_work(),
        fill=list(unfilled.values_list("index", flat=True)),
        extract=list(waiting.values_list("pk", flat=True)[:SOURCES_AT_ONCE]),
    )


def fill(index_id: int) -> int:
    """Fill an index's collection; an outage of its store pauses the store. Return the number of chunks copied."""
    index = VectorIndex.objects.select_related("profile").get(pk=index_id)
    copied = 0
    if index.state != IndexState.DROPPED:
        with _store_of(index) as usable:
            if usable:
                copied = projection.fill(index)
    return copied


def check(index_id: int) -> bool:
    """Look at an index's collection now; True when it was lost and a new one, of a new generation, is to be filled."""
    index = VectorIndex.objects.select_related("profile").get(pk=index_id)
    if index.state == IndexState.DROPPED:
        return False
    with _store_of(index) as usable:
        if usable:
            projection.check_is_there(index)
    return VectorIndex.objects.filter(pk=index_id, generation__gt=index.generation).exists()


@contextmanager
def _store_of(index: VectorIndex) -> Iterator[bool]:
    """Say whether the index's store may be used. An outage pauses it; a lost collection is rebuilt from SQL."""
    with outages.store_in_use(index.store) as usable:
        try:
            yield usable
        except (VectorStoreCollectionMissing, VectorStoreCollectionBroken) as error:
            logger.warning("The collection of %s is lost and will be rebuilt from SQL: %s", index, error)
            if not projection.replace_lost_collection(index, error):
                raise
        except RecordsExist as error:
            logger.warning("All indexes of the vector store %s will be rebuilt from SQL: %s", index.store, error)
            projection.distrust_store(projection.current_collection(index), reason=str(error))


def let_go() -> None:
    """Take out of the stores what is retired: staged chunks of lost leases, tombstones, discarded collections."""
    held = IndexEntry.objects.filter(lease_token=OuterRef("staged_by"), document=OuterRef("document"))
    retire(Chunk.objects.filter(~Exists(held), state=ChunkState.STAGED))
    retired = Chunk.objects.filter(state=ChunkState.RETIRED, removed_at=None)
    for index in VectorIndex.objects.filter(pk__in=retired.values("index")).exclude(state=IndexState.DROPPED):
        with alone(f"letting go of what is retired in {index}"), _store_of(index) as usable:
            if usable:
                projection.remove_retired(index)
    for physical in PhysicalCollection.objects.filter(state=PhysicalState.DROPPING).select_related("index"):
        with alone(f"dropping {physical}"), _store_of(physical.index) as usable:
            if usable:
                projection.drop(physical)


def tidy(*, breathe: Callable[[], None] = lambda: None) -> None:
    """Remove rows that nothing refers to any more, oldest dependants first; `breathe` is called between two pieces."""
    for index in VectorIndex.objects.exclude(state=IndexState.DROPPED):
        with alone(f"tidying {index}"):
            _tidy_index(index)
        breathe()
    for step in (_remove_dropped_indexes, _remove_superseded_texts):
        with alone(step.__name__):
            step(breathe)
    for small in (
        _remove_deleted_documents,
        _remove_deleted_collections,
        sweep_unused_vectors,
        changes.prune,
        activity.prune,
        _forget_workers,
    ):
        with alone(small.__name__):
            small()


def _tidy_index(index: VectorIndex) -> None:
    add_missing_entries(index)
    remove_orphan_rows(index)
    renew_words(index)
    add_missing_rows(index)
    lexical_segments.keep_up(index.pk)
    with _store_of(index) as usable:
        if usable:
            projection.check_is_there(index)
            projection.purge_tombstones(index)


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Keep what fails unforeseen from keeping everything after it from being done, every time."""
    try:
        yield
    except Exception:
        logger.exception("Failed: %s", what)


def _forget_workers() -> None:
    """Forget worker processes that are gone; one that was killed at work never said that it ended."""
    WorkerStatus.objects.filter(seen_at__lt=in_future(-IDLE_FOR), activity="").delete()
    WorkerStatus.objects.filter(seen_at__lt=in_future(-SILENT_FOR)).delete()


def add_missing_entries(index: VectorIndex) -> int:
    """Add a ledger row for living documents that have none, in pages, each its own transaction; return how many."""
    has_entry = IndexEntry.objects.filter(index=index, document=OuterRef("pk"))
    missing = Document.objects.alive().filter(~Exists(has_entry), collection=index.collection_id)
    added, through = 0, 0
    while ids := list(missing.filter(pk__gt=through).order_by("pk").values_list("pk", flat=True)[:ENTRIES_AT_ONCE]):
        with transaction.atomic():
            if any(row.state == IndexState.DROPPED for row in lock_indexes([index.pk])):
                break
            alive = [document for document in lock_documents(ids).values() if document.deleted_at is None]
            ledger.add_entries([index.pk], alive, priority=ledger.BULK)
        added, through = added + len(alive), ids[-1]
    return added


def _remove_dropped_indexes(breathe: Callable[[], None]) -> None:
    """Let go of what dropped indexes held; of their chunks when all their physical collections are gone."""
    in_store = PhysicalCollection.objects.filter(index=OuterRef("pk")).exclude(state=PhysicalState.DROPPED)
    dropped = VectorIndex.objects.filter(state=IndexState.DROPPED)
    emptied = dropped.filter(~Exists(in_store))
    IndexPicture.objects.filter(index__in=dropped).delete()
    LexicalSegment.objects.filter(index__in=emptied).delete()
    has_row = LexicalRow.objects.filter(pk=OuterRef("pk"))
    for rows in (
        LexicalTombstone.objects.filter(index__in=emptied),
        IndexEntry.objects.filter(index__in=dropped),
        LexicalRow.objects.filter(chunk__index__in=emptied),
        Chunk.objects.filter(~Exists(has_row), index__in=emptied),
    ):
        _remove_in_batches(rows, breathe)


def _remove_in_batches(rows: QuerySet[Any], breathe: Callable[[], None]) -> None:
    """Remove up to TIDY_ROUNDS batches of rows that nothing refers to; a dropped index may leave a million of them."""
    for _ in range(TIDY_ROUNDS):
        some = rows.model._default_manager.filter(
            pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:TIDY_LIMIT])
        )
        if not some._raw_delete(some.db):
            break
        breathe()


def _remove_superseded_texts(breathe: Callable[[], None]) -> None:
    """Remove texts that are no document's present one and from which no chunk was cut.

    All chunks of a dropped index go at once, and set free as many texts as there are documents.
    """
    current = Document.objects.filter(content=OuterRef("pk"))
    used = Chunk.objects.filter(source_text=OuterRef("pk"))
    texts = DocumentText.objects.filter(~Exists(current), ~Exists(used))
    ids = list(texts.order_by("pk").values_list("pk", flat=True)[:TIDY_LIMIT])
    for start in range(0, len(ids), TEXTS_AT_ONCE):
        _remove_texts(ids[start : start + TEXTS_AT_ONCE])
        breathe()


def _remove_texts(ids: list[int]) -> None:
    """Remove texts and their segments in one transaction, halved as long as one of them is in use again.

    A worker may be about to stage chunks of such a text; the foreign key then stops either it or us, and both try
    again later.
    """
    texts = DocumentText.objects.filter(pk__in=ids)
    try:
        with transaction.atomic():
            Segment.objects.filter(source_text__in=ids).delete()
            texts._raw_delete(texts.db)
    except IntegrityError:
        if len(ids) == 1:
            logger.info("Text %s is in use again and stays.", ids[0])
            return
        middle = len(ids) // 2
        _remove_texts(ids[:middle])
        _remove_texts(ids[middle:])


def _remove_deleted_documents() -> None:
    chunks = Chunk.objects.filter(document=OuterRef("pk"))
    texts = DocumentText.objects.filter(document=OuterRef("pk"))
    entries = IndexEntry.objects.filter(document=OuterRef("pk"))
    gone = Document.objects.filter(~Exists(chunks), ~Exists(texts), ~Exists(entries), deleted_at__isnull=False)
    rows = Document.objects.filter(pk__in=list(gone.values_list("pk", flat=True)[:TIDY_LIMIT]))
    rows._raw_delete(rows.db)


def _remove_deleted_collections() -> None:
    """Remove what is left of deleted collections once their documents are gone; the trail remembers them."""
    documents = Document.objects.filter(collection=OuterRef("pk"))
    chunks = Chunk.objects.filter(index__collection=OuterRef("pk"))
    in_store = PhysicalCollection.objects.filter(index__collection=OuterRef("pk")).exclude(state=PhysicalState.DROPPED)
    emptied = Collection.objects.filter(
        ~Exists(documents), ~Exists(chunks), ~Exists(in_store), deleted_at__isnull=False
    )
    for collection in emptied:
        with transaction.atomic():
            Import.objects.filter(collection=collection).delete()
            SourceFile.objects.filter(collection=collection).delete()
            Collection.objects.filter(pk=collection.pk).update(serving_index=None)
            IndexAudit.objects.filter(index__collection=collection).delete()
            PhysicalCollection.objects.filter(index__collection=collection).delete()
            VectorIndex.objects.filter(collection=collection).delete()
            rows = Collection.objects.filter(pk=collection.pk)
            super(type(rows), rows).delete()
