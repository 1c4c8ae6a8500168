"""The broker, the workers, the scheduler, and the work that they leave undone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from collections_app.broker import BrokerUnavailable, answering_workers, broker_state
from collections_app.health.finding import Finding, age_of, error, ok, start_private_server, warning
from collections_app.ledger import in_future
from collections_app.models import (
    EmbeddingProfile,
    EntryState,
    ExtractionState,
    IndexEntry,
    IndexState,
    PhysicalCollection,
    SiteIdentity,
    SourceFile,
    VectorIndex,
    VectorStoreStatus,
    WorkerStatus,
)

_LONG_QUEUE = 1000
# After so many lease terms without progress something is wrong, whatever is being waited for.
_TERMS = 3


def site() -> Iterator[Finding]:
    """Whether `manage.py up` runs for this folder; the programs may also be run one by one."""
    pid = _supervisor()
    if pid is None:
        yield warning(
            _("`manage.py up` does not run for the folder %(folder)s.") % {"folder": settings.VAR_DIR},
            _("Start it, unless web server, workers and scheduler are run in another way; VAR_DIR must be the same."),
        )
        return
    yield ok(_("It runs as process %(pid)d.") % {"pid": pid})


def _supervisor() -> int | None:
    try:
        pid = int((settings.VAR_DIR / "run" / "site.lock").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def broker() -> Iterator[Finding]:
    """It answers, throws nothing away, and is not flooded."""
    try:
        state = broker_state()
    except BrokerUnavailable as failure:
        yield error(_("Redis cannot be reached: %(error)s") % {"error": failure}, _start_redis())
        return
    if state.memory_policy != "noeviction":
        yield warning(
            _("Redis throws messages away when its memory is full (maxmemory-policy %(policy)s).")
            % {"policy": state.memory_policy},
            _("Set maxmemory-policy to noeviction, or give the site a Redis of its own."),
        )
    if state.waiting > _LONG_QUEUE:
        yield warning(
            _("%(count)d messages wait in the queue.") % {"count": state.waiting},
            _("See what is said of the workers; messages are only bells, so deleting the queue loses nothing."),
        )
    yield ok(
        _("Redis %(version)s answers; %(count)d messages wait.")
        % {
            "version": state.version,
            "count": state.waiting,
        }
    )


def _start_redis() -> str:
    if settings.PRIVATE_REDIS:
        return start_private_server()
    return _("Start Redis, or correct REDIS_URL.")


# --- workers and scheduler ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of life of workers and scheduler.

    answering  workers that answered a call; None when they could not be called
    waiting    messages in the queue; None when it could not be asked
    swept_at   when a worker last did what the scheduler asks for every few seconds
    sweeps     whether that was lately
    busy       whether some worker holds a lease that has not run out: it works, or died within the last lease term
    """

    answering: list[str] | None
    waiting: int | None
    swept_at: datetime | None
    sweeps: bool
    busy: bool

    @classmethod
    def look(cls) -> "Signs":
        answering: list[str] | None = None
        waiting: int | None = None
        try:
            waiting = broker_state().waiting
            answering = answering_workers()
        except BrokerUnavailable:
            # The broker has a check of its own; without it, SQL alone has to tell.
            pass
        return cls(answering, waiting, *read_sweeps(), busy=_has_leases())


def read_sweeps() -> tuple[datetime | None, bool]:
    """Return when the last sweep was, and whether that is lately."""
    lately = timedelta(seconds=max(10.0, 5 * settings.SWEEP_SECONDS))
    rows = SiteIdentity.objects.filter(pk=1)
    swept_at = rows.values_list("swept_at", flat=True).first()
    return swept_at, rows.filter(swept_at__gt=in_future(-lately)).exists()


def _has_leases() -> bool:
    return (
        IndexEntry.objects.filter(lease_expires_at__gt=Now()).exists()
        or SourceFile.objects.filter(lease_expires_at__gt=Now()).exists()
        or PhysicalCollection.objects.filter(filler_expires_at__gt=Now()).exists()
    )


def workers() -> Iterator[Finding]:
    """They are alive, and take the work that there is."""
    yield _judge_workers(Signs.look())


def _judge_workers(signs: Signs) -> Finding:
    last = _("none ever swept")
    if signs.swept_at:
        last = _("the last sweep was %(age)s ago") % {"age": age_of(signs.swept_at)}
    if signs.answering is None:
        return _judge_uncalled(signs, last)
    words = {
        "last": last,
        "waiting": _("%(count)d messages wait") % {"count": signs.waiting or 0},
        "names": _(", ").join(signs.answering),
        "doing": _activities() or _("idle"),
    }
    if not signs.answering:
        return _judge_silent(signs, _("No worker answers; %(last)s, %(waiting)s.") % words)
    if signs.sweeps or signs.busy:
        return ok(_("%(names)s answers; %(last)s; %(doing)s.") % words)
    if signs.waiting:
        return error(
            _("%(names)s answers but takes no work: %(last)s, %(waiting)s.") % words,
            _("Kill the worker with SIGKILL and have it started again; its log says what its processes wait for."),
        )
    return ok(_("%(names)s answers, and nobody asks it for anything: %(last)s.") % words)


