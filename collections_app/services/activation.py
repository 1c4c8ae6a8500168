"""The switch from one index to another: proved first, checked once more under locks, then one UPDATE.

A reader must miss nothing at the switch. So the index that takes over has its physical collection ready, an audit
found nothing wrong with it, and it has every document in a revision at least as new as the serving index has.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from collections_app import sweeping
from collections_app.audit import audit_index, running_audits
from collections_app.exceptions import RebuildRefused, VectorsiteError
from collections_app.ledger import in_future
from collections_app.locks import lock_live_indexes
from collections_app.models import (
    Collection,
    EntryState,
    IndexAudit,
    IndexEntry,
    IndexState,
    PhysicalCollection,
    User,
    VectorIndex,
)
from collections_app.projection import readable_collection
from collections_app.services.indexes import give_up, note, standby_index

# What an audit may find while documents are being written, and what the check under the locks decides.
PASSING = {"entries_behind", "removals_pending"}
# How soon after an audit that proved nothing another is worth its cost; after one that did, some times what it took.
PROVE_AGAIN, TIMES_ITS_COST = timedelta(minutes=1), 5
# With so many documents pending nothing else is worth looking at.
NEARLY_BUILT = 100
# A document that is written at this very moment may be in the serving index first; its turn comes within seconds.
TRIES, TRY_SECONDS = 20, 0.25
NAMED = 3
STILL_TAKEN = "Documents are still being taken into it, or were changed at this moment; the workers are at it."


def activate(index: VectorIndex, *, user: User | None = None) -> None:
    """Have `index` serve instead of the one that serves; raise RebuildRefused with what is missing.

    The index that served until now stays in step for ROLLBACK_DAYS, and an older one kept for that is dropped.
    """
    sweeping.add_missing_entries(index)
    index.refresh_from_db()
    _prove_and_switch(index, user=user)


def activate_soon(index: VectorIndex, *, user: User | None = None) -> None:
    """Activate `index`; one that is still being built takes over by itself later if something is missing now.

    Raises RebuildRefused, which says so, in that case too.
    """
    try:
        activate(index, user=user)
    except RebuildRefused as error:
        building = VectorIndex.objects.filter(pk=index.pk, state=IndexState.BUILDING)
        if building.update(activate_when_ready=True):
            raise RebuildRefused(f"{error} It takes over by itself as soon as it can.") from error
        raise


def roll_back(collection: Collection, *, user: User | None = None) -> VectorIndex:
    """Activate the index that served before, and return it."""
    index = standby_index(collection)
    if index is None:
        raise RebuildRefused(
            f"No earlier index of {collection.name!r} is kept. Build another one: manage.py rebuild {collection.slug}"
        )
    activate(index, user=user)
    return index


# --- what takes over by itself ------------------------------------------------------------------------------------


def ready_to_activate() -> list[int]:
    """Return the ids of indexes that shall take over and seem able to; note on the others what stands in the way.

    This is asked every few seconds, so it reads no more of the ledger than what is not indexed.
    """
    waiting = VectorIndex.objects.filter(
        state=IndexState.BUILDING, activate_when_ready=True, collection__deleted_at=None
    )
    ready = []
    for index in waiting.select_related("collection"):
        obstacle = _obstacle(index)
        if obstacle:
            _note_problem(index, obstacle)
        elif _may_prove(index):
            ready.append(index.pk)
    return ready


def activate_when_proved(index_id: int) -> bool:
    """Activate an index that shall take over if it is proved to be in step; else note what stands in the way."""
    waiting = VectorIndex.objects.filter(pk=index_id, state=IndexState.BUILDING, activate_when_ready=True)
    index = waiting.select_related("collection", "profile").first()
    if index is None or not _may_prove(index):
        return False
    try:
        _prove_and_switch(index, user=None)
    except VectorsiteError as error:
        _note_problem(index, str(error))
        return False
    return True


def _may_prove(index: VectorIndex) -> bool:
    """Return False while somebody audits this index, and for a while after an audit of its present collection.

    An audit is never taken for the proof of a later attempt: the store may have lost something since.
    """
    made = PhysicalCollection.objects.filter(index=index, generation=index.generation).values("created_at")[:1]
    if running_audits().filter(index=index).exists():
        return False
    last = IndexAudit.objects.filter(index=index, started_at__gte=made, finished_at__isnull=False).first()
    if last is None or last.finished_at is None:
        return True
    rest = PROVE_AGAIN
    if not last.error and not _findings(last):
        rest = min(rest, TIMES_ITS_COST * (last.finished_at - last.started_at))
    return not IndexAudit.objects.filter(pk=last.pk, finished_at__gt=in_future(-rest)).exists()


def _not_yet(index: VectorIndex, obstacle: str) -> RebuildRefused:
    return RebuildRefused(f"{index} cannot serve yet. {obstacle}")


def _note_problem(index: VectorIndex, problem: str) -> None:
    VectorIndex.objects.filter(pk=index.pk).exclude(problem=problem).update(problem=problem)


# --- what is missing ----------------------------------------------------------------------------------------------


def _findings(audit: IndexAudit) -> str:
    """Name what an audit found wrong, beyond entries that are behind because documents are being written."""
    wrong = {name: count for name, count in audit.report.get("findings", {}).items() if name not in PASSING}
    if not wrong:
        return ""
    counted = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in wrong.items())
    return f"Its audit found it out of step with the vector store ({counted}). Rebuild it in the store, or repair it."


def _obstacle(index: VectorIndex) -> str:
    """Name what readers would miss if `index` served from now on, as far as its own ledger tells; else nothing.

    What it says to be indexed is taken to be so: the audit that precedes every switch proves that.
    """
    if readable_collection(index) is None:
        return "Its collection in the vector store is still being filled."
    pending = IndexEntry.objects.filter(index=index, state=EntryState.PENDING)
    if pending[: NEARLY_BUILT + 1].count() > NEARLY_BUILT:
        return STILL_TAKEN
    unsettled = IndexEntry.objects.filter(index=index, state__in=[EntryState.PENDING, EntryState.FAILED])
    return _missed(index, Q(document__in=unsettled.values("document")))


def _missed(index: VectorIndex, among: Q) -> str:
    """Name what readers would miss of the documents whose serving entry is `among` these; nothing if nothing."""
    behind = _behind(index).filter(among)
    if not behind.exists():
        return ""
    failed = IndexEntry.objects.filter(index=index, document=OuterRef("document"), state=EntryState.FAILED)
    lost = behind.filter(Exists(failed))
    count = lost.count()
    if not count:
        return STILL_TAKEN
    keys = ", ".join(lost.order_by("document").values_list("document__key", flat=True)[:NAMED])
    return (
        f"Documents that the serving index has have failed in it: {count}, such as {keys}. "
        "Correct or delete them, or retry them (admin, index entries)."
    )


def _behind(index: VectorIndex) -> QuerySet[IndexEntry]:
    """Return the serving index's entries of documents of which it has more than `index` has.

    That is a newer revision, or something where `index` has nothing. Of what failed in both without leaving a passage
    in the serving index, neither has any.
    """
    serving = Collection.objects.filter(pk=index.collection_id).values("serving_index")
    here = IndexEntry.objects.filter(index=index, document=OuterRef("document"))
    as_new = here.filter(indexed_revision__gte=OuterRef("indexed_revision"))
    with_passages = here.filter(chunk_count__gt=0)
    missing = ~Exists(as_new) | Q(chunk_count__gt=0) & ~Exists(with_passages)
    failed_in_both = Q(state=EntryState.FAILED) & Exists(here.filter(state=EntryState.FAILED))
    nothing_lost = Q(chunk_count=0) | Exists(with_passages)
    return IndexEntry.objects.filter(missing, index__in=serving).exclude(failed_in_both & nothing_lost)


# --- the switch ---------------------------------------------------------------------------------------------------


def _prove_and_switch(index: VectorIndex, *, user: User | None) -> None:
    """Compare all documents, have the index audited and switch to it; raise RebuildRefused with what is missing."""
    obstacle = _obstacle(index) or _missed(index, Q()) or _findings(audit_index(index))
    if obstacle:
        raise _not_yet(index, obstacle)
    _switch_soon(index, user=user)


def _switch_soon(index: VectorIndex, *, user: User | None) -> None:
    """Switch, waiting a little for documents that were written just now."""
    for _ in range(TRIES):
        obstacle = _switch(index, user=user)
        if not obstacle:
            return
        time.sleep(TRY_SECONDS)
    raise _not_yet(index, obstacle)


@transaction.atomic
def _switch(index: VectorIndex, *, user: User | None) -> str:
    """Let `index` serve unless something is missing in it, holding the locks that all writers take; name that."""
    live = {row.pk: row for row in lock_live_indexes(index.collection_id, exclusive=True)}
    new = live.get(index.pk)
    collection = Collection.objects.alive().filter(pk=index.collection_id).first()
    if new is None or collection is None:
        raise RebuildRefused(f"{index} was dropped meanwhile. Build another one.")
    if collection.serving_index_id == new.pk:
        return ""
    if new.generation != index.generation:
        raise RebuildRefused(f"{index} is being copied anew into the vector store. Wait until that is done.")
    obstacle = _obstacle(new)
    if obstacle:
        return obstacle
    give_up([row for row in live.values() if row.state == IndexState.STANDBY and row.pk != new.pk])
    VectorIndex.objects.filter(pk=collection.serving_index_id or 0).update(
        state=IndexState.STANDBY, standby_until=in_future(timedelta(days=settings.ROLLBACK_DAYS))
    )
    VectorIndex.objects.filter(pk=new.pk).update(
        state=IndexState.SERVING, activated_at=Now(), standby_until=None, activate_when_ready=False, problem=""
    )
    Collection.objects.filter(pk=collection.pk).update(serving_index=new)
    note(user, "activated", new)
    return ""
