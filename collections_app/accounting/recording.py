"""Adding to the usage of a day: one statement for a call, however many texts it embedded."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from uuid import UUID

from django.utils import timezone

from collections_app.adding import add_to_row
from collections_app.models import NO_COLLECTION, Collection, EmbeddingProfile, Purpose, Usage
from collections_app.postponed import Postponed


@dataclass(frozen=True, slots=True, order=True)
class Payer:
    """Whose usage it is on which day: a row of Usage, without what was used."""

    day: date
    profile_public_id: UUID
    profile_name: str
    collection_public_id: UUID
    collection_name: str
    purpose: str
    currency: str


@dataclass(slots=True)
class Amounts:
    """What was used. `cost` is in billionths of the currency, `unconfirmed` a part of `tokens`."""

    calls: int = 0
    texts: int = 0
    found: int = 0
    characters: int = 0
    tokens: int = 0
    cost: int = 0
    milliseconds: int = 0
    unconfirmed: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(**{name: getattr(self, name) + getattr(other, name) for name in _AMOUNTS})


_AMOUNTS = tuple(field.name for field in fields(Amounts))
# A name may have changed since the row was begun.
_NAMES = ("profile_name", "collection_name")
_KEY = tuple(field.name for field in fields(Payer) if field.name not in _NAMES)


def today() -> date:
    """Return the date in the site's own time zone, in which budgets and reports have their days."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def payer_of(profile: EmbeddingProfile, collection: Collection | None, purpose: Purpose) -> Payer:
    return Payer(
        day=today(),
        profile_public_id=profile.public_id,
        profile_name=profile.name,
        collection_public_id=collection.public_id if collection else NO_COLLECTION,
        collection_name=collection.name if collection else "",
        purpose=purpose.value,
        currency=profile.currency if profile.price else "",
    )


def add(payer: Payer, amounts: Amounts) -> None:
    """Add to the usage of a day, in one statement that is atomic by itself. May be part of the caller's transaction."""
    add_to_row(
        Usage,
        {name: getattr(payer, name) for name in _KEY},
        {name: getattr(amounts, name) for name in _AMOUNTS},
        latest={name: getattr(payer, name) for name in _NAMES},
    )


def _add_all(waiting: Mapping[Payer, Amounts]) -> None:
    # In order, as all who write several rows do.
    for payer in sorted(waiting):
        add(payer, waiting[payer])


_later: Postponed[Payer, Amounts] = Postponed("usage", _add_all)


def add_later(payer: Payer, amounts: Amounts) -> None:
    """Add to the usage of a day within a few seconds, without a statement of the caller's."""
    _later.add(payer, amounts)
