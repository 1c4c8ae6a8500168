"""Budgets: set, watched, raised."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from unfold.decorators import display

from collections_app import accounting
from collections_app.accounting import Standing
from collections_app.admin import cells
from collections_app.admin.pages import Fact, Panel, SiteAdmin, trail_of
from collections_app.admin.scope import user_of
from collections_app.models import AccessLevel, Budget, Collection, User
from collections_app.models.usage import BudgetQuerySet
from collections_app.trail import record


@admin.register(Budget)
class BudgetAdmin(SiteAdmin):
    """Those of collections follow the collections' permissions, those of a profile the model permissions alone."""

    collection_path = None
    list_display = ["of", "amount_words", "used", "state", "waiting", "resumes"]
    list_select_related = ["profile", "collection"]
    list_filter = ["period", "unit"]
    fields = ["profile", "collection", "period", "unit", "amount", "currency"]

    # --- who may ---

    def get_queryset(self, request: HttpRequest) -> BudgetQuerySet:
        rows: BudgetQuerySet = super().get_queryset(request)  # type: ignore[assignment]
        return visible_to(user_of(request), rows)

    def may_write(self, request: HttpRequest, obj: Any) -> bool:
        user = user_of(request)
        if obj is None or obj.collection_id is None or user.is_superuser:
            return True
        return Collection.objects.writable_by(user, AccessLevel.MANAGE).filter(pk=obj.collection_id).exists()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "collection":
            kwargs["queryset"] = Collection.objects.writable_by(user_of(request), AccessLevel.MANAGE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # --- list ---

    @display(description=gettext_lazy("budget of"))
    def of(self, obj: Budget) -> str:
        return obj.of_what()

    @display(description=gettext_lazy("amount"), ordering="amount")
    def amount_words(self, obj: Budget) -> str:
        return obj.in_words()

    @display(description=gettext_lazy("used"))
    def used(self, obj: Budget) -> str:
        return used_bar(_standing(obj))

    @display(description=gettext_lazy("state"), ordering="reached_at")
    def state(self, obj: Budget) -> str:
        return state_tag(obj)

    @display(description=gettext_lazy("documents that wait"))
    def waiting(self, obj: Budget) -> str:
        return cells.count(_standing(obj).waiting)

    @display(description=gettext_lazy("next period"))
    def resumes(self, obj: Budget) -> str:
        return cells.moment(_standing(obj).until)

    # --- page ---

    def facts(self, request: HttpRequest, obj: Budget) -> list[Fact]:
        standing = _standing(obj)
        return [
            Fact(_("State"), state_tag(obj), note=accounting.reason(obj) if standing.is_reached else ""),
            Fact(_("Used"), used_bar(standing)),
            Fact(_("Documents that wait"), cells.count(standing.waiting)),
            Fact(_("Next period"), cells.moment(standing.until)),
        ]

    def panels(self, request: HttpRequest, obj: Budget) -> list[Panel]:
        return [trail_of(obj)]

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # Raised or lowered, of something else or for another time: who waits finds out what there is room for now.
        obj.let_go()
        fields = ", ".join(form.changed_data)
        record(user_of(request), "changed" if change else "created", obj, **({"fields": fields} if change else {}))

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        record(user_of(request), "deleted", obj)
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        for budget in queryset:
            self.delete_model(request, budget)


def visible_to(user: User, budgets: BudgetQuerySet) -> BudgetQuerySet:
    """Return the budgets of profiles, and those of collections that `user` may read."""
    if user.is_superuser:
        return budgets.alive()
    return budgets.filter(Q(collection=None) | Q(collection__in=Collection.objects.readable_by(user)))


def _standing(budget: Budget) -> Standing:
    (standing,) = accounting.standings(Budget.objects.filter(pk=budget.pk))
    return standing


def state_tag(budget: Budget) -> str:
    if budget.reached_at is None:
        return cells.tag(_("has room"), cells.SUCCESS)
    return cells.tag(_("used up"), cells.WARNING)


def used_bar(standing: Standing) -> str:
    """Return a bar of what is used, with the numbers beneath."""
    unit = standing.budget.currency or pgettext("unit", "tokens")
    words = _("%(spent)s of %(limit)s %(unit)s") % {
        "spent": cells.amount(standing.spent_in_unit),
        "limit": cells.amount(standing.limit_in_unit),
        "unit": unit,
    }
    return format_html(
        '<div class="vs-progress"><div class="vs-bar" role="img" aria-label="{}"><span class="{}" style="width: {}%">'
        '</span></div><div class="vs-bar-numbers"><span>{}</span></div></div>',
        words,
        "vs-bar-pending" if standing.is_reached else "vs-bar-indexed",
        round(min(1.0, standing.share) * 100),
        words,
    )


def warnings(user: User) -> list[str]:
    """Return a sentence for each budget that keeps something from being embedded."""
    return [
        format_html(
            "{} {} {}",
            accounting.reason(standing.budget),
            _("%s documents wait.") % cells.count(standing.waiting),
            cells.link(cells.change_url(standing.budget), _("Raise it")),
        )
        for standing in accounting.standings(visible_to(user, Budget.objects.filter(reached_at__isnull=False)))
    ]


def standings_panel(user: User, budgets: BudgetQuerySet) -> Panel:
    """Return a table of how budgets stand."""
    return Panel(
        title=_("Budgets"),
        headers=[_("Budget of"), _("Amount"), _("Used"), _("State"), _("Documents that wait"), _("Next period")],
        rows=[
            [
                cells.object_link(standing.budget, standing.budget.of_what()),
                standing.budget.in_words(),
                used_bar(standing),
                state_tag(standing.budget),
                cells.count(standing.waiting),
                cells.moment(standing.until),
            ]
            for standing in accounting.standings(visible_to(user, budgets))
        ],
        empty=_("None is set: nothing keeps anything from being embedded."),
    )
