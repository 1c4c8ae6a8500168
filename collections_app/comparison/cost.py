from collections_app import accounting
from collections_app.models import EmbeddingProfile


def cost_of(profile: EmbeddingProfile, tokens: int) -> float | None:
    """Return what so many tokens cost in the profile's currency, as a number of JSON; None where it has no price."""
    return float(accounting.in_currency(accounting.cost_of(tokens, profile.price))) if profile.price else None
