"""Ledger entries -> chunks -> embeddings -> store -> visible.

One drain works one batch: claim entries, cut and embed their documents, stage the chunks in SQL, write them to the
store, and make them live in one transaction. Whatever is killed in between leaves staged chunks and an expired lease,
which the sweeper takes back; nothing staged is ever found by a search.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from collections_app import activity, changes, ledger, lexical_segments, outages, projection
from collections_app.accounting import Account
from collections_app.chunking import Passage, lexical_input
from collections_app.embeddings import Embedder
from collections_app.exceptions import (
    BudgetUsedUp,
    ConfigurationError,
    EmbedderUnavailable,
    EmbeddingError,
    EmbeddingInputRefused,
    EmbeddingResponseInvalid,
    LeaseLost,
    RecordsExist,
    VectorsiteError,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
)
from collections_app.lexical_rows import row_of, write_rows
from collections_app.locks import LockedEntry, lock_entries, lock_indexes, lock_living_documents
from collections_app.models import (
    ActivityKind,
    Chunk,
    ChunkState,
    Document,
    DocumentText,
    EmbeddingProfile,
    IndexState,
    LexicalRow,
    Purpose,
    Segment,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.passages import cut_document
from collections_app.profiles import check_canary, embedder_for
from collections_app.vectors import StoredVector, embed_passages, never_embedded
from collections_app.visibility import chunk_digest, retire, retire_superseded

logger = logging.getLogger(__name__)

OnClaim = Callable[[VectorIndex, int, bool], None]

# A second of work for the local embedder.
BATCH_ENTRIES = 64
BATCH_CHARACTERS = 24_000
# Where nobody waits for its documents a batch is so many times as large, since much of what it costs does not depend on
# its size, and the more texts are sorted by length the less is padded. The sweeper waits for its turn until it is done,
# an edit only for one slice of it.
BULK_FACTOR = 4
# A long document's records are written in parts, the lease renewed before each.
UPSERT_RECORDS = 1000
# Work that is nothing but computing renews the lease this often.
BREATH_SECONDS = 5.0


class UnexpectedFailure(VectorsiteError):
    """A defect of ours or of a library showed on some documents; it is isolated like poison, so the rest goes on."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain did."""

    documents: int = 0
    chunks: int = 0
    more: bool = False


class _Snapshot(NamedTuple):
    """A document and its text as they were when it was claimed."""

    document_id: int
    revision: int
    title: str
    language: str
    text_id: int
    text: str
    markup: str


class _Segment(NamedTuple):
    """What `chunking.locate` needs to know of a Segment."""

    kind: str
    label: str
    level: int
    start: int
    end: int


@dataclass(slots=True)
class _Work:
    """One document on its way: as it was when it was claimed, and what became of it."""

    document: _Snapshot
    passages: list[Passage]
    locators: list[dict[str, Any]]
    inputs: list[str]
    chunks: list[Chunk] = field(default_factory=list)
    rows: list[LexicalRow] = field(default_factory=list)


class _Locked(NamedTuple):
    """What is true of a document while its locks are held: its ledger row, and the id of its text."""

    entry: LockedEntry
    text_id: int | None


def drain(index_id: int, *, on_claim: OnClaim | None = None, within: "_Batch | None" = None) -> Drained:
    """Work one batch of an index's pending entries. `on_claim` is told what was claimed and whether there is more.

    `within` is the batch that is interrupted for this one, which then has only documents that somebody waits for.

    Errors that follow a document are charged to its entry. An outage pauses the embedder or the store for everybody,
    charges nobody, and leaves the entries pending.
    """
    index = VectorIndex.objects.select_related("profile", "collection").get(pk=index_id)
    if index.state == IndexState.DROPPED:
        return Drained()
    store_status = outages.store_status(index.store)
    if index.profile.paused_until or store_status.paused_until:
        return Drained()
    lease = ledger.claim(
        index_id,
        limit=BATCH_ENTRIES,
        characters=BATCH_CHARACTERS,
        bulk_factor=BULK_FACTOR,
        only_interactive=within is not None,
    )
    if lease is None:
        return Drained()
    more = ledger.has_claimable(index_id)
    if on_claim:
        on_claim(index, len(lease.entries), more)
    batch = _Batch(index, lease, within=within)
    try:
        may_go_on = _run(batch, index, store_status)
    finally:
        ledger.release(lease)
    for seconds in batch.waited:
        activity.note(ActivityKind.INDEXING, seconds)
    if batch.chunks:
        lexical_segments.keep_up(index_id)
    return Drained(
        batch.documents + sum(drained.documents for drained in batch.between),
        batch.chunks + sum(drained.chunks for drained in batch.between),
        more and may_go_on,
    )


