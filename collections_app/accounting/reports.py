"""Sums of usage: for pages, commands and estimates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from collections_app.accounting.money import in_currency
from collections_app.accounting.recording import today
from collections_app.models import EmbeddingProfile, Purpose, Usage

# What a profile does now is told by what it did lately.
LATELY = timedelta(days=30)
# Below, chance decides.
FEWEST_TOKENS = 1000
AMOUNTS = ("calls", "texts", "found", "characters", "tokens", "cost", "milliseconds", "unconfirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What was used by all that has the same `key`. `money` is in `currency`, "" where nothing was charged."""

    key: tuple[object, ...]
    currency: str
    calls: int
    texts: int
    found: int
    characters: int
    tokens: int
    unconfirmed: int
    seconds: float
    money: Decimal


def totals(usage: "QuerySet[Usage]", by: Sequence[str] = ()) -> list[Total]:
    """Return sums of `usage` for each value of the columns `by`, in their order, and each currency apart."""
    grouped = usage.order_by(*by, "currency").values(*by, "currency").annotate(**{name: Sum(name) for name in AMOUNTS})
    return [
        Total(
            key=tuple(row[name] for name in by),
            currency=row["currency"],
            seconds=row["milliseconds"] / 1000,
            money=in_currency(row["cost"]),
            **{name: row[name] for name in AMOUNTS if name not in {"cost", "milliseconds"}},
        )
        for row in grouped
    ]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a profile embedded passages lately: seconds for a token, and tokens for a character."""

    seconds_per_token: float
    tokens_per_character: float


def pace_of(profile: EmbeddingProfile) -> Pace | None:
    """Return the measured pace of a profile, None where it has hardly embedded anything lately."""
    lately = Usage.objects.filter(
        profile_public_id=profile.public_id, purpose=Purpose.PASSAGE, day__gte=today() - LATELY
    )
    sums = lately.aggregate(**{name: Sum(name, default=0) for name in ("tokens", "milliseconds", "characters")})
    if sums["tokens"] < FEWEST_TOKENS or not sums["characters"]:
        return None
    return Pace(sums["milliseconds"] / 1000 / sums["tokens"], sums["tokens"] / sums["characters"])
