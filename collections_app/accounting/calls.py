"""Calls of an embedder, charged to whom they are for: reserved before where it matters, settled after.

What becomes of a reservation, and so of money, in each case:

- the call ends well: what the server says it took, else our own count, takes the reservation's place, in the
  transaction that keeps the vectors;
- it fails: what its requests took takes the place. One that the server refused took nothing; one that fell silent, or
  had an answer of no use, may have been worked and counts in full, as unconfirmed;
- the worker dies: the reservation goes on counting, and is booked in full as unconfirmed when it has expired;
- the worker was only slow, and settles what was booked already: the booking is corrected.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from collections_app.accounting.budgets import (
    amount_of,
    applying,
    fitting,
    note_reached,
    reason,
    resumes_at,
    room_in,
)
from collections_app.accounting.money import cost_of
from collections_app.accounting.recording import Amounts, Payer, add, add_later, payer_of
from collections_app.embeddings import Embedder
from collections_app.embeddings.metering import Meter, metered
from collections_app.exceptions import BudgetUsedUp
from collections_app.ledger import in_future
from collections_app.models import Budget, Collection, EmbeddingProfile, Purpose, UsageReservation

# Longer than any call with all its retries lasts.
RESERVED_FOR = timedelta(minutes=15)


class Account:
    """Whom calls are charged to: what `profile` embeds for `collection` and `purpose`."""

    def __init__(self, profile: EmbeddingProfile, collection: Collection | None, purpose: Purpose) -> None:
        self.profile = profile
        self._collection = collection
        self._purpose = purpose

    @property
    def payer(self) -> Payer:
        return payer_of(self.profile, self._collection, self._purpose)

    def note_found(self, texts: int) -> None:
        """Count texts that were found in SQL and cost nothing."""
        if texts:
            add(self.payer, Amounts(found=texts))

    def reserve(self, embedder: Embedder, texts: Sequence[str], *, whole: bool = False) -> "Call":
        """Return the call that embeds as many of the first `texts` as the budgets have room for, or all if `whole`.

        Where nothing can be spent this costs one read. Raises BudgetUsedUp without room for the first of them.
        """
        has_budgets = bool(applying(self.profile, self._collection))
        if not has_budgets and not self.profile.price:
            return Call(self, list(texts), reservation=None)
        counts = embedder.count_tokens(texts)
        reservation: UsageReservation | None = None
        fit, full = len(texts), None
        with transaction.atomic():
            if has_budgets:
                # Whoever else reserves of one of them waits here, so that no two see the same room.
                for budget in _locked(applying(self.profile, self._collection)):
                    allowed = fitting(budget, counts, self.profile)
                    if allowed < fit:
                        fit, full = allowed, budget
            if fit and (fit == len(texts) or not whole):
                reservation = self._keep(sum(counts[:fit]))
        if reservation is None and full is not None:
            if not whole:
                note_reached(full, amount_of(full, counts[0], self.profile))
            raise BudgetUsedUp(reason(full), budget_id=full.pk, until=resumes_at(full))
        return Call(self, list(texts[:fit]), reservation=reservation)

    def has_room(self, embedder: Embedder, texts: Sequence[str]) -> bool:
        """Return whether all budgets have room for `texts` now, without reserving it: for what is small."""
        budgets = applying(self.profile, self._collection)
        if not budgets:
            return True
        tokens = sum(embedder.count_tokens(texts))
        return all(amount_of(budget, tokens, self.profile) <= room_in(budget) for budget in budgets)

    def _keep(self, tokens: int) -> UsageReservation:
        payer = self.payer
        return UsageReservation.objects.create(
            **{name: getattr(payer, name) for name in Payer.__slots__},
            tokens=tokens,
            cost=cost_of(tokens, self.profile.price),
            expires_at=in_future(RESERVED_FOR),
        )

    def note(self, meter: Meter, texts: Sequence[str]) -> None:
        """Count what was embedded already, `texts`, as `meter` says."""
        call = Call(self, list(texts), reservation=None)
        call.meter = meter
        call.settle()

    @contextmanager
    def charged(self, texts: Sequence[str], *, later: bool = False) -> Iterator[None]:
        """Charge what is embedded within, `texts`, without asking whether there is room for it.

        `later`: within seconds, by another thread, so that this one need not write.
        """
        call = Call(self, list(texts), reservation=None, later=later)
        with call:
            yield
        call.settle()


def _locked(budgets: Sequence[Budget]) -> list[Budget]:
    rows = Budget.objects.filter(pk__in=[budget.pk for budget in budgets]).order_by("pk")
    return list(rows.select_for_update(no_key=True))


class Call:
    """One call for `texts`: made within it as a context, and settled when its vectors are kept.

    One that raises is settled at once, with what its requests took.
    """

    def __init__(
        self, account: Account, texts: list[str], *, reservation: UsageReservation | None, later: bool = False
    ) -> None:
        self.texts = texts
        self._account = account
        self._payer = account.payer
        self._reservation = reservation
        self._add = add_later if later else add
        self._metering = metered()
        self.meter = Meter()
        self._began = 0.0
        self._milliseconds = 0

    def __enter__(self) -> "Call":
        self.meter = self._metering.__enter__()
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._milliseconds = round((time.perf_counter() - self._began) * 1000)
        self._metering.__exit__(None, None, None)
        if error is not None:
            self._settle(Amounts())

    def settle(self, *, found: int = 0) -> None:
        """Count the call and its texts, and beside them `found` that were in SQL. Part of the caller's transaction."""
        characters = sum(map(len, self.texts))
        self._settle(Amounts(texts=len(self.texts), found=found, characters=characters))

    def _settle(self, amounts: Amounts) -> None:
        amounts += Amounts(
            calls=self.meter.calls,
            tokens=self.meter.tokens,
            cost=cost_of(self.meter.tokens, self._account.profile.price),
            milliseconds=self._milliseconds,
            unconfirmed=self.meter.unconfirmed,
        )
        if self._reservation is None:
            self._add(self._payer, amounts)
            return
        with transaction.atomic():
            kept = UsageReservation.objects.filter(token=self._reservation.token)
            if not kept._raw_delete(kept.db):
                amounts += _taken_back(self._reservation)
            add(self._payer, amounts)


def _booked(reservation: UsageReservation) -> Amounts:
    return Amounts(calls=1, tokens=reservation.tokens, cost=reservation.cost, unconfirmed=reservation.tokens)


def _taken_back(reservation: UsageReservation) -> Amounts:
    booked = _booked(reservation)
    return Amounts(calls=-booked.calls, tokens=-booked.tokens, cost=-booked.cost, unconfirmed=-booked.unconfirmed)


def book_expired() -> int:
    """Count the calls of workers that died as if they had been worked; return how many."""
    expired = list(UsageReservation.objects.filter(expires_at__lt=Now()).order_by("pk")[:1000])
    for reservation in expired:
        with transaction.atomic():
            kept = UsageReservation.objects.filter(pk=reservation.pk)
            if kept._raw_delete(kept.db):
                payer = Payer(**{name: getattr(reservation, name) for name in Payer.__slots__})
                add(payer, _booked(reservation))
    return len(expired)