def _run(batch: "_Batch", index: VectorIndex, store_status: VectorStoreStatus) -> bool:
    """Work the batch; False when what it needs is out of order, and paused for everybody."""
    try:
        batch.run()
    except EmbeddingError as error:
        logger.warning("The embedder of %s is paused: %s", index.profile, error)
        outages.pause(index.profile, error)
        return False
    except (VectorStoreCollectionMissing, VectorStoreCollectionBroken) as error:
        logger.warning("The collection of %s is lost and will be rebuilt from SQL: %s", index, error)
        if not projection.replace_lost_collection(index, error):
            outages.pause(store_status, error)
    except RecordsExist as error:
        logger.warning("All indexes of the vector store %s will be rebuilt from SQL: %s", index.store, error)
        projection.distrust_store(projection.current_collection(index), reason=str(error))
    except (VectorStoreError, ConfigurationError) as error:
        logger.warning("The vector store %s is paused: %s", index.store, error)
        outages.pause(store_status, error)
        return False
    except LeaseLost as error:
        logger.warning("%s", error)
    else:
        outages.note_success(index.profile)
        outages.note_success(store_status)
        if store_status.suspect and batch.chunks:
            outages.acquit(store_status, projection.current_collection(index).name)
    return True


class _Batch:
    """The entries of one lease, worked together as far as they go together."""

    def __init__(self, index: VectorIndex, lease: ledger.Lease, *, within: "_Batch | None" = None) -> None:
        self.index = index
        self.lease = lease
        self._account = Account(index.profile, index.collection, Purpose.PASSAGE)
        self.between: list[Drained] = []
        self._within = within
        self.documents = 0
        self.chunks = 0
        # Seconds from the save to now, of each document whose newest text was made live.
        self.waited: list[float] = []
        self._renewed_at = time.monotonic()

    def run(self) -> None:
        embedder = embedder_for(self.index.profile)
        works: list[_Work] = []
        for document, segments in self._snapshots():
            try:
                with _as_its_own_fault():
                    parts = cut_document(
                        self.index,
                        embedder,
                        title=document.title,
                        text=document.text,
                        markup=document.markup,
                        segments=segments,
                        breathe=self._breathe,
                    )
                    works.append(_Work(document, *parts))
            except VectorsiteError as error:
                self._fail(document.document_id, error)
        if works:
            self._project(works, embedder)

    def _snapshots(self) -> list[tuple[_Snapshot, list[_Segment]]]:
        columns = ("pk", "revision", "title", "language_override", "language", "content", "content__text")
        rows = Document.objects.alive().filter(pk__in=self.lease.document_ids, content__isnull=False).order_by("pk")
        documents = [
            _Snapshot(pk, revision, title, override or detected, text_id, text, markup)
            for pk, revision, title, override, detected, text_id, text, markup in rows.values_list(
                *columns, "content__markup"
            )
        ]
        segments: dict[int, list[_Segment]] = {document.text_id: [] for document in documents}
        found = Segment.objects.filter(source_text__in=list(segments)).order_by("source_text", "position")
        for text_id, *segment in found.values_list("source_text", *_Segment._fields):
            segments[text_id].append(_Segment(*segment))
        return [(document, segments[document.text_id]) for document in documents]

    def _fail(self, document_id: int, error: VectorsiteError) -> None:
        if not error.permanent or isinstance(error, ConfigurationError):
            raise error
        logger.warning("Document %s in index %s: %s", document_id, self.index.pk, error)
        ledger.charge(self.lease, document_id, error)

    def _project(self, works: list[_Work], embedder: Embedder) -> None:
        """Bring documents into the store together; if one of them is poison, halve until it stands alone.

        Those for which a budget has no room wait for it, and the others go on.
        """
        try:
            with _as_its_own_fault():
                self._project_together(works, embedder)
        except BudgetUsedUp as error:
            self._hold_back(works, embedder, error)
        except VectorsiteError as error:
            if not error.permanent or isinstance(error, ConfigurationError) or len(works) == 1:
                self._fail(works[0].document.document_id, error)
                return
            middle = len(works) // 2
            self._project(works[:middle], embedder)
            self._project(works[middle:], embedder)

    def _hold_back(self, works: list[_Work], embedder: Embedder, error: BudgetUsedUp) -> None:
        logger.info("Documents of %s wait: %s", self.index, error)
        lacking = set(never_embedded(self.index.profile, [text for work in works for text in work.inputs]))
        waiting = [work for work in works if not lacking.isdisjoint(work.inputs)]
        ids = [work.document.document_id for work in waiting]
        ledger.hold(self.lease, ids, budget_id=error.budget_id, until=error.until)
        complete = [work for work in works if lacking.isdisjoint(work.inputs)]
        if complete:
            self._project(complete, embedder)

    def _project_together(self, works: list[_Work], embedder: Embedder) -> None:
        inputs = [text for work in works for text in work.inputs]
        vectors = self._embed(inputs, embedder)
        physical = projection.trusted_collection(self.index)
        self._renew()
        staged = self._stage(works, vectors, generation=physical.generation)
        by_pk = {stored.pk: stored.vector for stored in vectors.values()}
        chunks = [(chunk, by_pk[chunk.embedding_id]) for work in staged for chunk in work.chunks if chunk.embedding_id]
        store = projection.store_of(self.index)
        for start in range(0, len(chunks), UPSERT_RECORDS):
            self._renew()
            store.add(physical.name, projection.records_of(chunks[start : start + UPSERT_RECORDS]))
        self._find_words(staged)
        retired = self._flip(staged, generation=physical.generation)
        projection.remove_ids(self.index, retired)

    def _embed(self, inputs: Sequence[str], embedder: Embedder) -> dict[str, StoredVector]:
        """Return the vectors of the inputs. Whether a failure is an outage or their fault, another text decides."""
        try:
            return embed_passages(self._account, embedder, inputs, sign_of_life=self._between_slices)
        except (EmbedderUnavailable, EmbeddingResponseInvalid) as error:
            if _is_rate_limit(error) or not _embeds_the_canary(self.index.profile):
                raise
            raise EmbeddingInputRefused(
                f"The embedder fails at this text while it embeds others. Look at its log, shorten or change the text, "
                f"then retry. {error}"
            ) from error

    def _find_words(self, works: Iterable[_Work]) -> None:
        """Make the lexical rows of staged chunks; no transaction waits for the analysis of their words."""
        for work in works:
            self._breathe()
            texts = (lexical_input(work.document.title, embedded) for embedded in work.inputs)
            work.rows = [row_of(chunk, text) for chunk, text in zip(work.chunks, texts, strict=True)]

    def _breathe(self) -> None:
        """Renew the lease if it is some time ago: cutting a book takes longer than a lease lasts."""
        if time.monotonic() - self._renewed_at > BREATH_SECONDS:
            self._renew()

    def _renew(self) -> None:
        self._renewed_at = time.monotonic()
        if not ledger.renew(self.lease):
            raise LeaseLost(f"The lease on a batch of index {self.index.pk} ran out; another worker takes it over.")

        if self._within:
            # Whether it still has its lease, it will find out itself.
            ledger.renew(self._within.lease)

    def _between_slices(self) -> None:
        """Renew the lease, and let documents pass that somebody waits for, of whatever index."""
        self._renew()
        if self._within or self.lease.is_waited_for:
            return
        for index_id in ledger.indexes_with_work(only_interactive=True):
            try:
                self.between.append(drain(index_id, within=self))
            except (DatabaseError, InterfaceError):
                raise
            except Exception:
                # Whatever it is, it is not the fault of the documents that were interrupted.
                logger.exception("What somebody waits for in index %s could not be worked", index_id)

    # --- the two transactions -------------------------------------------------------------------------------------

    def _stage(self, works: Sequence[_Work], vectors: dict[str, StoredVector], *, generation: int) -> list[_Work]:
        """Commit the chunk rows before their ids can be in the store; return the works that still may go on."""
        for work in works:
            work.chunks = _chunks_of(self.index, self.lease.token, work, vectors)
        try:
            with transaction.atomic():
                wanted = self._still_wanted(works, generation=generation)
                staged = [work for work in works if work.document.document_id in wanted]
                texts = set(
                    DocumentText.objects.filter(pk__in=[work.document.text_id for work in staged]).values_list(
                        "pk", flat=True
                    )
                )
                staged = [work for work in staged if work.document.text_id in texts]
                # A larger batch that failed after its staging was halved: what it staged must not go live with this.
                retire(self._staged().filter(document__in=[work.document.document_id for work in works]))
                Chunk.objects.bulk_create([chunk for work in staged for chunk in work.chunks], batch_size=1000)
        except IntegrityError as error:
            # The text or a vector was swept away at this very moment; the next claim starts afresh.
            raise LeaseLost(f"Staging met a row that was just removed: {error}") from error
        return staged

    @transaction.atomic
    def _flip(self, works: Sequence[_Work], *, generation: int) -> list[int]:
        """Make staged chunks live and what they replace retired; return the ids that may leave the store now."""
        wanted = self._still_wanted(works, generation=generation)
        flipped = [work for work in works if work.document.document_id in wanted]
        ids = [work.document.document_id for work in flipped]
        mine = self._staged()
        if len(flipped) < len(works):
            retire(mine.filter(document__in=[work.document.document_id for work in works]).exclude(document__in=ids))
        old = Chunk.objects.filter(index=self.index, document__in=ids, state=ChunkState.LIVE)
        if retired := list(old.values_list("pk", flat=True)):
            retire(old)
        mine.filter(document__in=ids).update(state=ChunkState.LIVE)
        changes.note(self.index.pk, live=[chunk.pk for work in flipped for chunk in work.chunks])
        write_rows(row for work in flipped for row in work.rows)
        flips, now = [], timezone.now()
        for work in flipped:
            entry = wanted[work.document.document_id].entry
            count, digest = chunk_digest(chunk.text for chunk in work.chunks)
            is_wanted = entry.wanted_revision == work.document.revision
            flips.append(ledger.Flip(entry.pk, work.document.revision, is_wanted, count, digest))
            if is_wanted:
                self.waited.append((now - entry.wanted_at).total_seconds())
            self.documents += 1
            self.chunks += count
        ledger.mark_indexed(flips)
        retexted = [work for work in flipped if wanted[work.document.document_id].text_id != work.document.text_id]
        retire_superseded(_texts_now([work.document.document_id for work in retexted]))
        return retired

    def _staged(self) -> QuerySet[Chunk]:
        return Chunk.objects.filter(index=self.index, staged_by=self.lease.token, state=ChunkState.STAGED)

    def _still_wanted(self, works: Sequence[_Work], *, generation: int) -> dict[int, _Locked]:
        """Take the locks, and return the documents, by id, that live, are still ours and newer than what is live."""
        ids = [work.document.document_id for work in works]
        indexes = lock_indexes([self.index.pk])
        if not indexes or indexes[0].generation != generation or indexes[0].state == IndexState.DROPPED:
            raise LeaseLost(f"Index {self.index.pk} was given a new generation meanwhile; the batch starts afresh.")
        texts = lock_living_documents(ids)
        entries = lock_entries(self.index.pk, ids)
        return {
            pk: _Locked(entry, texts[pk])
            for work in works
            if (entry := entries.get((self.index.pk, pk := work.document.document_id)))
            and entry.lease_token == self.lease.token
            and pk in texts
            and work.document.revision > entry.indexed_revision
        }


