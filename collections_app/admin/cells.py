"""How values look in the admin: links, tags, bars, shortened texts."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import get_language_info, gettext, gettext_lazy, pgettext_lazy

from collections_app.audit import FINDING_LABELS
from collections_app.models import WorkerStatus
from collections_app.reasons import in_readers_language

NOTHING = "–"
SUCCESS, WARNING, DANGER, INFO = "success", "warning", "danger", "info"
# What the services and the admin record in the trail.
TRAIL_ACTIONS = {
    "created": pgettext_lazy("was done", "created"),
    "updated": pgettext_lazy("was done", "updated"),
    "changed": pgettext_lazy("was done", "changed"),
    "deleted": pgettext_lazy("was done", "deleted"),
    "uploaded": gettext_lazy("uploaded"),
    "read again": gettext_lazy("read again"),
    "re-synced": gettext_lazy("re-synced"),
    "retried": gettext_lazy("retried"),
    "rebuilt": gettext_lazy("rebuilt"),
    "calibrated": pgettext_lazy("was done", "calibrated"),
    "profiles compared": gettext_lazy("profiles compared"),
    "rebuild started": gettext_lazy("rebuild started"),
    "activated": pgettext_lazy("was done", "activated"),
    "dropped": pgettext_lazy("was done", "dropped"),
    "audited and repaired": gettext_lazy("audited and repaired"),
    "resumed": gettext_lazy("resumed"),
    "demo loaded": gettext_lazy("demo loaded"),
    "exported": gettext_lazy("exported"),
    "imported": gettext_lazy("imported"),
}
_TRAIL_DETAILS = {
    "fields": gettext_lazy("fields"),
    "files": gettext_lazy("files"),
    "documents": gettext_lazy("documents"),
    "vectors": gettext_lazy("vectors"),
    "index": gettext_lazy("index"),
    "profiles": gettext_lazy("embedding profiles"),
    "version": gettext_lazy("version"),
}


def change_url(obj: Model) -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])


def list_url(model: type[Model], **filters: Any) -> str:
    """Return the address of a model's list, with `filters` as its query string."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def object_link(obj: Model | None, text: str = "") -> SafeString | str:
    """Return a link to the admin page of `obj`."""
    return link(change_url(obj), text or str(obj) or f"#{obj.pk}") if obj else NOTHING


def tag(text: Any, tone: str = "", *, title: str = "") -> SafeString:
    """Return a small coloured label. Tones: success, warning, danger, info, or none."""
    return format_html('<span class="vs-tag vs-{}" title="{}">{}</span>', tone or "plain", title, text)


def shortened(text: str, length: int = 120) -> SafeString | str:
    """Return the beginning of a text on one line; all of it (up to a page) appears under the pointer."""
    line = " ".join(text[: length * 4].split())
    if len(line) <= length and len(text) <= length * 4:
        return line or NOTHING
    return format_html('<span title="{}">{}…</span>', text[:1500], line[:length].rstrip())


def reason(text: str) -> SafeString | str:
    """Return the reason of a failure, wrapped and in full, in the reader's language if it is known."""
    return format_html('<span class="vs-reason">{}</span>', in_readers_language(text)) if text else NOTHING


def title_and_key(title: str, key: str) -> SafeString:
    """Return a document's title with its key beneath, unless they are the same."""
    beneath = format_html('<span class="vs-key">{}</span>', key) if key != title else ""
    return format_html('<span class="vs-title">{}</span>{}', title, beneath)


def noted(note: str, content: Any) -> SafeString:
    return format_html('<p class="vs-note">{}</p>{}', note, content)


def count(number: int) -> str:
    return number_format(number, decimal_pos=0, force_grouping=True)


def amount(number: Decimal) -> str:
    """Return a number with the decimals that it has."""
    exact = number.normalize()
    return number_format(exact, decimal_pos=max(0, -int(exact.as_tuple().exponent)), force_grouping=True)


def money(number: Decimal, currency: str) -> str:
    return f"{amount(number)} {currency}"


