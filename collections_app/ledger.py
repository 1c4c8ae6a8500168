"""The ledger: which revision of which document each index wants, has, or cannot have, and who works on it.

Leases are timed by the database's clock, since workers' clocks differ. Every change of an entry that a worker makes is
conditional on its lease token, so a worker that lost its lease changes nothing.
"""

import random
import uuid
from collections.abc import Collection as Sized
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Now

from collections_app.exceptions import VectorsiteError
from collections_app.models import Document, EntryState, IndexEntry, IndexState, VectorIndex

MAX_ATTEMPTS = 5
# Priorities: what a person waits for comes before what a program brought in.
INTERACTIVE, BULK = 0, 1
# Of what is left of an import every worker takes its share, so that they end together; less is not worth a batch.
SMALLEST_SHARE = 24
BACKOFF_BASE = timedelta(seconds=2)
BACKOFF_CAP = timedelta(minutes=10)
_UNTIL_LET_GO = timedelta(days=3650)


def in_future(delta: timedelta) -> ExpressionWrapper:
    """Return the database's time plus `delta`, as an expression."""
    return ExpressionWrapper(Now() + Value(delta), output_field=DateTimeField())


def lease_term() -> timedelta:
    """Return how long a lease lasts unless it is renewed."""
    return timedelta(seconds=settings.LEASE_SECONDS)


class Claimed(NamedTuple):
    """An entry as it was when it was claimed."""

    pk: int
    document_id: int
    wanted_revision: int
    priority: int
    suspect: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on some entries of one index until the lease expires or is renewed."""

    token: uuid.UUID
    index_id: int
    entries: tuple[Claimed, ...]

    @property
    def document_ids(self) -> list[int]:
        return [entry.document_id for entry in self.entries]

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for one of its documents."""
        return any(entry.priority == INTERACTIVE for entry in self.entries)


class Flip(NamedTuple):
    """What a flip made true of one entry: which revision is live, in how many chunks, and the digest of their texts."""

    entry_id: int
    revision: int
    is_wanted: bool
    chunk_count: int
    text_digest: str


def want(document_ids: Sized[int], *, priority: int) -> None:
    """Make every index of these documents want their present revision. Part of the writer's own transaction."""
    revision = Document.objects.filter(pk=OuterRef("document")).values("revision")[:1]
    IndexEntry.objects.filter(document__in=document_ids).update(
        wanted_revision=Subquery(revision),
        state=EntryState.PENDING,
        priority=priority,
        attempts=0,
        suspect=False,
        error="",
        error_code="",
        budget=None,
        next_attempt_at=Now(),
        wanted_at=Now(),
    )


def add_entries(index_ids: Sequence[int], documents: Sequence[Document], *, priority: int) -> None:
    """Write the ledger rows of new documents, wanting their present revision."""
    IndexEntry.objects.bulk_create(
        [
            IndexEntry(
                index_id=index_id,
                document=document,
                wanted_revision=document.revision,
                priority=priority,
                next_attempt_at=Now(),
                wanted_at=Now(),
            )
            for index_id in index_ids
            for document in documents
        ],
        ignore_conflicts=True,
    )


def _claimable(index_id: int) -> QuerySet[IndexEntry]:
    return IndexEntry.objects.filter(
        index=index_id, state=EntryState.PENDING, next_attempt_at__lte=Now(), lease_token=None
    ).order_by("priority", "next_attempt_at", "id")


def has_claimable(index_id: int) -> bool:
    return _claimable(index_id).exists()


def claim(
    index_id: int, *, limit: int, characters: int, bulk_factor: int = 1, only_interactive: bool = False
) -> Lease | None:
    """Take a lease on pending entries: at most `limit` of them, with about `characters` of text, at least one.

    Where nobody waits for any of them, it may be `bulk_factor` times as much, as long as every worker gets its share
    of what is left. A suspect entry is claimed alone. Returns None when there is nothing to do.
    """
    token = uuid.uuid4()
    claimable = _claimable(index_id)
    if only_interactive:
        claimable = claimable.filter(priority=INTERACTIVE)
    with transaction.atomic():
        rows = claimable.select_for_update(skip_locked=True, no_key=True).values_list(*Claimed._fields)
        candidates = [Claimed(*row) for row in rows[: limit * bulk_factor]]
        if not candidates:
            return None
        if candidates[0].priority == INTERACTIVE:
            bulk_factor = 1
        candidates = candidates[: _share(claimable, candidates, limit=limit, bulk_factor=bulk_factor)]
        chosen = _fit(candidates, characters * bulk_factor)
        IndexEntry.objects.filter(pk__in=[entry.pk for entry in chosen]).update(
            lease_token=token, lease_expires_at=in_future(lease_term()), budget=None
        )
    return Lease(token, index_id, tuple(sorted(chosen)))


