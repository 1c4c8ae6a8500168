"""An older copy of the database is put back under a store that has gone on."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.chaos.corpus import text_of
from tests.chaos.experiment import Experiment
from tests.chaos.scene import Scene
from tests.chaos.stage import Stage


class Restored(Experiment):
    """A copy is taken, documents are added and edited, and the copy is put back; the store stays as it was."""

    name = "restored-older-database"
    writers = 0
    rounds = 2

    def strike(self, scene: Scene, number: int) -> int:
        stage = scene.stage
        # What still waits in the copy waits again when it is put back, and cannot be asked for until it is indexed.
        scene.rest(60)
        # PostgreSQL copies no database that somebody is connected to.
        scene.writer.close()
        with scene.without_web():
            stage.site.stop()
            copy = take_copy(stage)
            kept = {key: scene.journal.latest(key) for key in scene.journal.known()}
            stage.site.start()
        scene.renew_writer()
        scene.writer.save_many({f"later/{number}/{place}": text_of(scene.rng, paragraphs=3) for place in range(30)})
        scene.edit(5)
        scene.rest(60)
        newest = stage.database.value("SELECT max(id) FROM collections_app_chunk")
        scene.writer.close()
        with scene.without_web():
            stage.site.stop()
            changed = [key for key in scene.journal.known() if scene.journal.latest(key) != kept.get(key)]
            for key in changed:
                scene.journal.done(scene.journal.sent(key, kept.get(key)))
            put_back(stage, copy)
            beyond = newest - stage.database.value("SELECT max(id) FROM collections_app_chunk")
            stage.site.start()
        scene.renew_writer()
        # The ids that the store already has are given out again.
        scene.writer.save_many({f"again/{number}/{place}": text_of(scene.rng, paragraphs=3) for place in range(20)})
        return int(beyond)


def take_copy(stage: Stage) -> str:
    """Copy the database of a site that is stopped; return where the copy is: a file or a database's name."""
    if not stage.database_url:
        copy = stage.folder / "copy.sqlite3"
        with (
            contextlib.closing(sqlite3.connect(stage.sqlite_file)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return str(copy)
    name = urlsplit(stage.database_url).path[1:]
    _recreate(stage, f"{name}_copy", template=name)
    return f"{name}_copy"


def put_back(stage: Stage, copy: str) -> None:
    """Replace the database of a site that is stopped by the copy."""
    if not stage.database_url:
        for suffix in ("-wal", "-shm"):
            Path(f"{stage.sqlite_file}{suffix}").unlink(missing_ok=True)
        shutil.copy(copy, stage.sqlite_file)
        return
    _recreate(stage, urlsplit(stage.database_url).path[1:], template=copy)
    _drop(stage, copy)


def _recreate(stage: Stage, name: str, *, template: str) -> None:
    _drop(stage, name)
    with _maintenance(stage) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )


def _drop(stage: Stage, name: str) -> None:
    with _maintenance(stage) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _maintenance(stage: Stage) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(urlsplit(stage.database_url)._replace(path="/postgres").geturl(), autocommit=True)


EXPERIMENTS = (Restored,)
