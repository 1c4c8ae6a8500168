"""One audit from beginning to end, what is kept of it, and which one is due."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from collections_app import outages
from collections_app.audit.embeddings import compare_embeddings
from collections_app.audit.entries import compare_entries
from collections_app.audit.lexical import compare_lexical_rows
from collections_app.audit.passages import compare_passages
from collections_app.audit.records import compare_store
from collections_app.audit.repair import repair as repair_found
from collections_app.audit.report import Report, is_damage
from collections_app.exceptions import (
    RecordRefused,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
    VectorStoreUnavailable,
)
from collections_app.ledger import in_future
from collections_app.models import IndexAudit, IndexState, VectorIndex, VectorStoreStatus

logger = logging.getLogger(__name__)

KEPT = 50
# An audit notes now and then that it goes on. One that has not for so long was killed.
SIGN_OF_LIFE, SILENCE = timedelta(seconds=10), timedelta(minutes=5)
REPAIRS = 3
# What a store that is in order may answer.
_OF_ONE_COLLECTION = (VectorStoreCollectionMissing, VectorStoreCollectionBroken, RecordRefused)


def _nothing() -> None:
    return None


def running_audits() -> QuerySet[IndexAudit]:
    """Return the audits that somebody is at."""
    silent = Q(started_at__lt=in_future(-SILENCE)) & (Q(seen_at=None) | Q(seen_at__lt=in_future(-SILENCE)))
    return IndexAudit.objects.filter(finished_at=None).exclude(silent)


def _with_signs_of_life(audit: IndexAudit, breathe: Callable[[], None]) -> Callable[[], None]:
    last = time.monotonic()

    def breathe_and_note() -> None:
        nonlocal last
        breathe()
        if time.monotonic() - last > SIGN_OF_LIFE.total_seconds():
            IndexAudit.objects.filter(pk=audit.pk).update(seen_at=Now())
            last = time.monotonic()

    return breathe_and_note


def audit_index(
    index: VectorIndex,
    *,
    deep: bool = False,
    repair: bool = False,
    unasked: bool = False,
    breathe: Callable[[], None] = _nothing,
) -> IndexAudit:
    """Compare one index with its physical collection, with `repair` mend what is wrong, and keep the result.

    After a repair all is compared again: `findings` are what is left, `found` what there was. `unasked`, nothing is
    mended that costs much. `breathe` is called between pages. What keeps it from being finished is kept as its error
    and raised.
    """
    audit = IndexAudit.objects.create(index=index, started_at=Now(), deep=deep, repair=repair)
    try:
        _run(audit, unasked=unasked, breathe=_with_signs_of_life(audit, breathe))
    except BaseException as error:
        _note_error(audit, error)
        raise
    _prune(audit)
    audit.refresh_from_db()
    return audit


def _run(audit: IndexAudit, *, unasked: bool, breathe: Callable[[], None]) -> None:
    index, report = _compare(audit, breathe)
    found, repaired = dict(report.findings), dict[str, int]()
    for _ in range(REPAIRS if audit.repair else 0):
        if not is_damage(report.findings):
            break
        kinds = report.mended_unasked(may_embed=not outages.is_paused(index.profile)) if unasked else None
        # A passage that is mended may be one whose record in the store was wrong too.
        mended = repair_found(index, report, breathe, kinds=kinds)
        if not mended:
            break
        repaired = {name: repaired.get(name, 0) + mended.get(name, 0) for name in {**repaired, **mended}}
        index, report = _compare(audit, breathe)
    audit.report = report.to_json(found=found, repaired=repaired)
    audit.in_step = report.in_step
    audit.finished_at = Now()
    audit.save(update_fields=["report", "in_step", "finished_at"])


def _compare(audit: IndexAudit, breathe: Callable[[], None]) -> tuple[VectorIndex, Report]:
    index = VectorIndex.objects.select_related("profile", "collection").get(pk=audit.index_id)
    _require_store(index)
    report = Report()
    compare_entries(index, report)
    compare_passages(index, report, breathe)
    compare_embeddings(index, report, breathe, deep=audit.deep)
    compare_lexical_rows(index, report, breathe, deep=audit.deep)
    compare_store(index, report, breathe, deep=audit.deep)
    return index, report


def _require_store(index: VectorIndex) -> None:
    """Raise VectorStoreUnavailable while the store is paused: then nobody may touch it but the prober."""
    status = outages.store_status(index.store)
    if status.paused_until:
        raise VectorStoreUnavailable(f"The vector store {index.store} is paused: {status.pause_reason}")


def _note_error(audit: IndexAudit, error: BaseException) -> None:
    try:
        IndexAudit.objects.filter(pk=audit.pk).update(error=f"{error}"[:2000] or repr(error), finished_at=Now())
        if isinstance(error, VectorStoreError) and not isinstance(error, _OF_ONE_COLLECTION):
            status = outages.store_status(audit.index.store)
            if not status.paused_until:
                outages.pause(status, error)
    except DatabaseError:
        logger.exception("What ended the audit of %s could not be kept", audit.index_id)


def _prune(audit: IndexAudit) -> None:
    """Keep the last audits of an index and the last ones, deep and not, that proved it to be in step."""
    audits = IndexAudit.objects.filter(index=audit.index_id)
    kept = set(audits.order_by("-pk").values_list("pk", flat=True)[:KEPT])
    for deep in (True, False):
        kept |= set(audits.filter(deep=deep, in_step=True).order_by("-pk").values_list("pk", flat=True)[:1])
    audits.filter(pk__lt=audit.pk).exclude(pk__in=kept).delete()


def due() -> tuple[int, bool] | None:
    """Return the index whose audit is most overdue, and whether it shall be a deep one; None while one is running.

    What a store holds that went down is compared deeply before anything else: a kill can cost vectors silently.
    """
    if running_audits().exists():
        return None
    for deep, hours in ((True, settings.DEEP_AUDIT_HOURS), (False, settings.AUDIT_HOURS)):
        index_id = _most_overdue(deep=deep, age=timedelta(hours=hours))
        if index_id is not None:
            return index_id, deep
    return None


def _most_overdue(*, deep: bool, age: timedelta) -> int | None:
    of_this_kind = Q(audits__deep=True) if deep else Q()
    finished_deeply = Q(audits__finished_at__isnull=False, audits__error="", audits__deep=True)
    status = VectorStoreStatus.objects.filter(alias=OuterRef("store"))
    waiting = (
        VectorIndex.objects.exclude(state=IndexState.DROPPED)
        .filter(collection__deleted_at=None)
        .annotate(
            audited_at=Max("audits__started_at", filter=of_this_kind or None),
            compared_at=Max("audits__started_at", filter=finished_deeply),
            went_down_at=Subquery(status.values("went_down_at")[:1]),
            paused_until=Subquery(status.values("paused_until")[:1]),
        )
        .filter(paused_until=None)
    )
    late = Q(audited_at=None, created_at__lt=in_future(-age)) | Q(audited_at__lt=in_future(-age))
    if deep:
        late |= Q(went_down_at__isnull=False) & (Q(compared_at=None) | Q(compared_at__lt=F("went_down_at")))
    first = F("audited_at").asc(nulls_first=True)
    return waiting.filter(late).order_by(first, "pk").values_list("pk", flat=True).first()
