"""Whatever is killed in the middle of an import: in the end everything is indexed, and store and SQL agree."""

import json
import os
import re
import signal
from pathlib import Path

import pytest
import redis

from tests.site.visitor import Visitor
from tests.site_process import SiteProcess
from tests.vectorsite.stage import wait_until
from vectorsite.private import endpoints

pytestmark = pytest.mark.slow

# As many passages of such a length keep the workers busy for a second or two.
NOTES = 600
PASSAGE = "the anchor was dropped, " * 30
RECOVERY_SECONDS = 60.0
IN_STEP = f"{NOTES:,} documents, 0 failed; {NOTES:,} live chunks in SQL, {NOTES:,} ids in "


def test_a_worker_that_is_killed_with_its_children_loses_nothing(
    site: SiteProcess, administrator: Visitor, tmp_path: Path
) -> None:
    _import_half(site, administrator, tmp_path, collection="Log of the worker")
    os.killpg(site.pid_of("worker"), signal.SIGKILL)
    assert _all_is_indexed(site, administrator, "log-of-the-worker")


def test_a_vector_store_that_is_killed_loses_nothing_and_searches_go_on(
    site: SiteProcess, administrator: Visitor, tmp_path: Path
) -> None:
    _import_half(site, administrator, tmp_path, collection="Log of the store")
    os.kill(site.pid_of("chroma"), signal.SIGKILL)
    assert administrator.search("anchor", "log-of-the-store"), "SQL has what is needed for an answer"
    assert _all_is_indexed(site, administrator, "log-of-the-store")


def test_a_broker_that_forgets_everything_loses_nothing(
    site: SiteProcess, administrator: Visitor, tmp_path: Path
) -> None:
    _import_half(site, administrator, tmp_path, collection="Log of the broker")
    redis.Redis.from_url(endpoints(site.var_dir).redis_url).flushall()
    assert _all_is_indexed(site, administrator, "log-of-the-broker")


def _import_half(site: SiteProcess, administrator: Visitor, folder: Path, *, collection: str) -> None:
    """Begin an import; return when its file has been read and some of its documents can be found, and some cannot."""
    rows = ({"id": f"n{number}", "text": f"{collection} {number}: {PASSAGE}"} for number in range(NOTES))
    file = folder / f"{collection}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ("--text-field", "text", "--key-field", "id")
    ran = site.manage("ingest", str(file), "--collection", collection, *columns, "--no-wait")
    assert ran.returncode == 0, ran.stderr
    (slug,) = re.findall(r"\(slug (\S+)\)", ran.stdout)
    wait_until(lambda: _is_half_done(administrator, slug))


def _is_half_done(administrator: Visitor, slug: str) -> bool:
    progress = administrator.progress(slug)
    return progress is not None and progress.total == NOTES and 0 < progress.searchable < NOTES


def _all_is_indexed(site: SiteProcess, administrator: Visitor, slug: str) -> bool:
    wait_until(lambda: administrator.progress(slug) is None, seconds=RECOVERY_SECONDS)
    wait_until(lambda: _is_in_step(site, slug))
    return True


def _is_in_step(site: SiteProcess, slug: str) -> bool:
    ran = site.manage("check_index", slug, "--deep")
    return ran.returncode == 0 and IN_STEP in ran.stdout