def _share(claimable: QuerySet[IndexEntry], candidates: list[Claimed], *, limit: int, bulk_factor: int) -> int:
    """Return how many entries one worker may take, so that the others have something to do until it is done."""
    if candidates[0].priority == INTERACTIVE or len(candidates) <= SMALLEST_SHARE:
        return limit
    waiting = claimable[: limit * bulk_factor * settings.WORKERS].count()
    return max(SMALLEST_SHARE, -(-waiting // settings.WORKERS))


def _fit(candidates: list[Claimed], characters: int) -> list[Claimed]:
    if candidates[0].suspect:
        return candidates[:1]
    sizes = dict(Document.objects.filter(pk__in=[entry.document_id for entry in candidates]).values_list("pk", "size"))
    chosen: list[Claimed] = []
    total = 0
    for entry in candidates:
        if entry.suspect:
            continue
        total += sizes[entry.document_id]
        if chosen and total > characters:
            break
        chosen.append(entry)
    return chosen


def renew(lease: Lease) -> bool:
    """Extend the lease; False when none of it is ours any more, so that the work is better dropped."""
    with transaction.atomic():
        held = _in_order(IndexEntry.objects.filter(lease_token=lease.token, lease_expires_at__gt=Now()))
        return bool(held.update(lease_expires_at=in_future(lease_term())))


def release(lease: Lease, document_ids: Sized[int] | None = None) -> None:
    """Give entries back uncharged, to be claimed again at once or after the pause of what is out of order."""
    mine = IndexEntry.objects.filter(lease_token=lease.token)
    if document_ids is not None:
        mine = mine.filter(document__in=document_ids)
    with transaction.atomic():
        _in_order(mine).update(lease_token=None, lease_expires_at=None)


def _in_order(entries: QuerySet[IndexEntry]) -> QuerySet[IndexEntry]:
    """Lock entries by id, as all who lock several do, before one UPDATE that would lock them in any order."""
    if connection.vendor != "postgresql":
        return entries
    locked = entries.order_by("pk").select_for_update(no_key=True)
    return IndexEntry.objects.filter(pk__in=list(locked.values_list("pk", flat=True)))


def hold(lease: Lease, document_ids: Sized[int], *, budget_id: int, until: datetime | None) -> None:
    """Give entries back uncharged, to wait for a budget until its next period begins or somebody lets them go.

    One whose document was saved meanwhile is claimed again at once: its new text may have its vectors.
    """
    claimed = {entry.pk: entry.wanted_revision for entry in lease.entries}
    with transaction.atomic():
        mine = IndexEntry.objects.filter(lease_token=lease.token, document__in=document_ids).order_by("pk")
        rows = mine.select_for_update(no_key=True).values_list("pk", "wanted_revision")
        unchanged = [pk for pk, revision in rows if revision == claimed[pk]]
        IndexEntry.objects.filter(pk__in=unchanged).update(
            budget=budget_id,
            next_attempt_at=until or in_future(_UNTIL_LET_GO),
            lease_token=None,
            lease_expires_at=None,
        )


def charge(lease: Lease, document_id: int, error: VectorsiteError) -> None:
    """Count a failed attempt against one entry; after MAX_ATTEMPTS, or at once if nothing can help, it has failed.

    A newer revision that was saved meanwhile is not charged for what the old text did.
    """
    for entry in IndexEntry.objects.filter(lease_token=lease.token, document=document_id):
        worked_on = next(known for known in lease.entries if known.pk == entry.pk)
        _charge(entry, error, superseded=entry.wanted_revision != worked_on.wanted_revision)


def _charge(entry: IndexEntry, error: VectorsiteError, *, superseded: bool) -> None:
    """Charge the entry unless another revision is wanted by now: a save that comes in between forgets all attempts."""
    attempts = 0 if superseded else entry.attempts + 1
    failed = not superseded and attempts >= MAX_ATTEMPTS
    held = IndexEntry.objects.filter(pk=entry.pk, lease_token=entry.lease_token)
    charged = held.filter(wanted_revision=entry.wanted_revision).update(
        state=EntryState.FAILED if failed else EntryState.PENDING,
        attempts=attempts,
        error="" if superseded else str(error)[:2000],
        error_code="" if superseded else type(error).__name__,
        next_attempt_at=in_future(timedelta(0) if superseded else backoff(attempts)),
        lease_token=None,
        lease_expires_at=None,
    )
    if not charged:
        held.update(lease_token=None, lease_expires_at=None)


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after the n-th failure: exponential, capped, with full jitter on the upper half."""
    ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** max(0, attempts - 1))
    return timedelta(seconds=ceiling.total_seconds() * random.uniform(0.5, 1.0))  # noqa: S311 - not for secrets


class WorkerDied(VectorsiteError):
    """The worker process died, or hung past its lease, while it worked on this document and on nothing else."""


def reclaim_expired() -> set[int]:
    """Take expired leases back and return the ids of their indexes.

    Entries that shared a lease become suspects, to be worked alone; one that already was alone is charged.
    """
    leased = IndexEntry.objects.filter(lease_expires_at__lt=Now(), lease_token__isnull=False)
    expired = list(leased.order_by("lease_expires_at")[:5000])
    alone = {entry.pk for entry in expired if entry.suspect}
    for entry in expired:
        if entry.pk in alone:
            _charge(
                entry,
                WorkerDied(
                    "The worker died or hung while it worked on this document alone. Look for this time in the "
                    "worker's log; shorten or split the document, or give the worker more memory, then retry."
                ),
                superseded=False,
            )
    together = IndexEntry.objects.filter(
        pk__in=[entry.pk for entry in expired if entry.pk not in alone], lease_expires_at__lt=Now()
    )
    with transaction.atomic():
        _in_order(together).update(lease_token=None, lease_expires_at=None, suspect=True)
    return {entry.index_id for entry in expired}


def retry(entries: QuerySet[IndexEntry]) -> int:
    """Give failed entries another set of attempts; return how many. Part of the caller's transaction."""
    return _in_order(entries.filter(state=EntryState.FAILED)).update(
        state=EntryState.PENDING,
        attempts=0,
        suspect=False,
        error="",
        error_code="",
        next_attempt_at=Now(),
        priority=INTERACTIVE,
    )


def indexes_with_work(*, only_interactive: bool = False) -> list[int]:
    """Return the ids of indexes that have entries to claim now."""
    entries = IndexEntry.objects.filter(state=EntryState.PENDING, next_attempt_at__lte=Now(), lease_token=None)
    if only_interactive:
        # One look at an index for each: nothing in SQL finds one priority of all indexes without reading the others.
        with_some = entries.filter(index=OuterRef("pk"), priority=INTERACTIVE)
        indexes = VectorIndex.objects.exclude(state=IndexState.DROPPED).filter(Exists(with_some))
        return list(indexes.order_by().values_list("pk", flat=True))
    return list(entries.order_by().values_list("index", flat=True).distinct())


def mark_indexed(flips: Sequence[Flip]) -> None:
    """Record flips. The caller holds the entries' locks and has checked the token."""
    now, _ = IndexEntry.objects.all().query.get_compiler(DEFAULT_DB_ALIAS).compile(Now())
    # One statement, prepared once: through the ORM, an UPDATE of its own for every document would cost more than all
    # else that a flip does.
    sql = f"""
        UPDATE {connection.ops.quote_name(IndexEntry._meta.db_table)}
        SET indexed_revision = %s, state = %s, chunk_count = %s, text_digest = %s, attempts = 0, suspect = FALSE,
            error = '', error_code = '', indexed_at = {now}, lease_token = NULL, lease_expires_at = NULL
        WHERE id = %s
    """  # noqa: S608 - nothing in it comes from outside
    rows = [
        (
            flip.revision,
            EntryState.INDEXED if flip.is_wanted else EntryState.PENDING,
            flip.chunk_count,
            flip.text_digest,
            flip.entry_id,
        )
        for flip in flips
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


def progress(index: VectorIndex) -> dict[str, int]:
    """Count an index's entries by state, for bars and summaries."""
    from django.db.models import Count

    counts = IndexEntry.objects.filter(index=index).aggregate(
        total=Count("pk"),
        indexed=Count("pk", filter=Q(state=EntryState.INDEXED)),
        failed=Count("pk", filter=Q(state=EntryState.FAILED)),
        pending=Count("pk", filter=Q(state=EntryState.PENDING)),
        waiting=Count("pk", filter=Q(state=EntryState.PENDING, budget__isnull=False)),
        behind=Count("pk", filter=Q(indexed_revision__lt=F("wanted_revision"))),
    )
    return {name: int(value) for name, value in counts.items()}
