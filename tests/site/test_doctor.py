"""`manage.py doctor` beside a real site: what is out of order is named, with its remedy, and nothing else."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.site.visitor import Visitor
from tests.site_process import SiteProcess

PATIENCE = 40.0


@pytest.fixture(scope="module", autouse=True)
def cats(site: SiteProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    table = tmp_path_factory.mktemp("cats") / "cats.jsonl"
    table.write_text('{"id": "a", "text": "The cat sat on the mat."}\n{"id": "b", "text": "猫坐在垫子上"}\n')
    options = ("--text-field", "text", "--key-field", "id")
    ran = site.manage("ingest", str(table), "--collection", "Doctored cats", *options)
    assert ran.returncode == 0, ran.stderr


def examine(site: SiteProcess) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Return the exit status, and what is not in order, by the name of the check."""
    ran = site.manage("doctor", "--json")
    wrong: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(ran.stdout)["checks"]:
        if check["level"] != "ok":
            wrong.setdefault(check["name"], []).append(check)
    return ran.returncode, wrong


@contextmanager
def stopped(site: SiteProcess, program: str) -> Iterator[None]:
    pid = site.pid_of(program)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def until(site: SiteProcess, *, wrong: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Examine until at least these checks, or if none is given none at all of them, find something."""
    deadline = time.monotonic() + PATIENCE
    while True:
        status, found = examine(site)
        errors = {name for name, checks in found.items() if any(check["level"] == "error" for check in checks)}
        if (wrong and wrong <= errors) or (not wrong and not errors):
            assert status == (1 if errors else 0)
            return found
        assert time.monotonic() < deadline, found


@pytest.mark.slow
def test_a_stopped_worker_is_named_and_gone_from_the_findings_when_it_goes_on(site: SiteProcess) -> None:
    until(site, wrong=set())
    with stopped(site, "worker"):
        found = until(site, wrong={"workers"})
    assert "No worker answers" in found["workers"][0]["found"]
    assert "SIGKILL" in found["workers"][0]["remedy"]
    assert {"database", "broker", "stores", "embedders"}.isdisjoint(found)
    until(site, wrong=set())


@pytest.mark.slow
def test_a_broker_that_hangs_is_named_and_questions_are_answered_meanwhile(site: SiteProcess, visitor: Visitor) -> None:
    with stopped(site, "redis"):
        found = until(site, wrong={"broker"})
        assert "Redis cannot be reached" in found["broker"][0]["found"]
        assert "manage.py up" in found["broker"][0]["remedy"]
        assert visitor.status("/readyz") == 200
        assert len(visitor.search("cat", "doctored-cats")) == 2
    until(site, wrong=set())


def test_it_works_while_there_is_no_site_and_says_so(tmp_path: Path) -> None:
    status, found = examine(SiteProcess(tmp_path / "var", EMBEDDING_BACKEND="meaningless"))
    assert status == 1
    assert "does not run" in found["site"][0]["found"]
    assert "manage.py migrate" in found["migrations"][0]["remedy"]
    assert {"broker", "stores", "workers"} <= set(found)
    assert "database" not in found
