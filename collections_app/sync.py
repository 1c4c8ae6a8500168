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
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import QuerySet

from collections_app import changes, ledger, lexical_segments, outages, projection
from collections_app.chunking import Passage, cut, embedding_input, locate
from collections_app.embeddings import Embedder
from collections_app.exceptions import (
    ConfigurationError,
    DocumentCannotBeChunked,
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
from collections_app.locks import lock_documents, lock_entries, lock_indexes
from collections_app.models import (
    Chunk,
    ChunkState,
    Document,
    DocumentText,
    EmbeddingProfile,
    IndexEntry,
    IndexState,
    LexicalRow,
    Markup,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.profiles import check_canary, embedder_for
from collections_app.vectors import StoredVector, embed_passages
from collections_app.visibility import chunk_digest, retire, retire_superseded

logger = logging.getLogger(__name__)

OnClaim = Callable[[VectorIndex, int, bool], None]

BATCH_ENTRIES = 64
# A few seconds of work for the local embedder: the sweeper and somebody's edit wait no longer for their turn.
BATCH_CHARACTERS = 24_000
# A long document's records are written in parts, the lease renewed before each.
UPSERT_RECORDS = 1000
# Work that is nothing but computing renews the lease this often.
BREATH_SECONDS = 5.0
# Room for what joining a title and a text may add to the tokens of both.
SPARE_TOKENS = 2


class UnexpectedFailure(VectorsiteError):
    """A defect of ours or of a library showed on some documents; it is isolated like poison, so the rest goes on."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain did."""

    documents: int = 0
    chunks: int = 0
    more: bool = False


@dataclass(slots=True)
class _Work:
    """One document on its way: as it was when it was claimed, and what became of it."""

    entry: IndexEntry
    document: Document
    text: DocumentText
    passages: list[Passage]
    locators: list[dict[str, Any]]
    inputs: list[str]
    chunks: list[Chunk] = field(default_factory=list)
    rows: list[LexicalRow] = field(default_factory=list)


def drain(index_id: int, *, on_claim: OnClaim | None = None) -> Drained:
    """Work one batch of an index's pending entries. `on_claim` is told what was claimed and whether there is more.

    Errors that follow a document are charged to its entry. An outage pauses the embedder or the store for everybody,
    charges nobody, and leaves the entries pending.
    """
    index = VectorIndex.objects.select_related("profile", "collection").get(pk=index_id)
    if index.state == IndexState.DROPPED:
        return Drained()
    store_status = outages.store_status(index.store)
    if index.profile.paused_until or store_status.paused_until:
        return Drained()
    lease = ledger.claim(index_id, limit=BATCH_ENTRIES, characters=BATCH_CHARACTERS)
    if lease is None:
        return Drained()
    more = ledger.has_claimable(index_id)
    if on_claim:
        on_claim(index, len(lease.entries), more)
    batch = _Batch(index, lease)
    try:
        may_go_on = _run(batch, index, store_status)
    finally:
        ledger.release(lease)
    if batch.chunks:
        lexical_segments.keep_up(index_id)
    return Drained(batch.documents, batch.chunks, more and may_go_on)


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

    def __init__(self, index: VectorIndex, lease: ledger.Lease) -> None:
        self.index = index
        self.lease = lease
        self.documents = 0
        self.chunks = 0
        self._renewed_at = time.monotonic()

    def run(self) -> None:
        embedder = embedder_for(self.index.profile)
        works: list[_Work] = []
        for entry, document, text in self._snapshots():
            try:
                with _as_its_own_fault():
                    parts = cut_document(self.index, embedder, document, text, breathe=self._breathe)
                    works.append(_Work(entry, document, text, *parts))
            except VectorsiteError as error:
                self._fail(document.pk, error)
        if works:
            self._project(works, embedder)

    def _snapshots(self) -> list[tuple[IndexEntry, Document, DocumentText]]:
        rows = Document.objects.alive().select_related("content").prefetch_related("content__segments")
        documents = rows.in_bulk(self.lease.document_ids)
        found = []
        for entry in self.lease.entries:
            document = documents.get(entry.document_id)
            if document and document.content:
                found.append((entry, document, document.content))
        return found

    def _fail(self, document_id: int, error: VectorsiteError) -> None:
        if not error.permanent or isinstance(error, ConfigurationError):
            raise error
        logger.warning("Document %s in index %s: %s", document_id, self.index.pk, error)
        ledger.charge(self.lease, document_id, error)

    def _project(self, works: list[_Work], embedder: Embedder) -> None:
        """Bring documents into the store together; if one of them is poison, halve until it stands alone."""
        try:
            with _as_its_own_fault():
                self._project_together(works, embedder)
        except VectorsiteError as error:
            if not error.permanent or isinstance(error, ConfigurationError) or len(works) == 1:
                self._fail(works[0].document.pk, error)
                return
            middle = len(works) // 2
            self._project(works[:middle], embedder)
            self._project(works[middle:], embedder)

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
            return embed_passages(self.index.profile, embedder, inputs, sign_of_life=self._renew)
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
            work.rows = [row_of(chunk, text) for chunk, text in zip(work.chunks, work.inputs, strict=True)]

    def _breathe(self) -> None:
        """Renew the lease if it is some time ago: cutting a book takes longer than a lease lasts."""
        if time.monotonic() - self._renewed_at > BREATH_SECONDS:
            self._renew()

    def _renew(self) -> None:
        self._renewed_at = time.monotonic()
        if not ledger.renew(self.lease):
            raise LeaseLost(f"The lease on a batch of index {self.index.pk} ran out; another worker takes it over.")

    # --- the two transactions -------------------------------------------------------------------------------------

    def _stage(self, works: Sequence[_Work], vectors: dict[str, StoredVector], *, generation: int) -> list[_Work]:
        """Commit the chunk rows before their ids can be in the store; return the works that still may go on."""
        for work in works:
            work.chunks = _chunks_of(self.index, self.lease.token, work, vectors)
        try:
            with transaction.atomic():
                staged = self._still_wanted(works, generation=generation)
                texts = set(
                    DocumentText.objects.filter(pk__in=[work.text.pk for work in staged]).values_list("pk", flat=True)
                )
                staged = [work for work in staged if work.text.pk in texts]
                # A larger batch that failed after its staging was halved: what it staged must not go live with this.
                retire(self._staged().filter(document__in=[work.document.pk for work in works]))
                Chunk.objects.bulk_create([chunk for work in staged for chunk in work.chunks], batch_size=1000)
        except IntegrityError as error:
            # The text or a vector was swept away at this very moment; the next claim starts afresh.
            raise LeaseLost(f"Staging met a row that was just removed: {error}") from error
        return staged

    @transaction.atomic
    def _flip(self, works: Sequence[_Work], *, generation: int) -> list[int]:
        """Make staged chunks live and what they replace retired; return the ids that may leave the store now."""
        flipped = self._still_wanted(works, generation=generation)
        ids = [work.document.pk for work in flipped]
        mine = self._staged()
        if len(flipped) < len(works):
            retire(mine.filter(document__in=[work.document.pk for work in works]).exclude(document__in=ids))
        old = Chunk.objects.filter(index=self.index, document__in=ids, state=ChunkState.LIVE)
        retired = list(old.values_list("pk", flat=True))
        retire(old)
        chosen = mine.filter(document__in=ids)
        live = list(chosen.values_list("pk", flat=True))
        chosen.update(state=ChunkState.LIVE)
        changes.note(self.index.pk, live=live)
        write_rows(row for work in flipped for row in work.rows)
        entries = {entry.document_id: entry for entry in IndexEntry.objects.filter(lease_token=self.lease.token)}
        for work in flipped:
            count, digest = chunk_digest(chunk.text for chunk in work.chunks)
            ledger.mark_indexed(
                entries[work.document.pk], revision=work.document.revision, chunk_count=count, text_digest=digest
            )
            self.documents += 1
            self.chunks += count
        retire_superseded(_newer_texts(flipped))
        return retired

    def _staged(self) -> QuerySet[Chunk]:
        return Chunk.objects.filter(index=self.index, staged_by=self.lease.token, state=ChunkState.STAGED)

    def _still_wanted(self, works: Iterable[_Work], *, generation: int) -> list[_Work]:
        """Take the locks, and return the works whose document lives, is still ours and is newer than what is live."""
        works = list(works)
        ids = [work.document.pk for work in works]
        indexes = lock_indexes([self.index.pk])
        if not indexes or indexes[0].generation != generation or indexes[0].state == IndexState.DROPPED:
            raise LeaseLost(f"Index {self.index.pk} was given a new generation meanwhile; the batch starts afresh.")
        documents = lock_documents(ids)
        entries = lock_entries(self.index.pk, ids)
        return [
            work
            for work in works
            if (entry := entries.get((self.index.pk, work.document.pk)))
            and entry.lease_token == self.lease.token
            and documents[work.document.pk].deleted_at is None
            and work.document.revision > entry.indexed_revision
        ]


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


def _newer_texts(works: Iterable[_Work]) -> dict[int, str]:
    """Return the present text of documents that were given another one since they were claimed."""
    claimed = {work.document.pk: work.text.pk for work in works}
    now = Document.objects.filter(pk__in=list(claimed)).values_list("pk", "content", "content__text")
    return {pk: text for pk, content, text in now if content != claimed[pk]}


def cut_document(
    index: VectorIndex,
    embedder: Embedder,
    document: Document,
    text: DocumentText,
    *,
    breathe: Callable[[], None] = lambda: None,
) -> tuple[list[Passage], list[dict[str, Any]], list[str]]:
    """Cut a document into passages as `index` wants them; return them, where each is found, and what is embedded."""
    context = embedder.count_tokens([embedding_input(document.title, {}, "")])[0] if document.title else 0
    room = embedder.passage_capacity - SPARE_TOKENS - min(context, embedder.passage_capacity // 3)
    passages = cut(
        text.text,
        markdown=text.markup == Markup.MARKDOWN,
        capacity=max(1, min(index.chunk_size, room)),
        overlap=index.chunk_overlap,
        tokenizer=embedder.tokenizer,
        count_tokens=lambda piece: embedder.count_tokens([piece])[0],
        breathe=breathe,
    )
    if not passages and document.title:
        passages = [Passage(0, 0, "")]
    if not passages:
        raise DocumentCannotBeChunked("The document has no text that could be searched. Give it a text or a title.")
    locators = locate(list(text.segments.all()), passages)
    inputs = [
        embedding_input(document.title, locator, passage.text)
        for passage, locator in zip(passages, locators, strict=True)
    ]
    return passages, locators, inputs


def _chunks_of(index: VectorIndex, token: uuid.UUID, work: _Work, vectors: dict[str, StoredVector]) -> list[Chunk]:
    chunks = []
    parts = zip(work.passages, work.locators, work.inputs, strict=True)
    for position, (passage, locator, text) in enumerate(parts):
        stored = vectors[text]
        chunk = Chunk(
            index=index,
            document=work.document,
            source_text=work.text,
            embedding_id=stored.pk,
            revision=work.document.revision,
            position=position,
            start=passage.start,
            end=passage.end,
            text=passage.text,
            locator=locator,
            language=work.document.effective_language,
            staged_by=token,
        )
        chunks.append(chunk)
    return chunks
