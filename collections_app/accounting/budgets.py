"""Budgets: what they have room for, who waits for one that is used up, and when that goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate

from django.db.models import BigIntegerField, Func, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from collections_app.accounting.money import BILLION, cost_of, in_currency
from collections_app.accounting.recording import today
from collections_app.models import (
    Budget,
    BudgetPeriod,
    BudgetUnit,
    Collection,
    EmbeddingProfile,
    IndexEntry,
    Usage,
    UsageReservation,
)
from collections_app.prepared import Parameter, prepared


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands: what it allows and what is spent and reserved of it in this period, in its own unit:
    tokens, or billionths of its currency.

    `waiting` are the documents that wait for it, in how many pieces of work; `until` is when its next period begins.
    """

    budget: Budget
    limit: int
    spent: int
    waiting: int
    until: datetime | None

    @property
    def is_reached(self) -> bool:
        return self.budget.reached_at is not None

    @property
    def room(self) -> int:
        return self.limit - self.spent

    @property
    def limit_in_unit(self) -> Decimal:
        """What the budget allows: tokens, or money of its currency."""
        return self._in_unit(self.limit)

    @property
    def spent_in_unit(self) -> Decimal:
        return self._in_unit(self.spent)

    @property
    def room_in_unit(self) -> Decimal:
        return self._in_unit(self.room)

    def _in_unit(self, amount: int) -> Decimal:
        return in_currency(amount) if self.budget.unit == BudgetUnit.MONEY else Decimal(amount)

    @property
    def share(self) -> float:
        """The part that is spent; above 1 where calls took more than they were expected to."""
        return self.spent / self.limit if self.limit else 1.0


def applying(profile: EmbeddingProfile, collection: Collection | None) -> list[Budget]:
    """Return the budgets that what `profile` embeds for `collection` is charged to, in the order of their locks."""
    statement = prepared(
        lambda: Budget.objects.filter(
            Q(profile=None) | Q(profile=Parameter("profile")),
            Q(collection=None) | Q(collection=Parameter("collection")),
        ).order_by("pk")
    )
    return statement.rows(profile=profile.pk, collection=collection.pk if collection else 0)


def room_in(budget: Budget) -> int:
    """Return what is neither spent nor reserved of a budget in this period, in its own unit; below 0 if overspent."""
    return limit_of(budget) - _spent(budget)


def fitting(budget: Budget, counts: Sequence[int], profile: EmbeddingProfile) -> int:
    """Return how many of the first texts, of so many tokens each, a budget has room for."""
    room = room_in(budget)
    return sum(1 for tokens in accumulate(counts) if amount_of(budget, tokens, profile) <= room)


def amount_of(budget: Budget, tokens: int, profile: EmbeddingProfile) -> int:
    """Return what so many tokens of a profile take of a budget, in its own unit: of another currency nothing."""
    if budget.unit == BudgetUnit.TOKENS:
        return tokens
    return cost_of(tokens, profile.price) if budget.currency == profile.currency else 0


def limit_of(budget: Budget) -> int:
    scale = BILLION if budget.unit == BudgetUnit.MONEY else 1
    return int(budget.amount * scale)


def _spent(budget: Budget) -> int:
    """Return what is spent or reserved, read in one statement: of two, the first could come before a call is settled
    and the second after it, and neither would see it.
    """
    used, reserved = (
        Subquery(_charged(rows, budget).order_by().annotate(total=_sum(budget)).values("total"))
        for rows in (Usage.objects.all(), UsageReservation.objects.all())
    )
    found = Budget.objects.filter(pk=budget.pk).values_list(Coalesce(used, 0), Coalesce(reserved, 0)).first()
    return int(sum(found)) if found else 0


def _sum(budget: Budget) -> Func:
    """Return the sum over all rows. `Sum` would group them by their keys in a subquery."""
    column = "cost" if budget.unit == BudgetUnit.MONEY else "tokens"
    return Func(column, function="SUM", output_field=BigIntegerField())


def _charged(rows: "QuerySet[Usage] | QuerySet[UsageReservation]", budget: Budget) -> "QuerySet[Usage]":
    start = _period(budget, today())[0]
    if start is not None:
        rows = rows.filter(day__gte=start)
    if budget.profile_id:
        profile = EmbeddingProfile.objects.filter(pk=budget.profile_id).values("public_id")[:1]
        rows = rows.filter(profile_public_id=profile)
    if budget.collection_id:
        collection = Collection.objects.filter(pk=budget.collection_id).values("public_id")[:1]
        rows = rows.filter(collection_public_id=collection)
    if budget.unit == BudgetUnit.MONEY:
        rows = rows.filter(currency=budget.currency)
    return rows  # type: ignore[return-value]


def _period(budget: Budget, day: date) -> tuple[date | None, date | None]:
    """Return the first day of a budget's period, and of the next one."""
    match budget.period:
        case BudgetPeriod.DAY:
            return day, day + timedelta(days=1)
        case BudgetPeriod.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)
        case _:
            return None, None


def resumes_at(budget: Budget) -> datetime | None:
    """Return when the next period begins, None if there is none."""
    following = _period(budget, today())[1]
    return (
        timezone.make_aware(datetime.combine(following, time()), timezone.get_default_timezone()) if following else None
    )


# --- used up ------------------------------------------------------------------------------------------------------


def note_reached(budget: Budget, needed: int) -> None:
    """Note that a budget had no room for `needed`, in its own unit: there has to be as much before it goes on."""
    Budget.objects.filter(Q(needed=None) | Q(needed__gt=needed) | Q(reached_at=None), pk=budget.pk).update(
        reached_at=Now(), needed=needed
    )


def reason(budget: Budget) -> str:
    """Say that a budget is used up, when it goes on by itself and what else helps."""
    until = resumes_at(budget)
    if until is None:
        return _("The budget “%(budget)s” is used up. It goes on when the budget is raised.") % {"budget": budget}
    when = timezone.localtime(until, timezone.get_default_timezone())
    words = _(
        "The budget “%(budget)s” is used up. It goes on by itself on %(day)s, or at once when the budget is raised."
    )
    return words % {"budget": budget, "day": when.date().isoformat()}


def reconsider() -> int:
    """Let those go on who wait for a budget that has room again: raised, in a new period, or given back what was
    reserved; return how many budgets that were.
    """
    resumed = 0
    for budget in Budget.objects.filter(reached_at__isnull=False):
        if room_in(budget) >= (budget.needed or 0):
            budget.let_go()
            resumed += 1
    return resumed


def standings(budgets: "QuerySet[Budget]") -> Iterator[Standing]:
    """Return how budgets stand now."""
    for budget in budgets.select_related("profile", "collection"):
        yield Standing(
            budget=budget,
            limit=limit_of(budget),
            spent=_spent(budget),
            waiting=IndexEntry.objects.filter(budget=budget).count(),
            until=resumes_at(budget),
        )
