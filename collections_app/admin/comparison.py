"""Comparisons of embedding profiles: asked for with figures of what they take, followed, and kept."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from collections_app import comparison, tasks
from collections_app.admin import cells
from collections_app.admin.filters import CollectionFilter
from collections_app.admin.form_page import form_page, require, see_other
from collections_app.admin.pages import Fact, Panel, SiteAdmin
from collections_app.admin.scope import user_of
from collections_app.comparison import ProfileEstimate, ProfileFigures, Report
from collections_app.exceptions import VectorsiteError
from collections_app.forms.comparison import ComparisonForm
from collections_app.models import AccessLevel, EmbeddingProfile, ProfileComparison
from collections_app.reasons import explained, in_readers_language


@admin.register(ProfileComparison)
class ProfileComparisonAdmin(SiteAdmin):
    write_level = AccessLevel.MANAGE
    list_display = ["when", "collection", "profiles", "by_what", "best", "state"]
    list_select_related = ["collection"]
    list_filter = [("collection", CollectionFilter)]
    actions = ["stop"]
    object_actions = ["stop"]
    fields = [
        "collection", "sample", "depth", "questions_name", "asked_by", "created_at", "started_at", "finished_at",
    ]  # fmt: skip

    def can_act(self, obj: ProfileComparison, action: str) -> bool:
        return action != "stop" or obj.finished_at is None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProfileComparison]:
        rows: QuerySet[ProfileComparison] = super().get_queryset(request).filter(collection__deleted_at=None)
        return rows.defer("questions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    # --- list ---

    @display(description=gettext_lazy("when"), ordering="id")
    def when(self, obj: ProfileComparison) -> str:
        return cells.moment(obj.created_at)

    @display(description=gettext_lazy("embedding profiles"))
    def profiles(self, obj: ProfileComparison) -> str:
        return cells.listed(_names(obj))

    @display(description=gettext_lazy("compared by"))
    def by_what(self, obj: ProfileComparison) -> str:
        return obj.questions_name or _("sentences out of passages")

    @display(description=gettext_lazy("best nDCG@10"))
    def best(self, obj: ProfileComparison) -> str:
        ranked = (
            [(one.ndcg, one.profile) for one in _report(obj).profiles if one.ndcg is not None] if obj.report else []
        )
        return f"{max(ranked)[1]} ({_share(max(ranked)[0])})" if ranked else cells.NOTHING

    @display(description=gettext_lazy("state"))
    def state(self, obj: ProfileComparison) -> str:
        if obj.error:
            return cells.tag(_("not compared"), cells.DANGER, title=in_readers_language(obj.error))
        if obj.finished_at:
            return cells.tag(_("compared"), cells.SUCCESS)
        return cells.tag(_("being compared") if obj.started_at else _("waiting for a worker"), cells.WARNING)

    # --- page ---

    def facts(self, request: HttpRequest, obj: ProfileComparison) -> list[Fact]:
        facts = [
            Fact(_("State"), self.state(obj), note=cells.reason(obj.error) if obj.error else ""),
            Fact(_("Collection"), str(obj.collection), cells.change_url(obj.collection)),
        ]
        if obj.finished_at is None:
            words = _("%(done)s of %(total)s") % {"done": cells.count(obj.done), "total": cells.count(obj.total)}
            return [*facts, Fact(_("Passages, for each profile"), words, note=cells.listed(_names(obj)))]
        if not obj.report:
            return facts
        report = _report(obj)
        note = ""
        if report.unknown_keys:
            note = _("%(keys)s judged documents are not there (%(named)s); %(questions)s questions are left out") % {
                "keys": cells.count(report.unknown_keys),
                "named": cells.listed(report.unknown),
                "questions": cells.count(report.left_out),
            }
        return [
            *facts,
            Fact(_("Documents"), cells.count(report.documents)),
            Fact(_("Passages"), cells.count(report.passages)),
            Fact(
                _("Judged questions") if report.is_judged else _("Sentences asked as questions"),
                cells.count(report.questions),
                note=note,
            ),
        ]

    def panels(self, request: HttpRequest, obj: ProfileComparison) -> list[Panel]:
        return _panels(_report(obj)) if obj.report else []

    def is_settling(self, obj: ProfileComparison) -> bool:
        return obj.finished_at is None

    # --- asking ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Say what a comparison would take, then have a worker make it."""
        require(self.has_add_permission(request))
        form = ComparisonForm(
            request.POST or None,
            request.FILES or None,
            user=user_of(request),
            initial={"collection": request.GET.get("collection"), "depth": 10},
        )
        facts: list[Fact] = []
        if request.method == "POST" and form.is_valid() and form.wish:
            try:
                if form.is_settled:
                    asked = comparison.ask(form.wish, user=user_of(request))
                    tasks.ring_comparison_after_commit(asked.pk)
                    self.message_user(request, _("A worker compares them; the result will be here."), messages.SUCCESS)
                    return see_other(cells.change_url(asked))
                facts = [_estimate_fact(one) for one in comparison.estimate(form.wish)]
            except VectorsiteError as error:
                form.add_error(None, explained(error))
            else:
                form.keep()
        return form_page(
            request, self, form=form, title=_("Compare embedding profiles"), facts=facts,
            submit=_("Compare them") if facts else _("Estimate"),
            intro=_(
                "Each profile embeds the same passages and the same questions. What it embeds is kept, so that neither "
                "another comparison nor an index built from it within a day embeds it again."
            ),
        )  # fmt: skip

    @admin.action(description=gettext_lazy("Stop"), permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[ProfileComparison]) -> None:
        reason = _("Stopped by %(user)s.") % {"user": request.user}
        for asked in self.writable(request, queryset):
            if comparison.stop(asked, reason=reason):
                self.message_user(request, _("It is stopped. What was embedded is kept."), messages.SUCCESS)
            else:
                self.message_user(request, _("It had ended already."), messages.INFO)


