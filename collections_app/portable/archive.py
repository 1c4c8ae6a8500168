"""A collection file, read without trusting it: only the members that the format has, as long as the manifest says.

Everything is read as a stream. Nothing is written under a name that the file gives, so such names mean nothing.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from django.core.files import File
from numpy.lib import format as npy
from numpy.typing import NDArray

from collections_app.exceptions import CollectionFileRefused
from collections_app.portable.values import (
    CHUNKS,
    DIGEST_BYTES,
    DOCUMENTS,
    KEYS,
    MANIFEST,
    MEMBERS,
    VECTORS,
    ChunkLine,
    DocumentLine,
    Manifest,
    read_chunk,
    read_document,
    read_manifest,
)

MOST_MANIFEST = 4 * 2**20
# A text of MOST_TEXT characters, four bytes each, with its metadata and segments.
LONGEST_LINE = 160 * 2**20
# Deflate reaches 1032:1 on one repeated byte. What is exported is stored without compression where it would come close.
HIGHEST_RATIO = 300
RATIO_MATTERS_FROM = 8 * 2**20
_READ = 1 << 20
_ENCRYPTED = 0x1
_NPY_HEADER = 1024
_DAMAGED = (
    "The file is damaged or incomplete, as happens when a copy or an upload breaks off. Copy it again, or export the "
    "collection again."
)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError)

Vectors = NDArray[np.float32]


class CollectionFile:
    """An open collection file. Making one reads its directory and its manifest, and refuses what cannot be one."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._infos = _members_of(archive)
        content = self._small(MANIFEST)
        self.manifest: Manifest = read_manifest(content)
        # Tells two files apart: the manifest has the digests of all else.
        self.digest = hashlib.sha256(content).hexdigest()
        self._check_sizes()

    def _check_sizes(self) -> None:
        counts, dimensions = self.manifest.counts, self.manifest.profile.dimensions
        least = {KEYS: DIGEST_BYTES * counts.vectors, VECTORS: 4 * dimensions * counts.vectors}
        for name in MEMBERS:
            info, size = self._infos[name], self.manifest.members[name].size
            if info.file_size != size:
                raise CollectionFileRefused(
                    f"{name} has {info.file_size:,} bytes where {size:,} are declared. {_DAMAGED}"
                )
            if name in least and not least[name] < size <= least[name] + _NPY_HEADER:
                raise CollectionFileRefused(
                    f"{name} has {size:,} bytes, which is not {counts.vectors:,} vectors of {dimensions:,} dimensions. "
                    f"{_DAMAGED}"
                )
            if info.file_size > RATIO_MATTERS_FROM and info.file_size > HIGHEST_RATIO * max(1, info.compress_size):
                raise CollectionFileRefused(
                    f"{name} unpacks to more than {HIGHEST_RATIO} times its packed size, as no exported collection "
                    "does. Do not use this file."
                )

    def _small(self, name: str) -> bytes:
        try:
            with self._archive.open(self._infos[name]) as member:
                content = member.read(MOST_MANIFEST + 1)
        except _BROKEN:
            raise CollectionFileRefused(_DAMAGED) from None
        if len(content) > MOST_MANIFEST:
            raise CollectionFileRefused(f"{name} is longer than {MOST_MANIFEST:,} bytes. {_DAMAGED}")
        return content

    # --- members ------------------------------------------------------------------------------------------------------

    def documents(self) -> Iterator[DocumentLine]:
        """Yield the documents in their order, one at a time."""
        for number, line in enumerate(self._lines(DOCUMENTS), start=1):
            yield read_document(line, number)

    def chunks(self) -> Iterator[ChunkLine]:
        """Yield the chunks, which are in the order of the documents and of their positions."""
        for number, line in enumerate(self._lines(CHUNKS), start=1):
            yield read_chunk(line, number)

    def vectors(self, *, rows: int) -> Iterator[tuple[bytes, Vectors]]:
        """Yield the digests of n <= `rows` inputs, one after the other, and their vectors float32 [n, d]."""
        count, dimensions = self.manifest.counts.vectors, self.manifest.profile.dimensions
        with self._open(KEYS) as keys, self._open(VECTORS) as vectors:
            _check_header(keys, KEYS, dtype="|u1", shape=(count, DIGEST_BYTES))
            _check_header(vectors, VECTORS, dtype="<f4", shape=(count, dimensions))
            for start in range(0, count, rows):
                part = min(rows, count - start)
                digests = _exactly(keys, KEYS, part * DIGEST_BYTES)
                raw = _exactly(vectors, VECTORS, part * dimensions * 4)
                yield digests, np.frombuffer(raw, dtype="<f4").reshape(part, dimensions)
            _end(keys, KEYS)
            _end(vectors, VECTORS)

    def _lines(self, name: str) -> Iterator[bytes]:
        rest: list[bytes] = []
        length = 0
        with self._open(name) as member:
            while part := member.read(_READ):
                *whole, last = part.split(b"\n")
                if whole:
                    yield b"".join([*rest, whole[0]])
                    yield from whole[1:]
                    rest, length = [], 0
                rest.append(last)
                length += len(last)
                if length > LONGEST_LINE:
                    raise CollectionFileRefused(f"{name} has a line of more than {LONGEST_LINE:,} bytes. {_DAMAGED}")
        if length:
            raise CollectionFileRefused(f"{name} ends in the middle of a line. {_DAMAGED}")

    @contextmanager
    def _open(self, name: str) -> "Iterator[_Summed]":
        try:
            with self._archive.open(self._infos[name]) as member:
                yield _Summed(member, name, self.manifest.members[name].sha256)
        except _BROKEN:
            raise CollectionFileRefused(f"{name} cannot be unpacked. {_DAMAGED}") from None


