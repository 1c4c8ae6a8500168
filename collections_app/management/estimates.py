"""An estimate in a terminal."""

from collections.abc import Iterator

from collections_app import accounting, services
from collections_app.models import Budget, VectorIndex


def money_words(estimate: services.Estimate) -> str:
    return f"{estimate.money.normalize():f} {estimate.currency}" if estimate.currency else "no money"


def sentences_of(estimate: services.Estimate) -> Iterator[str]:
    """Say what embedding would take, what that is based on, and which budgets have no room for it."""
    about = "" if estimate.is_exact else "about "
    seconds = "an unknown time" if estimate.seconds is None else f"about {services.duration(estimate.seconds)}"
    yield (
        f"{about}{estimate.documents:,} documents, {about}{estimate.passages:,} passages, "
        f"{about}{estimate.tokens_to_embed:,} tokens to embed in {about}{estimate.passages_to_embed:,} passages, "
        f"{about}{estimate.passages_found:,} found already; {about}{money_words(estimate)}; {seconds} of one worker's "
        "time."
    )
    if estimate.timed:
        yield f"The time follows from the speed of embedding {estimate.timed:,} of the passages now."
    elif estimate.tokens_to_embed and estimate.seconds is not None:
        yield "The time follows from how fast this profile embedded lately."
    for standing in estimate.short:
        unit = standing.budget.currency or "tokens"
        room = f"{standing.room_in_unit.normalize():,f} {unit}"
        yield f"The budget “{standing.budget}” has room for {room} only; what is above it waits."


def waiting_for_budgets(index: VectorIndex) -> Iterator[str]:
    """Say which budgets documents of an index wait for, and until when."""
    for standing in accounting.standings(Budget.objects.filter(waiting_entries__index=index).distinct()):
        yield f"{standing.waiting:,} documents wait. {accounting.reason(standing.budget)}"
