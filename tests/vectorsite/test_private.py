"""Ports and password of the private servers: every process agrees on them, and they stay."""

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vectorsite.private import (
    PORTS,
    crash_report,
    endpoints,
    is_free,
    move_taken_ports,
    note_start,
    note_stop,
    report_stuck,
    take_stuck_report,
)

ASK = """
import sys
from pathlib import Path
from vectorsite.private import endpoints
print(endpoints(Path(sys.argv[1])))
"""


def test_processes_that_ask_at_once_for_the_first_time_get_the_same_answer(tmp_path: Path) -> None:
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    answers = {process.communicate()[0].strip() for process in asking}
    assert answers == {repr(endpoints(tmp_path))}


def test_the_file_is_for_its_owner_alone_and_the_urls_hold_what_it_says(tmp_path: Path) -> None:
    chosen = endpoints(tmp_path)
    file = tmp_path / "run" / "private.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(file.read_text())
    assert chosen.redis_url == f"redis://:{kept['redis_password']}@127.0.0.1:{kept['redis_port']}/0"
    assert chosen.chroma_url == f"http://127.0.0.1:{kept['chroma_port']}"
    assert len(kept["redis_password"]) >= 32
    assert {kept["redis_port"], kept["chroma_port"]} <= set(PORTS)


def test_two_sites_have_different_passwords(tmp_path: Path) -> None:
    assert endpoints(tmp_path / "a").redis_password != endpoints(tmp_path / "b").redis_password


def test_a_port_moves_only_when_something_else_has_taken_it_and_it_is_said(tmp_path: Path) -> None:
    before = endpoints(tmp_path)
    assert move_taken_ports(tmp_path, redis=True, chroma=True) == []
    assert endpoints(tmp_path) == before
    with socket.create_server(("127.0.0.1", before.chroma_port)):
        assert move_taken_ports(tmp_path, redis=True, chroma=False) == []
        sentences = move_taken_ports(tmp_path, redis=True, chroma=True)
    after = endpoints(tmp_path)
    assert after == replace(before, chroma_port=after.chroma_port)
    assert after.chroma_port != before.chroma_port
    assert sentences == [
        f"Port {before.chroma_port} of the private Chroma is taken by another program; using {after.chroma_port}."
    ]
    assert (tmp_path / "run" / "private.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"redis_port": 1}', "{"])
def test_a_damaged_file_is_an_error_that_names_the_remedy(tmp_path: Path, content: str) -> None:
    file = tmp_path / "run" / "private.json"
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(ValueError, match=r"is damaged\. Stop the site, delete that file and start again\."):
        endpoints(tmp_path)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)


def test_a_server_that_is_stuck_is_reported_once(tmp_path: Path) -> None:
    endpoints(tmp_path)
    assert not take_stuck_report(tmp_path, "chroma")
    report_stuck(tmp_path, "chroma")
    report_stuck(tmp_path, "chroma")
    assert take_stuck_report(tmp_path, "chroma")
    assert not take_stuck_report(tmp_path, "chroma")


def test_a_run_that_was_not_stopped_is_reported_at_the_next_start(tmp_path: Path) -> None:
    endpoints(tmp_path)
    report = crash_report(tmp_path, "chroma")
    note_start(tmp_path, "chroma")
    assert not report.exists()
    note_stop(tmp_path, "chroma")
    note_start(tmp_path, "chroma")
    assert not report.exists()
    note_start(tmp_path, "chroma")
    assert report.exists()
