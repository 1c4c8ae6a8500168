"""A collection file is compared with itself before anything of it is written: each text, chunk and vector fits."""

import hashlib
import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collections_app.chunking import embedding_input
from collections_app.exceptions import CollectionFileRefused
from collections_app.portable.archive import CollectionFile
from collections_app.portable.values import DIGEST_BYTES, ChunkLine, DocumentLine
from collections_app.vectors import UNIT_TOLERANCE, digest_of

# Vectors that are looked at together take so many bytes.
BATCH_BYTES = 2 * 2**20
# So many documents show whether this site cuts texts as the one that wrote the file.
SAMPLE = 50
_AGAIN = "The file is damaged, or was changed after it was exported. Export the collection again."

Cut = Callable[[DocumentLine], Sequence[tuple[int, int]]]


@dataclass(slots=True)
class Verified:
    """How many documents were cut here for comparison, and how many of them otherwise than in the file."""

    sampled: int = 0
    cut_otherwise: int = 0


def rows_of(file: CollectionFile) -> int:
    """Return how many vectors of a file are handled together."""
    return max(1, BATCH_BYTES // (4 * file.manifest.profile.dimensions))


def verify(file: CollectionFile, *, cut: Cut | None = None, breathe: Callable[[], None] = lambda: None) -> Verified:
    """Read all of a file in constant memory, and raise CollectionFileRefused with what is wrong with it.

    Every vector is finite, of unit length, and belongs to a chunk; every chunk is a stretch of the text of a document,
    and its input has the digest that it says. `cut` gives the passages that this site would make of a document.
    """
    verified = Verified()
    with tempfile.TemporaryDirectory() as folder, _known(file, Path(folder), breathe) as keys:
        used = np.zeros(len(keys), dtype=np.bool_)
        digests = array("Q")
        chunks = file.chunks()
        chunk = next(chunks, None)
        counted = 0
        for document in file.documents():
            its_chunks: list[ChunkLine] = []
            while chunk is not None and chunk.document == document.key:
                its_chunks.append(chunk)
                chunk = next(chunks, None)
            counted += len(its_chunks)
            digests.append(int.from_bytes(hashlib.sha256(document.key.encode()).digest()[:8], "big"))
            if its_chunks:
                _check_chunks(document, its_chunks)
                _mark(document, its_chunks, keys, used)
                if cut and verified.sampled < SAMPLE:
                    verified.sampled += 1
                    verified.cut_otherwise += list(cut(document)) != [(one.start, one.end) for one in its_chunks]
            breathe()
        if chunk is not None:
            raise CollectionFileRefused(
                f"A chunk belongs to the document {chunk.document!r}, which is not there, or not in its place. {_AGAIN}"
            )
        _check_counts(file, documents=len(digests), chunks=counted)
        if len(np.unique(np.frombuffer(digests, dtype=np.uint64))) < len(digests):
            raise CollectionFileRefused(f"Two documents have the same key. {_AGAIN}")
        if unused := len(used) - int(np.count_nonzero(used)):
            raise CollectionFileRefused(f"{unused:,} vectors belong to no text of the file. {_AGAIN}")
    return verified


@contextmanager
def _known(file: CollectionFile, folder: Path, breathe: Callable[[], None]) -> Iterator[NDArray[np.bytes_]]:
    """Check the vectors, and give their digests, ascending, as S32 [n] on disk."""
    path, last = folder / "keys", b""
    with path.open("wb") as stream:
        for digests, vectors in file.vectors(rows=rows_of(file)):
            lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
            if not np.all(np.abs(lengths - 1.0) < UNIT_TOLERANCE):
                raise CollectionFileRefused(f"A vector is not finite, or not of length 1. {_AGAIN}")
            for start in range(0, len(digests), DIGEST_BYTES):
                if (digest := digests[start : start + DIGEST_BYTES]) <= last:
                    raise CollectionFileRefused(f"The digests of the vectors are not in ascending order. {_AGAIN}")
                last = digest
            stream.write(digests)
            breathe()
    dtype = f"S{DIGEST_BYTES}"
    yield np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.empty(0, dtype=dtype)


def _check_chunks(document: DocumentLine, chunks: Sequence[ChunkLine]) -> None:
    position = -1
    for chunk in chunks:
        if chunk.end > len(document.text) or chunk.position <= position:
            raise CollectionFileRefused(f"A chunk of the document {document.key!r} is not in its place. {_AGAIN}")
        position = chunk.position
        text = embedding_input(document.title, dict(chunk.locator), document.text[chunk.start : chunk.end])
        if digest_of(text) != chunk.sha256:
            raise CollectionFileRefused(
                f"A chunk of the document {document.key!r} is not the text that its vector was made of. {_AGAIN}"
            )


def _mark(
    document: DocumentLine, chunks: Sequence[ChunkLine], keys: NDArray[np.bytes_], used: NDArray[np.bool_]
) -> None:
    wanted = np.array([chunk.sha256 for chunk in chunks], dtype=keys.dtype)
    places = np.searchsorted(keys, wanted)
    if len(keys) == 0 or places.max() >= len(keys) or not np.all(keys[places] == wanted):
        raise CollectionFileRefused(f"A chunk of the document {document.key!r} has no vector. {_AGAIN}")
    used[places] = True


def _check_counts(file: CollectionFile, *, documents: int, chunks: int) -> None:
    counts = file.manifest.counts
    if (documents, chunks) != (counts.documents, counts.chunks):
        raise CollectionFileRefused(
            f"The file holds {documents:,} documents and {chunks:,} chunks where {counts.documents:,} and "
            f"{counts.chunks:,} are declared. {_AGAIN}"
        )
