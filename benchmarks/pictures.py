"""What pictures of vectors cost: made by a worker, and shown by a page: python -m benchmarks.pictures [--passages N]

All in this process, on SQLite in a temporary folder, without Celery, Redis and Chroma; 384 dimensions, 400 topics, and
the documents' words are no topic's. Figures are processor time, so that they hardly depend on what else runs; memory is
the most that this process had.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import filtered_data, report
from benchmarks.texts import natural_texts

ROUNDS = 5
QUESTION = "how do I read a file line by line"
PAGES = {
    "map": "map/",
    "map with a question": f"map/?q={QUESTION}",
    "points of the map": "map/points/",
    "points by a field": "map/points/?colour=kind",
    "map without JavaScript": "map/?plain=1",
    "similarities": f"similarities/?q={QUESTION}",
    "clusters": "clusters/",
    "near-duplicates": "near-duplicates/?above=0.9",
    "outliers": "outliers/",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vectorsite-bench-") as folder:
        nobody = {"REDIS_URL": "redis://127.0.0.1:1/0", "CHROMA_URL": "http://127.0.0.1:1"}
        os.environ |= nobody | {"VAR_DIR": folder, "EMBEDDING_BACKEND": "meaningless", "DATABASE_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        import django
        from django.conf import settings

        settings.VECTOR_STORES["default"] = {
            "BACKEND": "collections_app.vectorstores.memory.InMemoryVectorStore",
            "OPTIONS": {},
        }
        settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
        settings.ALLOWED_HOSTS = ["testserver"]
        django.setup()
        _measure(options.passages)


def _measure(passages: int) -> None:
    from django.core.management import call_command
    from django.test import Client

    from collections_app import pictures

    call_command("migrate", verbosity=0)
    index = filtered_data.save(filtered_data.make(passages, 1), natural_texts(passages))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, clock = _timed(lambda: pictures.make(index))
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    conditions = f"{passages} passages of 384 dimensions, SQLite"
    told = f"{conditions}; {clock:.1f} s by the clock, {more:.0f} MiB more memory at most"
    report.add("pictures, made", ours=cpu, other=None, unit="s of processor time", conditions=told)
    client = Client()
    for name, path in PAGES.items():
        address = f"/collections/{index.collection.slug}/{path}"
        answer = client.get(address)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered with {answer.status_code}, so nothing was measured.")
        taken = [_timed(partial(client.get, address))[0] for _round in range(ROUNDS)]
        size = f"{len(answer.content) / 1024:.0f} KiB"
        report.add(
            f"pictures, {name}",
            ours=1000 * statistics.median(taken),
            other=None,
            unit="ms of processor time",
            conditions=f"{conditions}; {size}",
        )


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of processor time and by the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


if __name__ == "__main__":
    main()
