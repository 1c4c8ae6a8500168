"""How much the site did in the last hour and how long it took, as charts."""

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from collections_app import activity
from collections_app.activity import Span
from collections_app.admin import cells
from collections_app.admin.charts import Chart, Measured, bars
from collections_app.models import ActivityKind

MINUTES = 60


def activity_charts() -> list[Chart]:
    """Return charts of throughput and latency over the last hour, a bar for each minute."""
    return [
        *_charts(ActivityKind.SEARCH, _("Searches a minute"), _("Time to an answer")),
        *_charts(ActivityKind.INDEXING, _("Documents made searchable a minute"), _("Time from saved to searchable")),
    ]


def _charts(kind: ActivityKind, throughput: str, latency: str) -> list[Chart]:
    course = activity.course(kind, minutes=MINUTES)
    minutes, hour = course.minutes, course.whole
    begins, ends = _clock(minutes[0]), _clock(minutes[-1])
    counts = [Measured(span.count, f"{_clock(span)}: {cells.count(span.count)}") for span in minutes]
    times = [Measured(span.p95 or 0, _told(span), span.median or 0) for span in minutes]
    most, slowest = max(span.count for span in minutes), max(span.p95 or 0 for span in minutes)
    in_all = _("%(count)s in the last hour") % {"count": cells.count(hour.count)}
    return [
        Chart(throughput, bars(counts), in_all, cells.count(most) if most else "", begins, ends),
        Chart(latency, bars(times), _quantiles(hour), _length(slowest) if slowest else "", begins, ends),
    ]


def _told(span: Span) -> str:
    return _("%(name)s: %(value)s") % {"name": _clock(span), "value": _quantiles(span)}


def _quantiles(span: Span) -> str:
    if span.median is None or span.p95 is None:
        return _("none")
    words = {"median": _length(span.median), "p95": _length(span.p95)}
    return _("half within %(median)s, 95 %% within %(p95)s") % words


def _clock(span: Span) -> str:
    return date_format(timezone.localtime(span.start), "TIME_FORMAT")


def _length(milliseconds: float) -> str:
    """Return a length of time by its two leading digits, of which the buckets' width leaves no more."""
    if milliseconds < 1000:
        return _("%(number)s ms") % {"number": number_format(milliseconds, 0 if milliseconds >= 10 else 1)}
    seconds = milliseconds / 1000
    if seconds < 120:
        return _("%(seconds)s s") % {"seconds": number_format(seconds, 0 if seconds >= 10 else 1)}
    return _("%(number)s min") % {"number": number_format(seconds / 60, 0)}
