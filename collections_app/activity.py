"""How much the site does, minute by minute, and how long each takes: counted by length, so that quantiles can be read.

A bucket is a quarter of a doubling: number b holds what took from 2^(b/4) to 2^((b+1)/4) milliseconds, so a quantile is
right to 9 %, and a minute of searches is a handful of rows, however many they were.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from collections_app.adding import add_to_row
from collections_app.models import Activity, ActivityKind
from collections_app.postponed import Postponed

KEPT_FOR = timedelta(days=1)
_BUCKETS_A_DOUBLING = 4

_Key = tuple[datetime, str, int]


@dataclass(frozen=True, slots=True)
class Span:
    """What was done in the time from `start` on: how often, and the milliseconds each took; None where nothing was."""

    start: datetime
    count: int
    median: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """What was done minute by minute, oldest first, and all of it together."""

    minutes: Sequence[Span]
    whole: Span


def note(kind: ActivityKind, seconds: float) -> None:
    """Count one that took so long. Costs the caller no statement; it is written within a few seconds."""
    minute = timezone.now().replace(second=0, microsecond=0)
    _later.add((minute, kind.value, _bucket(seconds)), 1)


def course(kind: ActivityKind, *, minutes: int, until: datetime | None = None) -> Course:
    """Return the last `minutes`, of which the current one is the last."""
    last = (until or timezone.now()).replace(second=0, microsecond=0)
    first = last - timedelta(minutes=minutes - 1)
    rows = Activity.objects.filter(kind=kind, minute__range=(first, last)).values_list("minute", "bucket", "count")
    counted = [Counter[int]() for _ in range(minutes)]
    for minute, bucket, count in rows:
        counted[int((minute - first).total_seconds() // 60)][bucket] += count
    spans = [_span(first + timedelta(minutes=number), counts) for number, counts in enumerate(counted)]
    return Course(spans, _span(first, sum(counted, Counter())))


def prune() -> None:
    """Forget what is older than a day."""
    Activity.objects.filter(minute__lt=timezone.now() - KEPT_FOR).delete()


def _bucket(seconds: float) -> int:
    return int(math.log2(max(1.0, seconds * 1000)) * _BUCKETS_A_DOUBLING)


def _span(start: datetime, counts: Mapping[int, int]) -> Span:
    ordered = sorted(counts.items())
    return Span(start, sum(counts.values()), _quantile(ordered, 0.5), _quantile(ordered, 0.95))


def _quantile(counts: Sequence[tuple[int, int]], share: float) -> float | None:
    """Return the middle of the bucket in which the one at this share stands."""
    remaining = share * sum(count for _bucket, count in counts)
    for bucket, count in counts:
        remaining -= count
        if remaining <= 0:
            return math.exp2((bucket + 0.5) / _BUCKETS_A_DOUBLING)
    return None


def _write(waiting: Mapping[_Key, int]) -> None:
    # In order, as all who write several rows do.
    for minute, kind, bucket in sorted(waiting):
        key = {"minute": minute, "kind": kind, "bucket": bucket}
        add_to_row(Activity, key, {"count": waiting[minute, kind, bucket]})


_later: Postponed[_Key, int] = Postponed("activity", _write)