def _is_rate_limit(error: EmbeddingError) -> bool:
    return isinstance(error, EmbedderUnavailable) and error.is_rate_limit


def _embeds_the_canary(profile: EmbeddingProfile) -> bool:
    try:
        check_canary(profile)
    except EmbeddingError as error:
        logger.info("The embedder of %s does not embed the canary either: %s", profile, error)
        return False
    return True


@contextmanager
def _as_its_own_fault() -> Iterator[None]:
    """Turn what nobody foresaw into an error that can be charged. The database's own errors are outages and pass."""
    try:
        yield
    except (VectorsiteError, DatabaseError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("Something unforeseen happened while documents were brought into the store")
        raise UnexpectedFailure(
            f"{type(error).__name__}: {error}. This is a defect, not a fault of the document; the worker's log has "
            "the details."
        ) from error


def _texts_now(document_ids: Sequence[int]) -> dict[int, str]:
    rows = Document.objects.filter(pk__in=document_ids) if document_ids else Document.objects.none()
    return dict(rows.values_list("pk", "content__text"))


def _chunks_of(index: VectorIndex, token: uuid.UUID, work: _Work, vectors: dict[str, StoredVector]) -> list[Chunk]:
    chunks = []
    parts = zip(work.passages, work.locators, work.inputs, strict=True)
    for position, (passage, locator, text) in enumerate(parts):
        stored = vectors[text]
        chunk = Chunk(
            index_id=index.pk,
            document_id=work.document.document_id,
            source_text_id=work.document.text_id,
            embedding_id=stored.pk,
            revision=work.document.revision,
            position=position,
            start=passage.start,
            end=passage.end,
            text=passage.text,
            locator=locator,
            language=work.document.language,
            staged_by=token,
        )
        chunks.append(chunk)
    return chunks
