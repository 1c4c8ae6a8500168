"""A site within this process: SQLite in a temporary folder, the store in memory, without Celery, Redis and Chroma."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def site_in_process(*, embedder: str) -> Iterator[Path]:
    """Set Django up, once in a process, with an empty database; give the folder."""
    with tempfile.TemporaryDirectory(prefix="vectorsite-bench-") as folder:
        # Nobody listens there: who saves does not wait for a broker, and no worker hears of it.
        nobody = {"REDIS_URL": "redis://127.0.0.1:1/0", "CHROMA_URL": "http://127.0.0.1:1"}
        os.environ |= nobody | {"VAR_DIR": folder, "EMBEDDING_BACKEND": embedder, "DATABASE_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        import django
        from django.conf import settings
        from django.core.management import call_command

        settings.VECTOR_STORES["default"] = {
            "BACKEND": "collections_app.vectorstores.memory.InMemoryVectorStore",
            "OPTIONS": {},
        }
        django.setup()
        call_command("migrate", verbosity=0)
        yield Path(folder)


def cpu_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
