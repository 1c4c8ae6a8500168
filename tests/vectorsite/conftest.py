from pathlib import Path

import pytest

from vectorsite.private import Endpoints
from vectorsite.supervisor.program import Program
from vectorsite.supervisor.site import Site, programs


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site on its private servers, not started."""
    return Site(
        base_dir=tmp_path,
        var_dir=tmp_path / "var",
        host="127.0.0.1",
        port=8000,
        workers=2,
        web_threads=8,
        log_level="INFO",
        has_private_redis=True,
        has_private_chroma=True,
        chroma_file_limit=2**30,
    )


@pytest.fixture
def by_name(site: Site) -> dict[str, Program]:
    """The programs of that site."""
    (site.var_dir / "run").mkdir(parents=True)
    private = Endpoints(redis_port=20001, redis_password="secret", chroma_port=20002)
    return {program.name: program for program in programs(site, private, greeting=("Hello",), with_demo=True)}
