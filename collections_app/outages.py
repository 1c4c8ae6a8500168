"""Outages: what is out of order is paused for everybody, in SQL, until one process has found that it works again.

An outage charges no document. The pause doubles with every failed probe up to a minute. While something is paused
nobody uses it but the prober (see `probing`): whoever works otherwise would be the second problem of a server that has
one, and could not tell which of its collections a server dies of.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Least, Now

from collections_app.exceptions import (
    ConfigurationError,
    EmbedderUnavailable,
    RecordRefused,
    VectorsiteError,
    VectorStoreError,
    VectorStoreUnavailable,
    VectorStoreWentDown,
)
from collections_app.ledger import in_future
from collections_app.models import EmbeddingProfile, VectorStoreStatus
from collections_app.prepared import Parameter, prepared

logger = logging.getLogger(__name__)

Pausable = EmbeddingProfile | VectorStoreStatus

LONGEST_PAUSE = 60.0
MOST_PAUSES = 30_001
# How long the prober has the paused thing to itself; it asks for more time between two steps.
PROBE = timedelta(seconds=30)


def store_status(alias: str) -> VectorStoreStatus:
    return VectorStoreStatus.objects.get_or_create(alias=alias)[0]


def is_paused(thing: Pausable) -> bool:
    kind = type(thing)
    paused = prepared(
        lambda: kind.objects.filter(pk=Parameter("thing"), paused_until__isnull=False).order_by().values_list("pk"),
        kind,
    )
    return bool(paused.rows(thing=thing.pk))


def is_store_paused(alias: str) -> bool:
    paused = prepared(
        lambda: VectorStoreStatus.objects.filter(alias=Parameter("alias"), paused_until__isnull=False).values_list("pk")
    )
    return bool(paused.rows(alias=alias))


# What went down in the use of a collection so long ago says nothing of it any more.
SUSPICION = timedelta(minutes=30)


def pause(thing: Pausable, error: VectorsiteError, *, is_probe: bool = False) -> None:
    """Pause `thing` because of `error`, for as long as it asked for or for twice as long as the last time.

    However many meet one outage, it counts once; a probe that failed counts again.
    """
    seconds = min(LONGEST_PAUSE, 2.0 ** min(thing.pauses, 10))
    if isinstance(error, EmbedderUnavailable) and error.retry_after:
        seconds = max(seconds, min(error.retry_after, 3600.0))
    if isinstance(thing, VectorStoreStatus) and isinstance(error, VectorStoreUnavailable):
        _note_how(thing, error)
    rows = type(thing).objects.filter(pk=thing.pk)
    (rows if is_probe else rows.filter(paused_until=None)).update(pauses=Least(F("pauses") + 1, MOST_PAUSES))
    rows.update(paused_until=in_future(timedelta(seconds=seconds)), pause_reason=str(error)[:1000])


def doubt(thing: Pausable, error: VectorsiteError) -> None:
    """Have `thing` tried by the prober at once, and nobody else meanwhile, because it failed for somebody who asked.

    It may be what was asked and no outage: whether it is one, and counts, the prober finds out.
    """
    rows = type(thing).objects.filter(pk=thing.pk, paused_until=None)
    rows.update(paused_until=Now(), pause_reason=str(error)[:1000])


def _note_how(status: VectorStoreStatus, error: VectorStoreUnavailable) -> None:
    went_down = error if isinstance(error, VectorStoreWentDown) else None
    if went_down is not None and went_down.collection:
        _suspect(status, went_down.collection)
    # One that is silent may only be slow. If it hangs it is killed, and that is noted then.
    if went_down is None or not went_down.is_silent:
        note_crash(status)


def _suspect(status: VectorStoreStatus, collection: str) -> None:
    """Note the collection in whose use the store went down; only who sees it first knows which it was."""
    first = VectorStoreStatus.objects.filter(pk=status.pk, paused_until=None)
    again = first.filter(suspect=collection).exclude(went_down_at__lt=in_future(-SUSPICION))
    if not again.update(strikes=F("strikes") + 1):
        first.update(suspect=collection, strikes=1)


def note_crash(status: VectorStoreStatus) -> None:
    """Note that the store was gone, so that what it holds is proved again."""
    VectorStoreStatus.objects.filter(pk=status.pk).update(went_down_at=Now())


def acquit(status: VectorStoreStatus, collection: str) -> None:
    """Note that a collection was written to and the store is still there."""
    if status.suspect == collection:
        VectorStoreStatus.objects.filter(pk=status.pk, suspect=collection).update(suspect="", strikes=0)


def note_success(thing: Pausable) -> None:
    """Note that work went well, so that the next outage begins with a short pause again; it ends no pause."""
    if thing.pauses:
        type(thing).objects.filter(pk=thing.pk, paused_until=None).update(pauses=0)


def resume(thing: Pausable) -> None:
    """End the pause at once, because somebody says so."""
    type(thing).objects.filter(pk=thing.pk).update(paused_until=None, pause_reason="", pauses=0)


@dataclass(slots=True)
class Probe:
    """The right to try a paused thing until `until`, by the database's clock."""

    thing: Pausable
    until: datetime

    def extend(self) -> bool:
        """Ask for more time; False when the pause was ended or renewed by somebody else meanwhile."""
        return self._move(paused_until=in_future(PROBE))

    def lift(self) -> bool:
        """End the pause, unless it was renewed meanwhile. How often it was paused counts until work goes well."""
        return self._move(paused_until=None, pause_reason="")

    def _move(self, **values: object) -> bool:
        rows = type(self.thing).objects.filter(pk=self.thing.pk)
        if not rows.filter(paused_until=self.until).update(**values):
            return False
        until = rows.values_list("paused_until", flat=True).first()
        if until:
            self.until = until
        return True


def take_probe(thing: Pausable) -> Probe | None:
    """Return the right to try `thing` if its pause is over, to one process at a time, else None."""
    rows = type(thing).objects.filter(pk=thing.pk)
    if not rows.filter(paused_until__lte=Now()).update(paused_until=in_future(PROBE)):
        return None
    thing.refresh_from_db()
    return Probe(thing, thing.paused_until) if thing.paused_until else None


@contextmanager
def store_in_use(alias: str) -> Iterator[bool]:
    """Say whether the store may be used now, and pause it for everybody if that fails; the error ends here."""
    status = store_status(alias)
    if status.paused_until is not None:
        yield False
        return
    try:
        yield True
    except RecordRefused:
        # It says something of a record and nothing of the store.
        logger.exception("The vector store %s refuses a record", alias)
    except (VectorStoreError, ConfigurationError) as error:
        logger.warning("The vector store %s is paused: %s", alias, error)
        pause(status, error)
    else:
        note_success(status)
