"""Damage to one collection's files in a stopped Chroma server's folder, as kills and broken disks do it."""

import os
import sqlite3
from contextlib import closing
from enum import StrEnum
from pathlib import Path


class Damage(StrEnum):
    """What is broken, and how Chroma 1.5.9 shows it. `heartbeat` always answers; deleting the collection works."""

    UNLOADABLE = "unloadable"
    """Every call fails: 500 "Error loading hnsw index"."""
    CUT_SHORT = "cut short"
    """Every call fails: 500 "Error deserializing pickle file"; the commonest trace of a kill while it persists."""
    CRASHING = "crashing"
    """The server dies of SIGSEGV at any call about the collection, counting included."""
    LOST = "lost"
    """What was persisted is missing from answers, silently; only reading its vectors fails ("Error finding id")."""
    DISTORTED = "distorted"
    """Queries answer with wrong distances; reading vectors fails ("Error getting embedding"), and so does deleting."""
    SWELLING = "swelling"
    """Well until the next persist, which writes link_lists.bin without end: only for servers with limited files."""


def damage_collection(folder: Path, name: str, kind: Damage) -> None:
    """Damage the collection `name` of the stopped server on `folder`; it must have been persisted once at least."""
    segment = segment_folder(folder, name)
    match kind:
        case Damage.UNLOADABLE:
            (segment / "header.bin").unlink()
        case Damage.CUT_SHORT:
            _cut(segment / "index_metadata.pickle", 0.5)
        case Damage.CRASHING:
            _cut(segment / "header.bin", 0.5)
        case Damage.LOST:
            (segment / "index_metadata.pickle").unlink()
        case Damage.DISTORTED:
            vectors = segment / "data_level0.bin"
            vectors.write_bytes(bytes(vectors.stat().st_size))
        case Damage.SWELLING:
            _cut(segment / "link_lists.bin", 0.0)


def segment_folder(folder: Path, name: str) -> Path:
    """Return the folder with the vectors of the collection `name`; raise LookupError if it was never persisted."""
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database:
        row = database.execute(
            "SELECT segments.id FROM segments JOIN collections ON collections.id = segments.collection"
            " WHERE collections.name = ? AND segments.scope = 'VECTOR'",
            [name],
        ).fetchone()
    if row is None or not (folder / row[0] / "header.bin").exists():
        raise LookupError(f"{name} has no files in {folder}: write more records than its sync_threshold first.")
    return folder / str(row[0])


def collection_names(folder: Path) -> list[str]:
    """Return the names of the collections in a server's folder, oldest first, without asking the server."""
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database:
        return [name for (name,) in database.execute("SELECT name FROM collections ORDER BY rowid")]


def _cut(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))
