"""A real site with folders, servers and workers of its own, for as long as a measurement takes."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django

from tests.site_process import SiteProcess

if TYPE_CHECKING:
    from collections_app.models import Collection

SETTINGS = "benchmarks.settings"
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def private_site(*, workers: int, embedder: str, **environment: str) -> Iterator[SiteProcess]:
    """Start the site in a temporary folder, and make this process one of its own: it writes as a command would."""
    # Without this a measurement that is told to end would leave its site behind, which runs on by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="vectorsite-bench-") as folder:
        site = SiteProcess(
            Path(folder),
            DJANGO_SETTINGS_MODULE=SETTINGS,
            EMBEDDING_BACKEND=embedder,
            WORKERS=str(workers),
            **environment,
        )
        site.start()
        try:
            os.environ |= site.environment
            django.setup()
            yield site
        finally:
            site.stop()


@contextmanager
def kept_folder(chosen: Path | None) -> Iterator[Path]:
    """Give the folder that was chosen, made if it is not there, or a temporary one."""
    if chosen:
        folder = chosen.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="vectorsite-bench-") as name:
            yield Path(name)


def save_and_wait(collection: "Collection", texts: Iterable[str], *, prefix: str) -> float:
    """Save a document per text as an import would; return the seconds until all are indexed."""
    from collections_app import services

    start = time.perf_counter()
    documents = (services.DocumentInput(key=f"{prefix}-{number}", text=text) for number, text in enumerate(texts))
    failed = [str(saved.error) for saved in services.save_documents(collection, documents) if saved.error]
    failed += wait_until_indexed(collection)
    seconds = time.perf_counter() - start
    if failed:
        raise SystemExit(f"A document failed, so nothing was measured: {failed[0]}")
    return seconds


def wait_until_indexed(collection: "Collection") -> list[str]:
    """Return when no document waits any more; the reason why one failed, if any did."""
    from collections_app.models import EntryState, IndexEntry

    entries = IndexEntry.objects.filter(index=collection.serving_index_id)
    while entries.filter(state=EntryState.PENDING).exists():
        time.sleep(0.05)
    return list(entries.filter(state=EntryState.FAILED).values_list("error", flat=True)[:1])


def cpu_seconds(*roots: int) -> float:
    """Return the processor time that these processes and all below them have used so far.

    Unlike a time by the clock, it is hardly touched by what else runs on the machine.
    """
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        used[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    wanted = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(used[pid] for pid in wanted if pid in used)
