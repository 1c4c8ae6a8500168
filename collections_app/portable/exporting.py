"""A collection as one file: documents and chunks are spooled, vectors sorted by their digests, then all is zipped."""

import hashlib
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, cast

from django.db.models import F, QuerySet
from django.utils import timezone
from numpy.lib import format as npy

from collections_app.chunking import embedding_input
from collections_app.embeddings import vector_options
from collections_app.exceptions import CollectionFileRefused
from collections_app.extraction import Segment as Stretch
from collections_app.extraction import SegmentKind
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    EmbeddingProfile,
    IndexEntry,
    Segment,
    User,
    VectorIndex,
)
from collections_app.portable.archive import HIGHEST_RATIO, RATIO_MATTERS_FROM, header_of
from collections_app.portable.values import (
    CHUNKS,
    DIGEST_BYTES,
    DOCUMENTS,
    KEYS,
    MANIFEST,
    MEMBERS,
    VECTORS,
    ChunkLine,
    CollectionFacts,
    Counts,
    DocumentLine,
    FieldFacts,
    IndexFacts,
    Manifest,
    Member,
    ProfileFacts,
)
from collections_app.trail import record
from collections_app.vectors import digest_of, is_usable

# Documents that are read at once: so many, and about so many characters.
_DOCUMENTS, _CHARACTERS = 200, 500_000
_IDS = 1000
_ROWS = 500
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how many of each, and of how many documents some text has no vector yet."""

    path: Path
    counts: Counts
    size: int
    unindexed: int


def export_collection(
    collection: Collection, path: Path, *, user: User | None = None, breathe: Callable[[], None] = lambda: None
) -> Exported:
    """Write all of a collection but its grants and its source files to `path`, in constant memory, whole or not at all.

    Documents are exported as they are when they are read, each by itself. Passages that are not indexed yet have no
    chunk and no vector in the file: who imports it embeds them. `breathe` is called after each batch.
    """
    index = VectorIndex.objects.select_related("profile").filter(pk=collection.serving_index_id or 0).first()
    if index is None:
        raise CollectionFileRefused(f"The collection {collection.name!r} has no index; it was deleted.")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            spool = _Spool(Path(folder), index.profile)
            unindexed = _write_documents(collection, index, spool, breathe)
            _check_still_serves(collection, index)
            manifest = _manifest(collection, index, spool)
            packed = _pack(spool, manifest)
            with packed.open("rb") as stream:
                os.fsync(stream.fileno())
            size = packed.stat().st_size
            packed.replace(path)
    except OSError as error:
        raise CollectionFileRefused(f"{path} cannot be written: {error.strerror}. Choose another place.") from error
    record(user, "exported", collection, documents=manifest.counts.documents, vectors=manifest.counts.vectors)
    return Exported(path, manifest.counts, size, unindexed)


def _check_still_serves(collection: Collection, index: VectorIndex) -> None:
    """The chunks of an index that was dropped meanwhile would be missing."""
    serving = Collection.objects.alive().filter(pk=collection.pk).values_list("serving_index", flat=True).first()
    if serving != index.pk:
        raise CollectionFileRefused(
            f"Another index of {collection.name!r} took over while it was exported, or it was deleted. Export it again."
        )


# --- out of SQL ---------------------------------------------------------------------------------------------------


class _Spool:
    """The members on disk before they are zipped, and the vectors in a database of their own, sorted by digest."""

    def __init__(self, folder: Path, profile: EmbeddingProfile) -> None:
        self.folder = folder
        self.profile = profile
        self.documents = self.chunks = self.vectors = 0

    def path(self, name: str) -> Path:
        return self.folder / name.replace("/", "-")


def _write_documents(collection: Collection, index: VectorIndex, spool: _Spool, breathe: Callable[[], None]) -> int:
    unindexed = 0
    with (
        closing(sqlite3.connect(spool.path("vectors.sqlite"), isolation_level=None)) as sorter,
        spool.path(DOCUMENTS).open("wb") as documents,
        spool.path(CHUNKS).open("wb") as chunks,
    ):
        # The file is thrown away if anything goes wrong, so it needs no journal.
        sorter.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
            "CREATE TABLE vector (digest BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID; BEGIN;"
        )
        for ids in _batches(collection):
            for line, its_chunks, is_whole in _read(ids, index, sorter):
                documents.write(line.written())
                spool.documents += 1
                for chunk in its_chunks:
                    chunks.write(chunk.written())
                    spool.chunks += 1
                unindexed += not is_whole
            breathe()
        spool.vectors = sorter.execute("SELECT COUNT(*) FROM vector").fetchone()[0]
        _write_vectors(sorter, spool)
    spool.path("vectors.sqlite").unlink()
    return unindexed


def _batches(collection: Collection) -> Iterator[list[int]]:
    """Yield the ids of the living documents, upwards, in batches that fit into memory."""
    living = Document.objects.alive().filter(collection=collection, content__isnull=False).order_by("pk")
    last = 0
    while page := list(living.filter(pk__gt=last).values_list("pk", "size")[:_IDS]):
        last = page[-1][0]
        batch: list[int] = []
        characters = 0
        for pk, size in page:
            if batch and (len(batch) >= _DOCUMENTS or characters + size > _CHARACTERS):
                yield batch
                batch, characters = [], 0
            batch.append(pk)
            characters += size
        yield batch


def _read(
    ids: Sequence[int], index: VectorIndex, sorter: sqlite3.Connection
) -> Iterator[tuple[DocumentLine, list[ChunkLine], bool]]:
    """Yield documents, the chunks of the text that they have now, and whether they are all of it."""
    rows = Document.objects.alive().filter(pk__in=ids, content__isnull=False).select_related("content").order_by("pk")
    documents = list(rows)
    segments = _segments([document.content_id for document in documents if document.content_id])
    entries = IndexEntry.objects.filter(index=index, document__in=ids, indexed_revision=F("document__revision"))
    indexed = set(entries.values_list("document", flat=True))
    chunks = groupby(_chunks([document.pk for document in documents], index), key=itemgetter(0))
    pk, found = next(chunks, (None, iter(())))
    for document in documents:
        lines: list[ChunkLine] = []
        if pk == document.pk:
            lines = list(_chunk_lines(document, found, index.profile, sorter))
            pk, found = next(chunks, (None, iter(())))
        yield _document_line(document, segments), lines, document.pk in indexed


def _segments(text_ids: Sequence[int]) -> dict[int, list[Stretch]]:
    segments: dict[int, list[Stretch]] = {}
    rows = Segment.objects.filter(source_text__in=text_ids).order_by("source_text", "position")
    for row in rows:
        kind = cast("SegmentKind", row.kind)
        stretch = Stretch(kind, row.label, row.level, row.start, row.end)
        segments.setdefault(row.source_text_id, []).append(stretch)
    return segments


_CHUNK = (
    "document", "source_text", "position", "start", "end", "text", "locator", "language", "embedding__digest",
    "embedding__vector",
)  # fmt: skip


def _chunks(document_ids: Sequence[int], index: VectorIndex) -> Iterator[tuple[Any, ...]]:
    live = Chunk.objects.filter(
        index=index, document__in=document_ids, state=ChunkState.LIVE, embedding__profile=index.profile_id
    )
    rows: QuerySet[Chunk, tuple[Any, ...]] = live.order_by("document", "position", "pk").values_list(*_CHUNK)
    return rows.iterator(chunk_size=_ROWS)


def _chunk_lines(
    document: Document, rows: Iterable[tuple[Any, ...]], profile: EmbeddingProfile, sorter: sqlite3.Connection
) -> Iterator[ChunkLine]:
    """Yield the chunks that are cut from the present text under the present title, having kept their vectors.

    Of a document that was edited a moment ago, others are live too: the next flip replaces them.
    """
    for _, text_id, position, start, end, text, locator, language, digest, vector in rows:
        key = digest_of(embedding_input(document.title, locator, text))
        if (
            text_id != document.content_id
            or key != bytes(digest)
            or not is_usable(vector, dimensions=profile.dimensions)
        ):
            continue
        sorter.execute("INSERT OR IGNORE INTO vector VALUES (?, ?)", (key, bytes(vector)))
        yield ChunkLine(
            document=document.key,
            position=position,
            start=start,
            end=end,
            locator=locator,
            language=language,
            sha256=key,
        )


def _document_line(document: Document, segments: Mapping[int, Sequence[Stretch]]) -> DocumentLine:
    return DocumentLine(
        key=document.key,
        title=document.title,
        text=document.text,
        markup=document.content.markup if document.content else "",
        language=document.language,
        language_override=document.language_override,
        metadata=document.metadata,
        segments=tuple(segments.get(document.content_id or 0, ())),
        revision=document.revision,
        created_at=document.created_at.isoformat(),
        updated_at=document.updated_at.isoformat(),
    )


def _write_vectors(sorter: sqlite3.Connection, spool: _Spool) -> None:
    with spool.path(KEYS).open("wb") as keys, spool.path(VECTORS).open("wb") as vectors:
        npy.write_array_header_1_0(keys, header_of("|u1", (spool.vectors, DIGEST_BYTES)))
        npy.write_array_header_1_0(vectors, header_of("<f4", (spool.vectors, spool.profile.dimensions)))
        for digest, vector in sorter.execute("SELECT digest, vector FROM vector ORDER BY digest"):
            keys.write(digest)
            vectors.write(vector)


# --- into the archive ---------------------------------------------------------------------------------------------


def _manifest(collection: Collection, index: VectorIndex, spool: _Spool) -> Manifest:
    profile = index.profile
    collection.refresh_from_db()
    index.refresh_from_db()
    return Manifest(
        collection=CollectionFacts(
            name=collection.name,
            slug=collection.slug,
            description=collection.description,
            visibility=collection.visibility,
            time_zone=collection.time_zone,
            semantic_weight=collection.semantic_weight,
        ),
        fields=tuple(
            FieldFacts(**values)
            for values in collection.fields.order_by("position", "name").values(*FieldFacts.__slots__)
        ),
        profile=ProfileFacts(
            name=profile.name,
            backend=profile.backend,
            model=profile.model,
            options=vector_options(profile.backend, profile.options),
            fingerprint=profile.fingerprint,
            dimensions=profile.dimensions,
            max_tokens=profile.max_tokens,
            canary=bytes(profile.canary),
        ),
        index=IndexFacts(
            chunk_size=index.chunk_size,
            chunk_overlap=index.chunk_overlap,
            analyzer_version=index.analyzer_version,
            hnsw=index.hnsw,
            semantic_weight=index.semantic_weight,
            calibration=index.calibration,
        ),
        counts=Counts(documents=spool.documents, chunks=spool.chunks, vectors=spool.vectors),
        members={name: _member(spool.path(name)) for name in MEMBERS},
        created_at=timezone.now().isoformat(),
    )


def _member(path: Path) -> Member:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(_READ):
            digest.update(part)
    return Member(size=path.stat().st_size, sha256=digest.hexdigest())


def _pack(spool: _Spool, manifest: Manifest) -> Path:
    """Zip the members; without compression where it would be so good that readers would take it for an attack."""
    packed = spool.folder / "packed"
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(packed, "w", compression=compression, compresslevel=6) as archive:
            archive.writestr(MANIFEST, manifest.written())
            for name in MEMBERS:
                # Vectors are as good as random: to compress them saves a fifteenth and takes most of the time.
                kind = compression if name in {DOCUMENTS, CHUNKS} else zipfile.ZIP_STORED
                _add(archive, name, spool.path(name), kind)
            if not any(_looks_like_a_bomb(info) for info in archive.infolist()):
                break
    return packed


def _add(archive: zipfile.ZipFile, name: str, path: Path, compression: int) -> None:
    info = zipfile.ZipInfo.from_file(path, name)
    info.compress_type = compression
    with path.open("rb") as stream, archive.open(info, "w", force_zip64=True) as member:
        _copy(stream, member)


def _copy(stream: IO[bytes], member: IO[bytes]) -> None:
    while part := stream.read(_READ):
        member.write(part)


def _looks_like_a_bomb(info: zipfile.ZipInfo) -> bool:
    return info.file_size > RATIO_MATTERS_FROM and info.file_size > HIGHEST_RATIO * max(1, info.compress_size)
