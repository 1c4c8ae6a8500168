"""How far an index is, and lengths of time in words."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Max, Min
from django.utils.translation import gettext as _

from collections_app import ledger
from collections_app.ledger import in_future
from collections_app.models import IndexEntry, VectorIndex
from collections_app.projection import readable_collection

RECENTLY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many documents an index has, lacks and could not take; of `pending` ones, `waiting` wait for a budget.

    `seconds_left` is None where nothing tells it.
    """

    total: int
    done: int
    failed: int
    pending: int
    waiting: int = 0
    is_filled: bool
    seconds_left: float | None

    @property
    def workable(self) -> int:
        """How many documents there is something to do for now or soon."""
        return self.pending - self.waiting


def progress(index: VectorIndex) -> Progress:
    """Say how far an index is; the time left follows from what was done in the last minute."""
    counts = ledger.progress(index)
    recent = IndexEntry.objects.filter(index=index, indexed_at__gt=in_future(-RECENTLY))
    span = recent.aggregate(count=Count("pk"), first=Min("indexed_at"), last=Max("indexed_at"))
    seconds_left = None if counts["pending"] else 0.0
    workable = counts["pending"] - counts["waiting"]
    if workable and span["count"] > 1:
        passed = max(1.0, (span["last"] - span["first"]).total_seconds())
        seconds_left = workable * passed / span["count"]
    return Progress(
        total=counts["total"],
        done=counts["indexed"],
        failed=counts["failed"],
        pending=counts["pending"],
        waiting=counts["waiting"],
        is_filled=readable_collection(index) is not None,
        seconds_left=seconds_left,
    )


def duration(seconds: float) -> str:
    """Return a length of time as a person would say it."""
    if seconds < 90:
        return _("%(seconds)d s") % {"seconds": max(1, round(seconds))}
    minutes = round(seconds / 60)
    if minutes < 120:
        return _("%(minutes)d min") % {"minutes": minutes}
    return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}
