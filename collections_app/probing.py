"""Trying what is paused, one careful process for all, and comparing the models with what they were.

A Chroma server can die or hang because of one damaged collection, and takes all others down with it, again and again.
Its death has no other witness than whoever used that collection last. So the prober writes down which collection it is
about to touch before it does, while everybody else stays away, and whoever works with one and sees the store go down
names it too. The one in whose use the store went down twice in a row is dropped without being loaded, and rebuilt from
SQL under a new generation; one that is written to in between is no suspect any more.
"""

import logging

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from collections_app import outages, projection
from collections_app.exceptions import (
    ConfigurationError,
    EmbeddingError,
    RecordsExist,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
    VectorStoreUnavailable,
    VectorStoreWentDown,
)
from collections_app.ledger import in_future
from collections_app.models import (
    EmbeddingProfile,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    VectorIndex,
    VectorStoreStatus,
)
from collections_app.outages import Probe
from collections_app.profiles import CANARY_EVERY, check_canary
from collections_app.vectorstores import load_vector_store

logger = logging.getLogger(__name__)

# Going down once may be chance: somebody may have restarted the server at that very moment.
CONVICTED = 2
# A server may answer every question and refuse every change until it is started again: Chroma does after a full disk.
PAUSES_PER_RESTART = 5


def probe_paused() -> None:
    """Try everything whose pause is over."""
    for profile in EmbeddingProfile.objects.filter(paused_until__lte=Now()):
        if probe := outages.take_probe(profile):
            _probe_profile(profile, probe)
    for status in VectorStoreStatus.objects.filter(paused_until__lte=Now()):
        if probe := outages.take_probe(status):
            _probe_store(status, probe)


def note_crashes() -> None:
    """Note in SQL which stores have ended other than by being stopped, as whoever supervises them reports."""
    for alias, reports in settings.STORE_CRASH_REPORTS.items():
        if reports.exists():
            # In this order: should we be killed in between, it is noted twice and not forgotten.
            outages.note_crash(outages.store_status(alias))
            reports.unlink(missing_ok=True)


def compare_canaries() -> None:
    """Ask each model in use for the sentence that it embedded first; one that answers otherwise is paused."""
    in_use = VectorIndex.objects.exclude(state=IndexState.DROPPED).values("profile")
    due = Q(canary_checked_at=None) | Q(canary_checked_at__lt=in_future(-CANARY_EVERY))
    for profile in EmbeddingProfile.objects.filter(due, pk__in=in_use, paused_until=None):
        # Whoever moves the time does it.
        if EmbeddingProfile.objects.filter(due, pk=profile.pk).update(canary_checked_at=Now()):
            try:
                check_canary(profile)
            except (EmbeddingError, ConfigurationError) as error:
                logger.warning("The embedder of %s is paused: %s", profile, error)
                outages.pause(profile, error)


def _probe_profile(profile: EmbeddingProfile, probe: Probe) -> None:
    try:
        check_canary(profile)
    except (EmbeddingError, ConfigurationError) as error:
        logger.warning("The embedder of %s stays paused: %s", profile, error)
        outages.pause(profile, error, is_probe=True)
    else:
        probe.lift()


def _probe_store(status: VectorStoreStatus, probe: Probe) -> None:
    try:
        load_vector_store(status.alias).health()
        if status.strikes >= CONVICTED:
            _drop_unloaded(status)
        suspect, strikes = status.suspect, status.strikes
        for physical in _collections(status):
            if not probe.extend():
                return
            _touch(status, physical)
        # Whoever survived being touched may still not survive being written to.
        _remember(status, suspect=suspect, strikes=strikes)
    except VectorStoreWentDown as error:
        logger.warning("The vector store %s went down in the use of %s.", status, error.collection or "none")
        if error.collection:
            _remember(status, suspect=error.collection, strikes=status.strikes + 1)
        outages.pause(status, error, is_probe=True)
        if error.is_silent:
            _restart(status)
    except (VectorStoreError, ConfigurationError) as error:
        logger.warning("The vector store %s stays paused: %s", status, error)
        outages.pause(status, error, is_probe=True)
    else:
        if status.pauses and status.pauses % PAUSES_PER_RESTART == 0 and _restart(status):
            outages.pause(status, VectorStoreUnavailable(status.pause_reason), is_probe=True)
        else:
            probe.lift()


def _restart(status: VectorStoreStatus) -> bool:
    """Ask whoever supervises the store to start it again; False if nobody does."""
    restart = settings.STORE_RESTARTERS.get(status.alias)
    if restart is None:
        return False
    logger.warning("The vector store %s is to be started again.", status)
    restart()
    return True


def _collections(status: VectorStoreStatus) -> list[PhysicalCollection]:
    """Return what is to be touched, beginning with the suspect."""
    present = _present().filter(index__store=status.alias).select_related("index").order_by("pk")
    return sorted(present, key=lambda physical: physical.name != status.suspect)


def _present() -> QuerySet[PhysicalCollection]:
    return PhysicalCollection.objects.filter(
        state__in=[PhysicalState.FILLING, PhysicalState.READY], generation=F("index__generation")
    ).exclude(index__state=IndexState.DROPPED)


def _touch(status: VectorStoreStatus, physical: PhysicalCollection) -> None:
    if status.suspect != physical.name:
        _remember(status, suspect=physical.name, strikes=0)
    try:
        projection.check_is_there(physical.index)
    except (VectorStoreCollectionMissing, VectorStoreCollectionBroken) as error:
        logger.warning("The collection of %s is lost and will be rebuilt from SQL: %s", physical.index, error)
        if not projection.replace_lost_collection(physical.index, error):
            raise
    except RecordsExist as error:
        projection.distrust_store(physical, reason=str(error))


def _remember(status: VectorStoreStatus, *, suspect: str, strikes: int) -> None:
    VectorStoreStatus.objects.filter(pk=status.pk).update(suspect=suspect, strikes=strikes)
    status.suspect, status.strikes = suspect, strikes


def _drop_unloaded(status: VectorStoreStatus) -> None:
    """Drop the collection in whose use the server goes down, and have it rebuilt from SQL."""
    culprit = PhysicalCollection.objects.filter(name=status.suspect).select_related("index").first()
    if culprit:
        reason = f"The vector store went down {status.strikes} times in a row when {culprit.name} was used."
        logger.warning("%s It is dropped, and rebuilt from SQL.", reason)
        projection.raise_generation(culprit.index_id, reason=reason, generation=culprit.generation)
        projection.drop(culprit)
    _remember(status, suspect="", strikes=0)