def _report(obj: ProfileComparison) -> Report:
    return Report.from_json(obj.report)


def _names(obj: ProfileComparison) -> list[str]:
    """Return the profiles' names: as they were once it has ended, else as they are."""
    if obj.report:
        return [one.profile for one in _report(obj).profiles]
    known = dict(EmbeddingProfile.objects.filter(public_id__in=obj.profile_ids).values_list("public_id", "name"))
    names = {str(public_id): name for public_id, name in known.items()}
    return [names.get(public_id, _("a deleted profile")) for public_id in obj.profile_ids]


def _estimate_fact(one: ProfileEstimate) -> Fact:
    about = "" if one.is_exact else "≈ "
    where = _("sent to its server") if one.asks_server else _("embedded on this machine")
    value = _("%(tokens)s tokens") % {"tokens": about + cells.count(one.tokens_to_embed)}
    texts = _("%(count)s texts") % {"count": about + cells.count(one.texts_to_embed)}
    cost = [about + _money(one.cost, one.currency)] if one.cost is not None else []
    return Fact(one.profile, value, note=cells.listed([texts, where, *cost]))


def _panels(report: Report) -> list[Panel]:
    at = {"k": report.depth}
    found = [one for one in report.profiles if not one.error]
    failed = [one for one in report.profiles if one.error]
    panels = [
        _table(
            _("How well they find"),
            found,
            [
                (_("Ranking, nDCG@10"), lambda one: _share(one.ndcg)),
                (_("Less the best"), _difference),
                (_("MRR@10"), lambda one: _share(one.mrr)),
                (_("Hit rate@%(k)d") % at, lambda one: _share(one.hit_rate)),
                (_("Recall@%(k)d") % at, lambda one: _share(one.recall)),
            ],
            note=_("A difference comes with its interval of 95 percent confidence; one that holds 0 may be chance.")
            if report.is_judged
            else _(
                "Sentences are taken out of passages and asked as questions; the figures are of finding the rest. A "
                "difference comes with its interval of 95 percent confidence; one that holds 0 may be chance."
            ),
        ),
        _table(
            _("What they take"),
            found,
            [
                (_("Milliseconds a question"), lambda one: _number(one.ms_per_query)),
                (_("Passages a second"), lambda one: _number(one.passages_per_second)),
                (_("Tokens of all passages"), lambda one: cells.count(one.tokens)),
                (_("Cost of all passages"), lambda one: _money(one.cost, one.currency)),
                (_("Bytes a passage"), lambda one: cells.count(one.bytes_per_passage)),
                (_("Vectors of all passages"), lambda one: cells.size(one.bytes)),
                (_("Longer than it reads"), lambda one: cells.count(one.too_long)),
                (_("Refused by it"), lambda one: cells.count(one.refused)),
                (_("Tokens embedded for this"), lambda one: cells.count(one.embedded_tokens)),
                (_("Seconds of that"), lambda one: _number(one.seconds)),
            ],
        ),
    ]
    if report.agreements:
        panels.append(
            Panel(
                title=_("How much they agree"),
                headers=[_("Profile"), _("Other profile"), _("Overlap@%(k)d") % at, _("Rank-biased overlap")],
                rows=[
                    [one.one, one.other, _share(one.overlap), _share(one.rank_biased_overlap)]
                    for one in report.agreements
                ],
            )
        )
    if failed:
        panels.append(
            Panel(
                title=_("What could not be compared"),
                headers=[_("Profile"), _("Why")],
                rows=[[one.profile, cells.reason(one.error)] for one in failed],
            )
        )
    return panels


def _table(
    title: str,
    figures: Sequence[ProfileFigures],
    columns: Sequence[tuple[str, Callable[[ProfileFigures], Any]]],
    *,
    note: str = "",
) -> Panel:
    return Panel(
        title=title,
        headers=[_("Profile"), *(label for label, _cell in columns)],
        rows=[[one.profile, *(cell(one) for _label, cell in columns)] for one in figures],
        note=note,
    )


def _difference(one: ProfileFigures) -> str:
    if one.difference is None or (one.difference == 0 and not one.interval):
        return cells.NOTHING
    return f"{one.difference:+.3f}" + (f" ± {one.interval:.3f}" if one.interval is not None else "")


def _share(value: float | None) -> str:
    return cells.NOTHING if value is None else f"{value:.3f}"


def _number(value: float | None) -> str:
    return cells.NOTHING if value is None else number_format(value, 1)


def _money(value: float | None, currency: str) -> str:
    return cells.NOTHING if value is None else f"{currency} {number_format(value, 4)}".strip()