class _Summed:
    """A member that is read once; at its end its digest has to be the declared one."""

    def __init__(self, member: IO[bytes], name: str, sha256: str) -> None:
        self._member, self._name, self._expected = member, name, sha256
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._member.read(size)
        self._digest.update(content)
        if not content and self._digest.hexdigest() != self._expected:
            raise CollectionFileRefused(f"{self._name} is not what was exported: its sha256 differs. {_DAMAGED}")
        return content


@contextmanager
def open_collection_file(source: Path | File) -> Iterator[CollectionFile]:
    """Open a collection file; raise CollectionFileRefused if it is none, damaged, or of a newer version."""
    try:
        archive = zipfile.ZipFile(source if isinstance(source, Path) else source.open())
    except FileNotFoundError:
        raise CollectionFileRefused(f"There is no file {source}.") from None
    except _BROKEN:
        raise CollectionFileRefused(f"It is no collection file. {_DAMAGED}") from None
    with archive:
        yield CollectionFile(archive)


def _members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = {info.filename: info for info in archive.infolist()}
    wanted = {MANIFEST, *MEMBERS}
    if missing := wanted - set(infos):
        raise CollectionFileRefused(f"It is no collection file: {', '.join(sorted(missing))} is missing. {_DAMAGED}")
    if len(archive.infolist()) > len(wanted):
        raise CollectionFileRefused(
            "The file holds more than a collection file does, or the same twice. Do not use it; export the collection "
            "again."
        )
    if any(info.flag_bits & _ENCRYPTED for info in infos.values()):
        raise CollectionFileRefused("The file is protected by a password. Remove the protection first.")
    return infos


def _check_header(member: _Summed, name: str, *, dtype: str, shape: tuple[int, ...]) -> None:
    """Read the header of a NumPy file, which has to say what the manifest says."""
    try:
        version = npy.read_magic(member)  # type: ignore[arg-type]
        if version != (1, 0):
            raise ValueError(f"version {version}")
        found, fortran, kind = npy.read_array_header_1_0(member, max_header_size=_NPY_HEADER)  # type: ignore[arg-type]
    except ValueError as error:
        raise CollectionFileRefused(f"{name} is no NumPy file of version 1.0 ({error}). {_DAMAGED}") from None
    if (found, fortran, kind) != (shape, False, np.dtype(dtype)):
        raise CollectionFileRefused(
            f"{name} holds {kind.str} {list(found)} where {dtype} {list(shape)} is declared. {_DAMAGED}"
        )


def _exactly(member: _Summed, name: str, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = member.read(min(size, _READ))
        if not part:
            raise CollectionFileRefused(f"{name} ends too early. {_DAMAGED}")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _end(member: _Summed, name: str) -> None:
    if member.read(1):
        raise CollectionFileRefused(f"{name} holds more than is declared. {_DAMAGED}")


def header_of(dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what the header of a NumPy file in C order says."""
    return {"descr": dtype, "fortran_order": False, "shape": shape}