def size(number_of_bytes: int) -> str:
    value = float(number_of_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def moment(when: datetime | None) -> SafeString | str:
    """Return how long ago, or in how long, with the exact time under the pointer."""
    if when is None:
        return NOTHING
    now = timezone.now()
    exact = date_format(timezone.localtime(when), "DATETIME_FORMAT")
    if when > now:
        words = gettext("in %(time)s") % {"time": timeuntil(when, now, depth=1)}
    elif (now - when).total_seconds() < 60:
        words = gettext("%(seconds)d s ago") % {"seconds": (now - when).total_seconds()}
    else:
        words = gettext("%(time)s ago") % {"time": timesince(when, now, depth=1)}
    return format_html('<time class="vs-moment" datetime="{}" title="{}">{}</time>', when.isoformat(), exact, words)


def seconds(number: float) -> SafeString:
    """Return a short length of time, to a tenth of a second."""
    words = gettext("%(seconds)s s") % {"seconds": number_format(number, 1)}
    return format_html('<span class="vs-moment">{}</span>', words)


def waited(since: datetime) -> str:
    """Return for how long something has lasted: "40 s", "3 minutes"."""
    seconds = (timezone.now() - since).total_seconds()
    return gettext("%(seconds)d s") % {"seconds": seconds} if seconds < 60 else timesince(since, depth=1)


def is_stale(seen_at: datetime) -> bool:
    """Return whether a process that was last seen then must be presumed dead: it renews its leases more often."""
    return (timezone.now() - seen_at).total_seconds() > 2 * settings.LEASE_SECONDS


def progress(*, indexed: int, pending: int, failed: int) -> SafeString:
    """Return a bar of three shares with the numbers beneath."""
    return mark_safe(  # noqa: S308 - a template's output
        render_to_string(
            "collections_app/admin/progress.html",
            {"indexed": indexed, "pending": pending, "failed": failed, "total": indexed + pending + failed},
        )
    )


def language(code: str) -> str:
    """Return a language's name in the reader's language, or its code when Django does not know it."""
    if not code:
        return NOTHING
    try:
        return str(get_language_info({"zh": "zh-hans"}.get(code, code))["name_translated"])
    except KeyError:
        return code


def pretty_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False, default=str)


def field_value(value: Any) -> str:
    """Return a value of a declared field as people write it."""
    match value:
        case bool():
            return gettext("Yes") if value else gettext("No")
        case datetime():
            return date_format(timezone.localtime(value), "DATETIME_FORMAT")
        case date():
            return date_format(value, "DATE_FORMAT")
        case _:
            return str(value)


def code(text: str) -> SafeString:
    return format_html('<code class="vs-code">{}</code>', text)


def preformatted(text: str) -> SafeString:
    return format_html('<pre class="vs-text">{}</pre>', text)


def listed(parts: Iterable[str]) -> str:
    """Return words in a line, set apart as the reader's language does it."""
    return gettext(", ").join(parts) or NOTHING


def trail_action(action: str) -> str:
    """Return what a trail record says was done, in the reader's language."""
    return str(TRAIL_ACTIONS.get(action, action))


def trail_details(details: Mapping[str, Any]) -> str:
    return _pairs(details, _TRAIL_DETAILS)


def findings(report: Mapping[str, Any]) -> str:
    """Return what an audit's report found wrong, and how often."""
    return _pairs(report.get("findings", {}), FINDING_LABELS)


def repaired(report: Mapping[str, Any]) -> str:
    """Return what an audit mended, and how often."""
    return _pairs(report.get("repaired", {}), FINDING_LABELS)


def _pairs(values: Mapping[str, Any], names: Mapping[str, Promise]) -> str:
    """Return a flat mapping in a line: "a: 1, b: 2"."""
    words = gettext("%(name)s: %(value)s")
    return listed(words % {"name": names.get(name, name), "value": value} for name, value in values.items())


def worker_tag(worker: WorkerStatus) -> str:
    """Return whether a worker process works, is idle, or has not been heard of while it had something to do."""
    if not worker.activity:
        return tag(gettext("idle"), INFO)
    if is_stale(worker.seen_at):
        return tag(gettext("not seen any more"), DANGER)
    return tag(gettext("working"), SUCCESS)
