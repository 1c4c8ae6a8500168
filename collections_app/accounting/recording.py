"""Adding to the usage of a day: one statement for a call, however many texts it embedded."""

import atexit
import logging
import os
import threading
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from django.utils import timezone

from collections_app.models import NO_COLLECTION, Collection, EmbeddingProfile, Purpose, Usage

logger = logging.getLogger(__name__)


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

    def __iadd__(self, other: "Amounts") -> "Amounts":
        for name in _AMOUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


_AMOUNTS = tuple(field.name for field in fields(Amounts))
_PAYER = tuple(field.name for field in fields(Payer))
_FIELDS = {field.name: field for field in Usage._meta.concrete_fields}
# A name may have changed since the row was begun.
_NAMES = ("profile_name", "collection_name")


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
    columns = (*_PAYER, *_AMOUNTS)
    values = [
        _FIELDS[name].get_db_prep_save(getattr(source, name), connection)
        for source, names in ((payer, _PAYER), (amounts, _AMOUNTS))
        for name in names
    ]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor, columns), values)


@cache
def _statement(vendor: str, columns: tuple[str, ...]) -> str:
    quoted = {name: connection.ops.quote_name(name) for name in columns}
    table = connection.ops.quote_name(Usage._meta.db_table)
    key = ", ".join(quoted[name] for name in _PAYER if name not in _NAMES)
    sums = [f"{quoted[name]} = {table}.{quoted[name]} + excluded.{quoted[name]}" for name in _AMOUNTS]
    names = [f"{quoted[name]} = excluded.{quoted[name]}" for name in _NAMES]
    return (
        f"INSERT INTO {table} ({', '.join(quoted.values())}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608 - nothing in it comes from outside
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(names + sums)}"
    )


class _Later:
    """What questions took, added up in this process and written by a thread every few seconds.

    A search writes nothing: on SQLite it would wait for whoever writes. What a process has not written when it is
    killed is lost, a few seconds of questions.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Payer, Amounts] = {}
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()

    def add(self, payer: Payer, amounts: Amounts) -> None:
        with self._lock:
            self._merge(payer, amounts)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_for_ever, name="usage", daemon=True)
                self._thread.start()
            self._woken.set()

    def flush(self) -> None:
        """Write what waits, and keep what the database did not take."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            with transaction.atomic():
                # In order, as all who write several rows do.
                for payer in sorted(waiting):
                    add(payer, waiting[payer])
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The usage of %d kinds of questions waits to be written: %s", len(waiting), error)
            with self._lock:
                for payer, amounts in waiting.items():
                    self._merge(payer, amounts)

    def _merge(self, payer: Payer, amounts: Amounts) -> None:
        known = self._waiting.setdefault(payer, Amounts())
        known += amounts

    def _write_for_ever(self) -> None:
        stop = threading.Event()
        while True:
            self._woken.wait()
            stop.wait(settings.USAGE_FLUSH_SECONDS)
            self._woken.clear()
            self.flush()
            connections.close_all()
            if self._waiting:
                self._woken.set()


_later = _Later()


def add_later(payer: Payer, amounts: Amounts) -> None:
    """Add to the usage of a day within a few seconds, without a statement of the caller's."""
    if settings.USAGE_FLUSH_SECONDS:
        _later.add(payer, amounts)
    else:
        add(payer, amounts)


def flush() -> None:
    """Write what this process has not written yet."""
    _later.flush()


def _start_anew_after_fork() -> None:
    global _later  # noqa: PLW0603 - one for the process
    _later = _Later()


os.register_at_fork(after_in_child=_start_anew_after_fork)
atexit.register(flush)