def _judge_uncalled(signs: Signs, last: str) -> Finding:
    if signs.sweeps:
        return warning(_("They could not be called, but %(last)s.") % {"last": last}, _start_redis())
    return error(_("They cannot be called without the broker, and %(last)s.") % {"last": last}, _start_redis())


def _judge_silent(signs: Signs, found: str) -> Finding:
    if signs.sweeps:
        return warning(found, _("Look again in some seconds: it may be starting, or was stopped a moment ago."))
    return error(
        found,
        _(
            "Start a worker (`manage.py up` does), or end the one that is there: a process that is stopped (state T in "
            "`ps`) or hangs has to be killed with SIGKILL, then another takes its work over."
        ),
    )


def _activities() -> str:
    return "; ".join(WorkerStatus.objects.exclude(activity="").values_list("activity", flat=True)[:5])


def sweeps() -> Iterator[Finding]:
    """What SQL alone tells: whether a worker did lately what the scheduler asks for every few seconds."""
    _swept_at, lately = read_sweeps()
    if lately:
        yield ok(_("Workers are at work."))
    else:
        yield warning(_("No worker was at work lately."), _("Run `manage.py doctor`, which finds out why."))


def scheduler() -> Iterator[Finding]:
    """It asks for a sweep every few seconds."""
    signs = Signs.look()
    if signs.sweeps:
        yield ok(_("It asked for a sweep within the last seconds."))
    elif signs.answering and not signs.waiting and not signs.busy:
        yield error(
            _("Workers wait for work, and nothing asks them to sweep (Celery beat does not run)."),
            _("Run `celery --app vectorsite.celery:app beat`, once per site; `manage.py up` runs it in the worker."),
        )
    else:
        yield warning(
            _("It cannot be told whether Celery beat runs while no worker sweeps."),
            _("Begin with what is said of the broker and the workers."),
        )


# --- work ---------------------------------------------------------------------------------------------------------


def pending() -> Iterator[Finding]:
    """What waits to be indexed does not wait for long without reason."""
    entries = IndexEntry.objects.filter(
        state=EntryState.PENDING, index__in=VectorIndex.objects.exclude(state=IndexState.DROPPED)
    )
    oldest = entries.aggregate(oldest=Min("wanted_at"))["oldest"]
    if oldest is None:
        yield ok(_("Nothing waits to be indexed."))
        return
    found = _("%(count)d documents wait to be indexed, the oldest for %(age)s.") % {
        "count": entries.count(),
        "age": age_of(oldest),
    }
    patience = timedelta(seconds=_TERMS * settings.LEASE_SECONDS)
    due = entries.filter(wanted_at__lt=in_future(-patience), next_attempt_at__lt=in_future(-patience))
    if not due.exists() or _is_anything_paused() or _goes_on(patience):
        yield ok(found)
        return
    yield error(
        found + " " + _("Nothing is paused, and none was indexed meanwhile."),
        _("Begin with what is said of broker, workers and scheduler; then see the log of the worker."),
    )


def _is_anything_paused() -> bool:
    paused = Q(paused_until__isnull=False)
    return EmbeddingProfile.objects.filter(paused).exists() or VectorStoreStatus.objects.filter(paused).exists()


def _goes_on(patience: timedelta) -> bool:
    return _has_leases() or IndexEntry.objects.filter(indexed_at__gt=in_future(-patience)).exists()


def failures() -> Iterator[Finding]:
    """Nothing was given up."""
    entries = IndexEntry.objects.filter(state=EntryState.FAILED).exclude(index__state=IndexState.DROPPED).count()
    files = SourceFile.objects.filter(state=ExtractionState.FAILED).count()
    if entries or files:
        yield warning(
            _("%(entries)d documents could not be indexed and %(files)d files not be read.")
            % {"entries": entries, "files": files},
            _("The admin shows each with its reason, under Entries and under Source files, and tries again on demand."),
        )
        return
    yield ok(_("No document and no file has failed."))


def leases() -> Iterator[Finding]:
    """What a vanished worker held is taken back."""
    late = in_future(-timedelta(seconds=max(15.0, 5 * settings.SWEEP_SECONDS)))
    expired = IndexEntry.objects.filter(lease_expires_at__lt=late).count()
    expired += SourceFile.objects.filter(lease_expires_at__lt=late).count()
    if expired:
        yield warning(
            _("%(count)d leases ran out and nobody took them back.") % {"count": expired},
            _("The next sweep does it: begin with what is said of workers and scheduler."),
        )
        return
    yield ok(_("None has run out."))
