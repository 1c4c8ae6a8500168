"""SQL and the disk: what the site cannot do without."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from collections_app.health.finding import Finding, error, ok, warning

_LOCK_PATIENCE_MS = 3000
_LITTLE_SPACE, _NO_SPACE = 2 * 2**30, 200 * 2**20
_LITTLE_SHARE = 0.02


def database() -> Iterator[Finding]:
    """It answers, and can be written."""
    try:
        connection.ensure_connection()
    except OperationalError as failure:
        yield error(
            _("It cannot be reached: %(error)s.") % {"error": str(failure).strip()},
            _("Start the database server, or correct DATABASE_URL."),
        )
        return
    yield from _sqlite() if connection.vendor == "sqlite" else _postgresql()


def answers() -> Iterator[Finding]:
    """It answers a question; nothing is written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    yield ok(_("It answers."))


def _sqlite() -> Iterator[Finding]:
    import sqlite3

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        mode = str(cursor.fetchone()[0])
        if mode != "wal":
            yield warning(
                _("SQLite keeps its journal in the mode “%(mode)s”.") % {"mode": mode},
                _("Readers wait for writers so. Put VAR_DIR on a local disk, where SQLite can use its mode WAL."),
            )
        cursor.execute(f"PRAGMA busy_timeout={_LOCK_PATIENCE_MS}")
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except OperationalError:
            yield error(
                _("SQLite %(version)s answers, but another process does not let go of its write lock.")
                % {"version": sqlite3.sqlite_version},
                _("Find the process that has %(file)s open and is stopped or hangs, and end it.")
                % {"file": connection.settings_dict["NAME"]},
            )
            return
        cursor.execute("ROLLBACK")
    yield ok(_("SQLite %(version)s answers and can be written.") % {"version": sqlite3.sqlite_version})


def _postgresql() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        cursor.execute("SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'")
        if cursor.fetchone()[0]:
            yield error(
                _("PostgreSQL %(version)s answers, but cannot be written.") % {"version": version},
                _("Name the primary server in DATABASE_URL, or make this one writable."),
            )
            return
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state = 'idle in transaction' AND state_change < now() - interval '1 minute'"
        )
        if idle := cursor.fetchone()[0]:
            yield warning(
                _("%(count)d sessions have kept a transaction open for over a minute.") % {"count": idle},
                _("They may hold locks for which workers wait: end the processes behind them, or the sessions."),
            )
    yield ok(_("PostgreSQL %(version)s answers and can be written.") % {"version": version})


def migrations() -> Iterator[Finding]:
    """Its tables are those that this code expects."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield error(
            _("%(count)d migrations are not applied, the first is %(first)s.")
            % {"count": len(plan), "first": plan[0][0]},
            _("Run `manage.py migrate`; `manage.py up` does it by itself."),
        )
        return
    yield ok(_("All are applied."))


def disk() -> Iterator[Finding]:
    """There is room where the site writes."""
    folders = {_("the site's folder"): settings.VAR_DIR, _("the files"): Path(settings.MEDIA_ROOT)}
    if connection.vendor == "sqlite":
        folders[_("the database")] = Path(connection.settings_dict["NAME"]).parent
    if settings.PRIVATE_CHROMA:
        folders[_("the vector store")] = settings.VAR_DIR / "chroma"
    by_device: dict[int, tuple[list[str], Path]] = {}
    for what, folder in folders.items():
        if folder.exists():
            by_device.setdefault(folder.stat().st_dev, ([], folder))[0].append(what)
    for names, folder in by_device.values():
        yield _room(_(", ").join(names), folder)


def _room(what: str, folder: Path) -> Finding:
    usage, files = shutil.disk_usage(folder), os.statvfs(folder)
    found = _("%(what)s (%(folder)s): %(free).1f GB free.") % {
        "what": what,
        "folder": folder,
        "free": usage.free / 2**30,
    }
    remedy = _("Make room: a full disk stops saving, importing and the vector store.")
    if usage.free < _NO_SPACE:
        return error(found, remedy)
    if usage.free < min(_LITTLE_SPACE, _LITTLE_SHARE * usage.total) or files.f_favail < 0.01 * files.f_files:
        return warning(found, remedy)
    return ok(found)
