"""What a profile's tokens cost. The one place that knows where a profile keeps its price."""

from collections_app.models import EmbeddingProfile

_MILLION = 1_000_000


def price_of(profile: EmbeddingProfile) -> float | None:
    """Return the price of a million tokens, None where none is known."""
    price = getattr(profile, "price", None)
    return None if price is None else float(price)


def currency_of(profile: EmbeddingProfile) -> str:
    return str(getattr(profile, "currency", ""))


def cost_of(profile: EmbeddingProfile, tokens: int) -> float | None:
    """Return what so many tokens cost, in `currency_of`; None where no price is known."""
    price = price_of(profile)
    return None if price is None else price * tokens / _MILLION
