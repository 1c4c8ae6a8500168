"""What embedding has taken, and how much it may take."""

import uuid
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.formats import number_format
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from collections_app.models.base import PublicModel
from collections_app.models.collection import Collection
from collections_app.models.embedding import CURRENCY, EmbeddingProfile

# In place of the public id of a collection, for what is done for none.
NO_COLLECTION = uuid.UUID(int=0)
# Entries that are let go in one transaction.
_AT_ONCE = 5000


class Purpose(models.TextChoices):
    PASSAGE = "p", _("passages")
    QUERY = "q", _("questions")
    UPKEEP = "u", _("checks and calibration")


class _Charged(models.Model):
    """To whom usage is charged. Public ids and names, no foreign keys: it outlives profiles and collections."""

    day = models.DateField(_("day"))
    profile_public_id = models.UUIDField(_("embedding profile"))
    profile_name = models.CharField(_("name of the profile"), max_length=100)
    collection_public_id = models.UUIDField(_("collection"), default=NO_COLLECTION)
    collection_name = models.CharField(_("name of the collection"), max_length=200, blank=True)
    purpose = models.CharField(_("for"), max_length=1, choices=Purpose.choices)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    tokens = models.BigIntegerField(_("tokens"), default=0)
    # Billionths of the currency, by the price of the moment.
    cost = models.BigIntegerField(_("cost"), default=0)

    class Meta:
        abstract = True


class Usage(_Charged):
    """What one profile took on one day for one collection and purpose. Rows are only ever added to."""

    calls = models.BigIntegerField(_("calls"), default=0)
    # Embedded, and found in SQL instead.
    texts = models.BigIntegerField(_("texts"), default=0)
    found = models.BigIntegerField(_("found in SQL"), default=0)
    characters = models.BigIntegerField(_("characters"), default=0)
    milliseconds = models.BigIntegerField(_("milliseconds"), default=0)
    # Those of `tokens` whose call nobody saw end: the worker died, or the server fell silent.
    unconfirmed = models.BigIntegerField(_("unconfirmed tokens"), default=0)

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        ordering = ["-day", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "profile_public_id", "collection_public_id", "purpose", "currency"],
                name="usage_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["profile_public_id", "day"], name="usage_profile"),
            models.Index(fields=["collection_public_id", "day"], name="usage_collection"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.profile_name} {self.collection_name}"


class UsageReservation(_Charged):
    """What a call that is under way may take. It counts like usage until the call is settled.

    The call of a worker that died is booked as usage when it expires: its server may have worked it.
    """

    token = models.UUIDField(_("reservation"), default=uuid.uuid4, unique=True, editable=False)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        indexes = [models.Index(fields=["expires_at"], name="reservation_expires")]

    def __str__(self) -> str:
        return str(self.token)


class BudgetPeriod(models.TextChoices):
    DAY = "day", _("a day")
    MONTH = "month", _("a month")
    TOTAL = "total", _("in all")


class BudgetUnit(models.TextChoices):
    TOKENS = "tokens", _("tokens")
    MONEY = "money", _("money")


class BudgetQuerySet(models.QuerySet["Budget"]):
    def alive(self) -> "BudgetQuerySet":
        """Return those that are for something that is still there."""
        return self.filter(Q(collection=None) | Q(collection__deleted_at=None))

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete budgets; what waited for them goes on."""
        for budget in self:
            budget.let_go()
        return super().delete()


class Budget(PublicModel):
    """The most that a profile, a collection, or a profile for a collection may take in a period.

    Where several budgets apply to a call, all of them hold.
    """

    profile = models.ForeignKey(
        EmbeddingProfile,
        verbose_name=_("embedding profile"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="budgets",
        help_text=_("Leave empty for all profiles of the collection."),
    )
    collection = models.ForeignKey(
        Collection,
        verbose_name=_("collection"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="budgets",
        help_text=_("Leave empty for all that the profile embeds."),
    )
    period = models.CharField(_("period"), max_length=5, choices=BudgetPeriod.choices, default=BudgetPeriod.MONTH)
    unit = models.CharField(_("unit"), max_length=6, choices=BudgetUnit.choices, default=BudgetUnit.TOKENS)
    amount = models.DecimalField(
        _("amount"), max_digits=18, decimal_places=6, validators=[MinValueValidator(Decimal(0))]
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True, validators=[CURRENCY])
    # Since when it keeps something from being embedded, and the least that it had no room for: tokens, or billionths of
    # the currency.
    reached_at = models.DateTimeField(_("reached"), null=True, editable=False)
    needed = models.BigIntegerField(_("lacking"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(profile__isnull=False) | Q(collection__isnull=False),
                name="budget_of_something",
                violation_error_message=_("Choose a profile, a collection, or both: a budget is for something."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.of_what()}: {self.in_words()}"

    def clean(self) -> None:
        """Refuse what could never hold or never be reached; take the currency of the profile where none is given."""
        if self.unit == BudgetUnit.TOKENS:
            self.currency = ""
            return
        if self.profile and not self.profile.price:
            text = gettext("The profile has no price, so it never costs money. Give it one, or set a budget in tokens.")
            raise ValidationError({"unit": text})
        if self.profile:
            self.currency = self.currency or self.profile.currency
        if not self.currency:
            raise ValidationError({"currency": gettext("Name the currency of the money, such as USD or CNY.")})
        if self.profile and self.currency != self.profile.currency:
            text = gettext("The profile is paid in %(currency)s; a budget in another currency would never be reached.")
            raise ValidationError({"currency": text % {"currency": self.profile.currency}})

    def of_what(self) -> str:
        """Return the names of what it is for."""
        return " / ".join(str(part) for part in (self.profile, self.collection) if part)

    def in_words(self) -> str:
        """Return the amount and the period: "5 USD a month"."""
        amount = number_format(self.amount.normalize(), force_grouping=True, use_l10n=True)
        unit = self.currency if self.unit == BudgetUnit.MONEY else pgettext("unit", "tokens")
        words = gettext("%(amount)s %(unit)s %(period)s")
        return words % {"amount": amount, "unit": unit, "period": self.get_period_display()}

    def let_go(self) -> None:
        """Have the documents that wait for this budget tried again at once, and count it as not used up."""
        Budget.objects.filter(pk=self.pk).update(reached_at=None, needed=None)
        while True:
            with transaction.atomic():
                waiting = self.waiting_entries.order_by("pk").select_for_update(no_key=True)
                if not (ids := list(waiting.values_list("pk", flat=True)[:_AT_ONCE])):
                    return
                self.waiting_entries.filter(pk__in=ids).update(budget=None, next_attempt_at=Now())

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        return Budget.objects.filter(pk=self.pk).delete()
