"""What embedding took: a page of sums and a chart, and the same as CSV."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from collections_app import accounting
from collections_app.accounting import Total
from collections_app.admin import cells
from collections_app.admin.budget import standings_panel
from collections_app.admin.charts import Chart, Measured, bars
from collections_app.admin.pages import Fact, PageLink, PageParts, Panel, ReadOnlyAdmin
from collections_app.admin.scope import user_of
from collections_app.models import NO_COLLECTION, Budget, Collection, Purpose, Usage, UsageReservation, User

SHOWN_DAYS = 30
# More bars than this cannot be told apart.
MOST_BARS = 92


class PeriodForm(forms.Form):
    """Which usage is shown: from a day to another, of one profile, of one collection."""

    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=UnfoldAdminDateWidget)
    until = forms.DateField(label=gettext_lazy("Until"), required=False, widget=UnfoldAdminDateWidget)
    profile = forms.ChoiceField(label=gettext_lazy("Profile"), required=False, widget=UnfoldAdminSelectWidget)
    collection = forms.ChoiceField(label=gettext_lazy("Collection"), required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, usage: QuerySet[Usage], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("profile", "collection"):
            named = usage.order_by(f"{name}_name").values_list(f"{name}_public_id", f"{name}_name").distinct()
            words = {public_id: text or _("no collection") for public_id, text in named}
            choices = [("", _("all")), *((str(public_id), text) for public_id, text in words.items())]
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and since > until:
            self.add_error("until", _("This day is before the first one. Choose a later one."))
        return data


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    """Sums in place of a list: of the collections that the user may read, and of what is done for none."""

    collection_path = None
    fields = [
        "day", "profile_name", "collection_name", "purpose", "calls", "texts", "found", "characters", "tokens",
        "unconfirmed", "milliseconds", "currency", "cost",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Usage]:
        return visible_to(user_of(request), super().get_queryset(request))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        everything = self.get_queryset(request).order_by()
        form = PeriodForm(_with_default(request), usage=everything)
        chosen = _chosen(everything, form.cleaned_data) if form.is_valid() else everything.none()
        if request.GET.get("format") == "csv":
            return _csv(chosen)
        query = {name: value for name, value in form.data.items() if name in form.fields and value}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Usage"),
            "intro": _("Tokens are as the servers counted them where they do, else as this site does."),
            "form": form,
            "chart": _chart(chosen),
            "parts": PageParts(
                facts=_facts(accounting.totals(chosen)),
                links=[PageLink(_("Download as CSV"), f"?{urlencode({**query, 'format': 'csv'})}", "download")],
                panels=[*_panels(chosen), standings_panel(user_of(request), Budget.objects.all())],
            ),
            "opts": self.opts,
            "media": self.media + form.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "collections_app/admin/usage.html", context)


def visible_to(user: User, usage: QuerySet[Usage]) -> QuerySet[Usage]:
    """Return the usage of collections that `user` may read, and that of none; of deleted ones a superuser sees it."""
    if user.is_superuser:
        return usage
    readable = Collection.objects.readable_by(user).values("public_id")
    return usage.filter(collection_public_id__in=readable) | usage.filter(collection_public_id=NO_COLLECTION)


def _with_default(request: HttpRequest) -> dict[str, Any]:
    """Return what was asked for; without a period, the last days."""
    asked = request.GET.dict()
    if not asked.get("since") and not asked.get("until"):
        asked["since"] = (accounting.today() - timedelta(days=SHOWN_DAYS - 1)).isoformat()
    return asked


def _chosen(usage: QuerySet[Usage], asked: dict[str, Any]) -> QuerySet[Usage]:
    conditions = {
        "day__gte": asked["since"],
        "day__lte": asked["until"],
        "profile_public_id": asked["profile"],
        "collection_public_id": asked["collection"],
    }
    return usage.filter(**{name: value for name, value in conditions.items() if value})


def _facts(sums: Sequence[Total]) -> list[Fact]:
    unconfirmed = sum(total.unconfirmed for total in sums)
    note = _("%s of them unconfirmed: no answer came") % cells.count(unconfirmed) if unconfirmed else ""
    money = [cells.money(total.money, total.currency) for total in sums if total.currency]
    return [
        Fact(_("Tokens"), cells.count(sum(total.tokens for total in sums)), note=note),
        Fact(_("Calls"), cells.count(sum(total.calls for total in sums))),
        Fact(_("Texts embedded"), cells.count(sum(total.texts for total in sums))),
        Fact(_("Found in SQL instead"), cells.count(sum(total.found for total in sums))),
        Fact(_("Time"), cells.seconds(sum(total.seconds for total in sums))),
        Fact(_("Money"), cells.listed(money)),
    ]


def _panels(usage: QuerySet[Usage]) -> Iterator[Panel]:
    by_profile, by_collection = ("profile_public_id", "profile_name"), ("collection_public_id", "collection_name")
    yield _panel(_("By profile"), _("Profile"), accounting.totals(usage, by_profile), _name)
    yield _panel(_("By collection"), _("Collection"), accounting.totals(usage, by_collection), _name)
    yield _panel(_("By purpose"), _("Purpose"), accounting.totals(usage, ["purpose"]), _purpose)
    by_day = accounting.totals(usage, ["day"])
    yield _panel(_("By day"), _("Day"), by_day[::-1], lambda total: str(total.key[0]))


def _panel(title: str, heading: str, sums: Sequence[Total], name: Any) -> Panel:
    return Panel(
        title=title,
        headers=[
            heading, _("Tokens"), _("Calls"), _("Texts embedded"), _("Found in SQL instead"), _("Time"), _("Money"),
        ],
        rows=[
            [
                name(total),
                cells.count(total.tokens),
                cells.count(total.calls),
                cells.count(total.texts),
                cells.count(total.found),
                cells.seconds(total.seconds),
                cells.money(total.money, total.currency) if total.currency else cells.NOTHING,
            ]
            for total in sums
        ],
        empty=_("Nothing was embedded in this time."),
    )  # fmt: skip


def _name(total: Total) -> str:
    return str(total.key[1]) or _("no collection")


def _purpose(total: Total) -> str:
    return str(Purpose(str(total.key[0])).label).capitalize()


def _chart(usage: QuerySet[Usage]) -> Chart | None:
    """Return a bar for each day from the first to the last with any usage, or for each of equally many days."""
    tokens: dict[date, int] = {}
    for total in accounting.totals(usage, ["day"]):
        day = total.key[0]
        if isinstance(day, date):
            tokens[day] = tokens.get(day, 0) + total.tokens
    if not tokens:
        return None
    first, last = min(tokens), max(tokens)
    days = (last - first).days + 1
    each = -(-days // MOST_BARS)
    sums = [0] * -(-days // each)
    for day, number in tokens.items():
        sums[(day - first).days // each] += number
    measured = []
    for place, number in enumerate(sums):
        begins = first + timedelta(days=place * each)
        ends = min(last, begins + timedelta(days=each - 1))
        when = str(begins) if begins == ends else f"{begins} – {ends}"
        label = _("%(when)s: %(tokens)s tokens") % {"when": when, "tokens": cells.count(number)}
        measured.append(Measured(number, label))
    return Chart(_("Tokens by day"), bars(measured, least=SHOWN_DAYS), top=cells.count(max(sums)))


def _csv(usage: QuerySet[Usage]) -> HttpResponse:
    """Return the rows as they are, a line for each day, profile, collection, purpose and currency."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="usage.csv"'
    # Without it, spreadsheets read Chinese names in some other character set.
    response.write("\ufeff")
    writer = csv.writer(response)
    key = ("day", "profile_public_id", "profile_name", "collection_public_id", "collection_name", "purpose")
    amounts = ("tokens", "unconfirmed", "calls", "texts", "found", "characters", "seconds")
    writer.writerow([*key, *amounts, "money", "currency"])
    for total in accounting.totals(usage, key):
        names = [_plain(value) for value in total.key]
        writer.writerow([*names, *(getattr(total, name) for name in amounts), f"{total.money:f}", total.currency])
    return response


def _plain(value: object) -> str:
    """Return a value that a spreadsheet takes for text, although a collection may be called "=1+1"."""
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


@admin.register(UsageReservation)
class UsageReservationAdmin(ReadOnlyAdmin):
    """Calls that are under way, or whose worker died."""

    collection_path = None
    list_display = ["day", "profile_name", "collection_name", "purpose", "tokens", "expires_at"]
    fields = ["day", "profile_name", "collection_name", "purpose", "tokens", "currency", "cost", "expires_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[UsageReservation]:
        rows: QuerySet[UsageReservation] = super().get_queryset(request)
        if user_of(request).is_superuser:
            return rows
        return rows.filter(
            collection_public_id__in=Collection.objects.readable_by(user_of(request)).values("public_id")
        )
