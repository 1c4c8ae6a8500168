"""Dockerfile and compose.yaml name files, commands, variables and versions that exist; the health check is right."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from vectorsite.settings import Environment

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_what_is_copied_into_the_image_exists_and_is_not_ignored() -> None:
    copied = [words.split()[-2] for words in re.findall(r"(?m)^COPY (.+)$", DOCKERFILE)]
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert set(copied) == let_through


def test_the_image_runs_commands_that_exist_as_another_user_than_root() -> None:
    commands = [json.loads(command) for command in re.findall(r"(?m)^(?:CMD|HEALTHCHECK.* CMD) (\[.+\])$", DOCKERFILE)]

    assert sorted(commands) == [["python", "docker/healthcheck.py"], ["python", "manage.py", "up"]]
    assert "up" in get_commands()
    assert re.findall(r"(?m)^USER (.+)$", DOCKERFILE) == ["vectorsite"]


def test_image_and_services_are_given_variables_that_the_site_reads() -> None:
    known = {name.upper() for name in Environment.model_fields}
    of_image = set(re.findall(r"(\w+)=", re.findall(r"(?m)^ENV (HOST.+)$", DOCKERFILE)[0]))

    assert of_image <= known
    assert COMPOSE["services"]["site"]["environment"].keys() <= known


def test_the_store_has_the_version_that_is_required_and_python_one_that_is_supported() -> None:
    pinned = re.findall(r"(?m)^chromadb==(\S+)", (ROOT / "requirements.txt").read_text())

    assert COMPOSE["services"]["chroma"]["image"] == f"chromadb/chroma:{pinned[0]}"
    assert re.findall(r"(?m)^FROM python:(\S+)-slim", DOCKERFILE) == ["3.11"]


def test_only_the_site_is_reached_from_outside_and_every_volume_is_declared() -> None:
    services = COMPOSE["services"]
    volumes = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}

    assert [name for name, service in services.items() if "ports" in service] == ["site"]
    assert volumes == COMPOSE["volumes"].keys()
    assert services["site"]["depends_on"].keys() == services.keys() - {"site"}


@pytest.mark.parametrize("hosts", ["search.example.org,localhost", ".example.org", "*", ""])
def test_the_health_check_asks_by_a_name_that_is_allowed(hosts: str) -> None:
    with _server(200) as (port, asked):
        assert _health_check(port, hosts) == 0

    name = hosts.split(",", maxsplit=1)[0].lstrip(".")
    assert asked == [("/healthz", "localhost" if name in {"", "*"} else name)]


def test_the_health_check_fails_when_the_site_refuses_or_is_away() -> None:
    with _server(503) as (port, _asked):
        assert _health_check(port, "localhost") == 1

    assert _health_check(port, "localhost") == 1


def _health_check(port: int, hosts: str) -> int:
    environment = os.environ | {"PORT": str(port), "ALLOWED_HOSTS": hosts}
    command = [sys.executable, str(ROOT / "docker/healthcheck.py")]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


@contextmanager
def _server(status: int) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Serve `status` on a port of its own; yields the port and what was asked for: path and host."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, str(self.headers["Host"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()
