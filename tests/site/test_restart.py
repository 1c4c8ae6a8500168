"""A site that was stopped is ready again within seconds, with everything that it had."""

import signal
import time
from pathlib import Path

import pytest

from tests.site.visitor import Visitor
from tests.site_process import SiteProcess

READY_SECONDS = 30.0


@pytest.mark.slow
def test_a_stopped_site_leaves_no_process_and_starts_again_with_everything_kept(
    site: SiteProcess, visitor: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text("What was written is kept.")
    ingest = ("ingest", str(tmp_path), "--collection", "Kept")
    assert site.manage(*ingest).returncode == 0
    found = visitor.search("written", "kept")
    password = site.admin_password
    assert site.stop(signal.SIGINT) == 0
    assert site.processes() == []
    began = time.monotonic()
    site.start()
    assert time.monotonic() - began < READY_SECONDS
    assert f"user: admin  password: {password}" in site.output
    assert visitor.search("written", "kept") == found
    assert [entry.title for entry in found] == ["kept"]
    again = site.manage(*ingest)
    assert "Nothing changed.\nNothing was embedded.\n" in again.stdout
    assert site.manage("check_index", "kept", "--deep").returncode == 0
