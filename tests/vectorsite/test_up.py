"""`make run` for real: everything starts, comes back when it is killed, and ends without a trace."""

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.site_process import SiteProcess
from tests.vectorsite.stage import wait_until

pytestmark = pytest.mark.chroma


@pytest.mark.slow
def test_a_site_starts_heals_and_stops(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path / "var with space")
    site.start()
    try:
        admin = f"Admin: {site.url}admin/  user: admin  password: {site.admin_password}"
        assert [line for line in site.output.splitlines() if not re.match(r"\d\d:\d\d:\d\d ", line)] == [
            f"Vectorsite is ready: {site.url}",
            admin,
        ]
        assert httpx.get(f"{site.url}admin/login/").status_code == 200
        _refuses_a_second_site_on_folder_and_port(site, tmp_path)
        for program in ("redis", "chroma", "worker", "web"):
            os.kill(site.pid_of(program), signal.SIGKILL)
        for program in ("redis", "chroma", "worker", "web"):
            site.wait_for(rf"\| {program} ended \(killed by SIGKILL\); starting it again in 1 s")
            site.wait_for(rf"\| {program} started", times=2)
        site.wait_for(r"celery\.apps\.worker: celery@\S+ ready", times=2)
        wait_until(lambda: _answers(f"{site.url}admin/login/"))
        assert site.stop(signal.SIGINT) == 0
        assert site.processes() == []
    finally:
        site.stop(signal.SIGKILL)


@pytest.mark.slow  # tiny programs in test_supervisor_stop.py show the same in a second
def test_a_site_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path / "var")
    site.start()
    site.stop(signal.SIGKILL)
    wait_until(lambda: site.processes() == [], seconds=60)
    assert site.processes() == []


def _refuses_a_second_site_on_folder_and_port(site: SiteProcess, tmp_path: Path) -> None:
    on_the_folder = SiteProcess(site.var_dir)
    on_the_folder.terminal = tmp_path / "second.txt"
    on_the_port = SiteProcess(tmp_path / "other")
    on_the_port.port = site.port
    refusals = {
        on_the_folder: f"The site in {site.var_dir} already runs as process {site.pid}. Stop it first",
        on_the_port: f"Port {site.port} on 127.0.0.1 is taken by another program. Choose another port: PORT=",
    }
    for second in refusals:
        second.launch()
    for second, sentence in refusals.items():
        assert second.wait() == 1
        assert sentence in second.output
        assert "Traceback" not in second.output


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
