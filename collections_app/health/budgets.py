"""Budgets: whether one keeps something from being embedded."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from collections_app import accounting
from collections_app.health.finding import Finding, ok, warning
from collections_app.models import Budget


def budgets() -> Iterator[Finding]:
    """None is used up, or it is said who waits and until when."""
    reached = list(accounting.standings(Budget.objects.alive().filter(reached_at__isnull=False)))
    for standing in reached:
        yield warning(
            accounting.reason(standing.budget) + " " + _("%s documents wait.") % standing.waiting,
            _("Raise it in the admin, under Budgets, or wait; what is in SQL already goes on, and so does search."),
        )
    if not reached:
        yield ok(_("%(count)d are set and none is used up.") % {"count": Budget.objects.alive().count()})
