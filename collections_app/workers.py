"""What the worker processes are doing, for people to see."""

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from collections_app.ledger import in_future
from collections_app.models import SiteIdentity, WorkerStatus


def _name() -> str:
    return f"{socket.gethostname()}/{multiprocessing.current_process().name}"


def begin(activity: str) -> None:
    """Note what this process begins to do."""
    WorkerStatus.objects.update_or_create(
        name=_name(), defaults={"activity": activity[:300], "since": Now(), "seen_at": Now()}
    )


@dataclass(slots=True)
class Work:
    """What a piece of work got done."""

    documents: int = 0
    chunks: int = 0


@contextmanager
def busy(activity: str = "") -> Iterator[Work]:
    """Note that this process is idle again in the end, however the work ends, and what it got done.

    Without `activity` it is up to the work to `begin`, and nothing is noted of work that never began.
    """
    if activity:
        begin(activity)
    work = Work()
    try:
        yield work
    finally:
        WorkerStatus.objects.filter(name=_name()).exclude(activity="").update(
            activity="",
            since=Now(),
            seen_at=Now(),
            documents=F("documents") + work.documents,
            chunks=F("chunks") + work.chunks,
        )


def note_sweep() -> None:
    """Note that a worker does what the scheduler asks for, at most once a second."""
    rows = SiteIdentity.objects.filter(pk=1)
    if not rows.exclude(swept_at__gt=in_future(timedelta(seconds=-1))).update(swept_at=Now()) and not rows.exists():
        SiteIdentity.current()
