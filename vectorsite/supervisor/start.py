"""From nothing to a running site: the order in which everything happens."""

import io
import os
import sys
from pathlib import Path
from typing import TextIO

from django.conf import settings

from vectorsite import private
from vectorsite.supervisor import preparation
from vectorsite.supervisor.account import NAME, ensure_admin
from vectorsite.supervisor.console import Console
from vectorsite.supervisor.guard import Guard
from vectorsite.supervisor.leftovers import RunRecord, end_leftovers
from vectorsite.supervisor.lock import site_lock
from vectorsite.supervisor.site import Site, programs, redis_executable
from vectorsite.supervisor.supervisor import Supervisor


def start(*, with_demo: bool) -> int:
    """Run the site that settings describe until it is told to stop; return the exit code.

    Raises StartError when it cannot be started; nothing runs then.
    """
    site = Site(
        base_dir=settings.BASE_DIR,
        var_dir=settings.VAR_DIR,
        host=settings.HOST,
        port=settings.PORT,
        workers=settings.WORKERS,
        web_threads=settings.WEB_THREADS,
        log_level=settings.LOG_LEVEL,
        has_private_redis=settings.PRIVATE_REDIS,
        has_private_chroma=settings.PRIVATE_CHROMA,
        chroma_file_limit=settings.CHROMA_FILE_LIMIT_BYTES,
    )
    os.umask(0o077)  # what the site writes (texts, passwords, logs) is for its own user's eyes
    with site_lock(site.var_dir):
        console = Console(_terminal(), log_dir=site.log_dir)
        try:
            return _run(site, console, with_demo=with_demo)
        finally:
            console.close()


def _run(site: Site, console: Console, *, with_demo: bool) -> int:
    record_file = site.var_dir / "run" / "processes.json"
    end_leftovers(record_file, say=console.say)
    preparation.require_free_port(site.host, site.port)
    if site.has_private_redis:
        redis_executable()  # to say that there is none before anything is changed
    for sentence in private.move_taken_ports(
        site.var_dir, redis=site.has_private_redis, chroma=site.has_private_chroma
    ):
        console.say(sentence)
    console.say("Preparing the database and the static files")
    preparation.migrate()
    preparation.collect_static()
    password = ensure_admin(site.var_dir / "admin_password", chosen=settings.ADMIN_PASSWORD)
    greeting = (
        f"Vectorsite is ready: {site.url}",
        f"Admin: {site.url}admin/  user: {NAME}  password: {password}",
    )
    supervisor = Supervisor(
        programs(site, private.endpoints(site.var_dir), greeting=greeting, with_demo=with_demo),
        console=console,
        record=RunRecord(record_file),
        guard=Guard(record_file, log_file=site.log_dir / "guard.log"),
        folder=Path(site.base_dir),
    )
    return supervisor.run()


def _terminal() -> TextIO | None:
    """Return standard output, if it is open, made to take any character whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout
