"""Celery entry points. A message is a bell: it says where there is work, never what the work is.

Losing every message loses nothing, because the sweeper finds in SQL what is pending; so a broker that cannot be
reached is logged and no error for whoever wrote.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from io import StringIO
from typing import TYPE_CHECKING

from celery import Task, shared_task
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from collections_app.exceptions import VectorsiteError

if TYPE_CHECKING:
    from collections_app.models import VectorIndex

logger = logging.getLogger(__name__)

# A bell that is already ringing is not rung again: a thousand saves leave one message. Should the message be lost, the
# sweeper rings after the key has expired.
_RINGING_SECONDS = 5
# How long nobody is told anything after the broker could not be reached.
_DEAF_SECONDS = 5.0
# How long documents wait while a worker audits or tidies.
_PATIENCE_SECONDS = 2.0
# How long audits are begun one after the other, until the scheduler asks for the next ones.
_AUDIT_SECONDS = 45.0


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=5)


def _key(task: Task, identity: int) -> str:
    return f"vectorsite:bell:{task.name}:{identity}"


_deaf_until = 0.0


def ring(task: Task, identity: int) -> None:
    """Tell a worker that there is work, unless it was told and has not come yet."""
    global _deaf_until  # noqa: PLW0603 - one broker for the process
    if time.monotonic() < _deaf_until:
        return
    try:
        if _redis().set(_key(task, identity), 1, nx=True, ex=_RINGING_SECONDS):
            task.delay(identity)
    except (RedisError, OperationalError) as error:
        # A broker that hangs costs seconds each time; whoever saves many documents would wait for each batch of them.
        _deaf_until = time.monotonic() + _DEAF_SECONDS
        logger.warning("The broker cannot be reached (%s); the sweeper will find the work.", error)


def _answer(task: Task, identity: int) -> None:
    """Note that the bell was heard, before looking for work, so that whoever comes later rings again."""
    try:
        _redis().delete(_key(task, identity))
    except RedisError as error:
        logger.warning("The broker cannot be reached (%s).", error)


def ring_after_commit(index_ids: Iterable[int]) -> None:
    for index_id in sorted(set(index_ids)):
        transaction.on_commit(partial(ring, drain_index, index_id))


def ring_comparison_after_commit(comparison_id: int) -> None:
    transaction.on_commit(partial(ring, compare_profiles, comparison_id))


def ring_extraction_after_commit(source_id: int) -> None:
    transaction.on_commit(partial(ring, extract_source, source_id))


@shared_task
def drain_index(index_id: int) -> None:
    """Work one batch of an index, ringing for the next worker as soon as it is known that there is more."""
    from collections_app import sync, workers

    _answer(drain_index, index_id)

    def on_claim(index: "VectorIndex", documents: int, more: bool) -> None:
        told = {"collection": index.collection, "count": documents}
        workers.begin(_("%(collection)s: embedding %(count)s documents") % told)
        if more:
            ring(drain_index, index_id)

    with workers.busy() as work:
        drained = sync.drain(index_id, on_claim=on_claim)
        work.documents, work.chunks = drained.documents, drained.chunks


@shared_task
def extract_source(source_id: int) -> None:
    """Read one source file and save the documents it holds."""
    from collections_app import sources, workers

    _answer(extract_source, source_id)
    with workers.busy(_("source file %s: extracting text") % source_id) as work:
        work.documents = sources.extract(source_id)


@shared_task
def fill_collection(index_id: int) -> None:
    """Copy an index's live chunks from SQL into its new physical collection."""
    from collections_app import sweeping, workers

    _answer(fill_collection, index_id)
    with workers.busy(_("index %s: filling the vector store") % index_id) as work:
        work.chunks = sweeping.fill(index_id)


@shared_task
def check_collection(index_id: int) -> None:
    """Look at an index's collection, of which a search found that something is wrong, and begin to heal it."""
    from collections_app import sweeping

    _answer(check_collection, index_id)
    if sweeping.check(index_id):
        ring(fill_collection, index_id)


@shared_task
def activate_index(index_id: int) -> None:
    """Have an index that was built beside the serving one take over, if it is proved to be in step."""
    from collections_app import services, workers

    _answer(activate_index, index_id)
    with workers.busy(_("index %s: audit before it takes over") % index_id):
        services.activate_when_proved(index_id)


@shared_task
def audit_index(index_id: int, deep: bool, repair: bool) -> None:
    """Audit an index because somebody asked for it, with repair of all that is found."""
    from collections_app import audit, workers
    from collections_app.models import VectorIndex

    with workers.busy(_("index %s: audit") % index_id), suppress(VectorsiteError):
        # What kept it from being finished is kept with the audit.
        audit.audit_index(VectorIndex(pk=index_id), deep=deep, repair=repair, breathe=_patience())


@shared_task
def audit_due() -> None:
    """Audit one index after the other whose turn it is, while there is time, and mend what costs little."""
    from collections_app import audit, workers
    from collections_app.models import VectorIndex

    until, done = time.monotonic() + _AUDIT_SECONDS, set[tuple[int, bool]]()
    while time.monotonic() < until and (due := audit.due()) and due not in done:
        done.add(due)
        index_id, deep = due
        with workers.busy(_("index %s: audit") % index_id), suppress(VectorsiteError):
            audit.audit_index(VectorIndex(pk=index_id), deep=deep, repair=True, unasked=True, breathe=_patience())


@shared_task
def calibrate_index(index_id: int) -> None:
    """Learn what meaning weighs beside words in an index."""
    from collections_app import calibration, workers
    from collections_app.models import VectorIndex

    _answer(calibrate_index, index_id)
    index = VectorIndex.objects.select_related("profile", "collection").get(pk=index_id)
    activity = _("%(collection)s: learning what meaning weighs beside words") % {"collection": index.collection}
    with workers.busy(activity), suppress(VectorsiteError):
        calibration.calibrate(index, breathe=_patience())


@shared_task
def compare_profiles(comparison_id: int) -> None:
    """Compare embedding profiles because somebody asked for it."""
    from collections_app import comparison, workers
    from collections_app.models import ProfileComparison

    _answer(compare_profiles, comparison_id)
    asked = ProfileComparison.objects.select_related("collection").filter(pk=comparison_id).first()
    if asked is None:
        return
    activity = _("%(collection)s: comparing embedding profiles") % {"collection": asked.collection}
    with workers.busy(activity), suppress(VectorsiteError):
        # What kept it from being finished is kept with the comparison.
        comparison.work(asked, breathe=_patience())


@shared_task
def calibrate_due() -> None:
    """Calibrate an index that has grown or shrunk a lot."""
    from collections_app import calibration

    due = calibration.due()
    if due is not None:
        ring(calibrate_index, due)


@shared_task
def picture_index(index_id: int) -> None:
    """Make the picture of an index that serves, because somebody wants to look at it."""
    from collections_app import pictures, workers
    from collections_app.models import IndexState, VectorIndex

    _answer(picture_index, index_id)
    indexes = VectorIndex.objects.select_related("profile", "collection").filter(state=IndexState.SERVING)
    index = indexes.filter(pk=index_id, collection__deleted_at=None).first()
    if index is None:
        return
    with workers.busy(_("%(collection)s: drawing its vectors") % {"collection": index.collection}):
        pictures.make(index, breathe=_patience())


def _patience() -> Callable[[], None]:
    """Return what long work does between two pieces: a batch of what waits, since it keeps a worker from it."""
    from collections_app import ledger, sync

    last = time.monotonic()

    def work_what_waits() -> None:
        nonlocal last
        if time.monotonic() - last > _PATIENCE_SECONDS:
            for index_id in ledger.indexes_with_work():
                sync.drain(index_id)
            last = time.monotonic()

    return work_what_waits


def ask_for_audit(index_id: int, *, deep: bool, repair: bool) -> bool:
    """Have a worker audit an index; False when no worker can be told."""
    try:
        audit_index.delay(index_id, deep, repair)
    except (RedisError, OperationalError) as error:
        logger.warning("The broker cannot be reached (%s); no audit was begun.", error)
        return False
    return True


def ask_for_calibration(index_id: int) -> bool:
    """Have a worker calibrate an index; False when no worker can be told."""
    try:
        calibrate_index.delay(index_id)
    except (RedisError, OperationalError) as error:
        logger.warning("The broker cannot be reached (%s); no calibration was begun.", error)
        return False
    return True


@shared_task
def sweep() -> None:
    """Find what no bell was rung for, or whose worker vanished, and ring."""
    from collections_app import accounting, probing, sweeping, table_statistics, workers

    workers.note_sweep()
    for step in (
        accounting.book_expired,
        accounting.reconsider,
        _ring_for_work,
        probing.note_crashes,
        probing.probe_paused,
        sweeping.let_go,
        _ring_for_switches,
        table_statistics.renew,
    ):
        with sweeping.alone(step.__name__):
            step()


def _ring_for_work() -> None:
    from collections_app import comparison, sweeping

    found = sweeping.find_work()
    for index_id in found.drain:
        ring(drain_index, index_id)
    for index_id in found.fill:
        ring(fill_collection, index_id)
    for source_id in found.extract:
        ring(extract_source, source_id)
    for comparison_id in comparison.waiting().values_list("pk", flat=True):
        ring(compare_profiles, comparison_id)


def _ring_for_switches() -> None:
    from collections_app import services

    for index_id in services.ready_to_activate():
        ring(activate_index, index_id)


def ask_for_demo() -> bool:
    """Have a worker load the demo; return False while the broker cannot be reached, since nothing else would do it."""
    try:
        load_demo.delay()
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); nobody loads the demo.", error)
        return False
    return True


@shared_task
def load_demo() -> None:
    """Load the demo anew, also what was deleted of it, in one worker at a time."""
    with _turn("demo") as keep_turn:
        if keep_turn is not None:
            call_command("demo", again=True, stdout=StringIO())


@shared_task
def tidy() -> None:
    """Remove rows and bytes that nothing needs any more, in one worker at a time.

    Where a round takes longer than the time to the next one, rounds would keep all workers from what people wait for.
    """
    from collections_app import probing, services, sources, sweeping

    with _turn("tidy") as keep_turn:
        if keep_turn is None:
            return
        work_what_waits = _patience()

        def breathe() -> None:
            keep_turn()
            work_what_waits()

        def tidy_rows() -> None:
            sweeping.tidy(breathe=breathe)

        for step in (
            probing.compare_canaries,
            services.finish_deletions,
            services.drop_outlived,
            tidy_rows,
            sources.sweep_unused_bytes,
        ):
            with sweeping.alone(step.__name__):
                step()


@contextmanager
def _turn(name: str) -> Iterator[Callable[[], None] | None]:
    """Take the turn of periodic work and give how to keep it; None while another worker has it.

    A courtesy and no safeguard: it ends by itself should the worker die, a broker that cannot be reached gives it to
    everybody, and two who have it at once do no harm.
    """
    lock = _redis().lock(f"vectorsite:turn:{name}", timeout=settings.LEASE_SECONDS, blocking=False)
    try:
        is_ours = lock.acquire()
    except RedisError as error:
        logger.warning("The broker cannot be reached (%s).", error)
        is_ours = True

    def keep() -> None:
        # It may have ended while a long step was at work, and belong to another by now.
        with suppress(RedisError):
            lock.reacquire()

    try:
        yield keep if is_ours else None
    finally:
        if lock.local.token is not None:
            with suppress(RedisError):
                lock.release()
