"""The folder of a Chroma server, which leaves the files of dropped collections behind (as of Chroma 1.5.9).

One collection's files are no small thing: a graph that was damaged by a kill has been seen to grow by a gigabyte a
second.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove the folders of segments that the server's own database no longer knows; return which.

    The server may run: it writes a segment down before it makes its folder. A database that cannot be read is left to
    the server to judge.
    """
    database = folder / "chroma.sqlite3"
    if not database.exists():
        return []
    # Listed before the database is read: what is made in between is not taken for a leftover.
    named = {name: path for path in folder.iterdir() if path.is_dir() and (name := _uuid(path.name))}
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            known = {UUID(row[0]) for row in connection.execute("SELECT id FROM segments")}
    except (sqlite3.Error, ValueError):
        return []
    leftovers = [path for name, path in named.items() if name not in known]
    for path in leftovers:
        shutil.rmtree(path, ignore_errors=True)
    return leftovers


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
