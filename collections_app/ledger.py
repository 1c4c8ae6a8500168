"""The ledger: which revision of which document each index wants, has, or cannot have, and who works on it.

Leases are timed by the database's clock, since workers' clocks differ. Every change of an entry that a worker makes is
conditional on its lease token, so a worker that lost its lease changes nothing.
"""

import random
import uuid
from collections.abc import Collection as Sized
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Now

from collections_app.exceptions import VectorsiteError
from collections_app.models import Document, EntryState, IndexEntry, VectorIndex

MAX_ATTEMPTS = 5
BACKOFF_BASE = timedelta(seconds=2)
BACKOFF_CAP = timedelta(minutes=10)


def in_future(delta: timedelta) -> ExpressionWrapper:
    """Return the database's time plus `delta`, as an expression."""
    return ExpressionWrapper(Now() + Value(delta), output_field=DateTimeField())


def lease_term() -> timedelta:
    """Return how long a lease lasts unless it is renewed."""
    return timedelta(seconds=settings.LEASE_SECONDS)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on some entries of one index until the lease expires or is renewed."""

    token: uuid.UUID
    index_id: int
    entries: tuple[IndexEntry, ...]

    @property
    def document_ids(self) -> list[int]:
        return [entry.document_id for entry in self.entries]


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


def claim(index_id: int, *, limit: int, characters: int) -> Lease | None:
    """Take a lease on pending entries: at most `limit` of them, with about `characters` of text, at least one.

    A suspect entry is claimed alone. Returns None when there is nothing to do.
    """
    token = uuid.uuid4()
    with transaction.atomic():
        candidates = list(
            _claimable(index_id)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("document")
            .only("id", "suspect", "document__size")[:limit]
        )
        if not candidates:
            return None
        chosen = _fit(candidates, characters)
        IndexEntry.objects.filter(pk__in=[entry.pk for entry in chosen]).update(
            lease_token=token, lease_expires_at=in_future(lease_term())
        )
    entries = tuple(IndexEntry.objects.filter(lease_token=token).order_by("pk"))
    return Lease(token, index_id, entries) if entries else None


def _fit(candidates: list[IndexEntry], characters: int) -> list[IndexEntry]:
    if candidates[0].suspect:
        return candidates[:1]
    chosen: list[IndexEntry] = []
    total = 0
    for entry in candidates:
        if entry.suspect:
            continue
        total += entry.document.size
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
    locked = entries.order_by("pk").select_for_update(no_key=True)
    return IndexEntry.objects.filter(pk__in=list(locked.values_list("pk", flat=True)))


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
        priority=0,
    )


def indexes_with_work() -> list[int]:
    """Return the ids of indexes that have entries to claim now."""
    return list(
        IndexEntry.objects.filter(state=EntryState.PENDING, next_attempt_at__lte=Now(), lease_token=None)
        .order_by()
        .values_list("index", flat=True)
        .distinct()
    )


def mark_indexed(entry: IndexEntry, *, revision: int, chunk_count: int, text_digest: str) -> None:
    """Record a flip. The caller holds the entry's lock and has checked the token."""
    IndexEntry.objects.filter(pk=entry.pk).update(
        indexed_revision=revision,
        state=EntryState.INDEXED if entry.wanted_revision == revision else EntryState.PENDING,
        chunk_count=chunk_count,
        text_digest=text_digest,
        attempts=0,
        suspect=False,
        error="",
        error_code="",
        indexed_at=Now(),
        lease_token=None,
        lease_expires_at=None,
    )


def progress(index: VectorIndex) -> dict[str, int]:
    """Count an index's entries by state, for bars and summaries."""
    from django.db.models import Count

    counts = IndexEntry.objects.filter(index=index).aggregate(
        total=Count("pk"),
        indexed=Count("pk", filter=Q(state=EntryState.INDEXED)),
        failed=Count("pk", filter=Q(state=EntryState.FAILED)),
        pending=Count("pk", filter=Q(state=EntryState.PENDING)),
        behind=Count("pk", filter=Q(indexed_revision__lt=F("wanted_revision"))),
    )
    return {name: int(value) for name, value in counts.items()}
