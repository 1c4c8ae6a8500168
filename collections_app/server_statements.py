"""Statements that a PostgreSQL server keeps, parsed and planned, for a connection that asks them again and again.

Planning what a search asks takes PostgreSQL twice as long as answering it. The driver's own way names a statement by a
number that counts within a connection, and is off in Django for a reason: behind a pooler that hands a server on from
client to client, the number may be another client's statement. Here the name is made of the text: one that is known
stands for this statement and no other, and one that is not is an error before anything was read.

Only outside of transactions, where such an error costs nothing: the statement is then asked in full. After a few such
errors this process has servers keep no more of them.
"""

import hashlib
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

# Stands in a statement's parameters where a value of each execution goes.
PLACE = object()

# A statement is kept when a connection asks it for the third time: most filters are asked once.
_ASKED_BEFORE = 2
# How many the server keeps for a connection, some ten kilobytes each, and of how many it is known how often they came.
_MOST_KEPT, _MOST_COUNTED = 100, 1000
# How long a plan is kept, in seconds: one that was made while tables were small reads all of them when they have grown.
# A statement that was kept for long before gets a plan for as long again: the table has hardly doubled then. PostgreSQL
# itself plans anew when tables are analysed. Each plan is dear: the first five executions are planned for themselves.
_LASTS, _LASTS_AT_MOST = 30.0, 600.0
# After so many surprises nothing is kept any more.
_MOST_SURPRISES = 3
# There is a statement of the name already, which then is this one; there is none; its tables are others than they were.
_THERE, _NOT_AS_LEFT = "42P05", frozenset({"26000", "0A000"})


class ServerStatement:
    """A statement that is executed by name: `sql` takes the values of its places."""

    def __init__(self, sql: str, parameters: Sequence[Any], connection: BaseDatabaseWrapper) -> None:
        """Write the statement down; of the `parameters` of `sql`, those that are PLACE stay open."""
        places, open_ = 0, iter(parameters)

        def placed(found: re.Match[str]) -> str:
            nonlocal places
            if found[0] == "%%" or next(open_) is not PLACE:
                return found[0]
            places += 1
            return f"${places}"

        with_places = re.sub("%[%s]", placed, sql)
        operations: Any = connection.ops
        self.text: str = operations.compose_sql(with_places, [each for each in parameters if each is not PLACE])
        self.name = "vectorsite_" + hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()
        self.sql = f"EXECUTE {self.name}" + (f" ({', '.join(['%s'] * places)})" if places else "")


@dataclass(frozen=True, slots=True)
class _Age:
    """Since when a statement has been kept, and planned as it is now."""

    kept_since: float
    planned_at: float

    @property
    def lasts(self) -> float:
        return min(_LASTS_AT_MOST, max(_LASTS, self.planned_at - self.kept_since))


class _Kept:
    """What the server keeps for one connection since when, and how often others were asked; the last is at the end."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, int] = OrderedDict()
        self._names: OrderedDict[str, _Age] = OrderedDict()

    def has(self, statement: ServerStatement, connection: BaseDatabaseWrapper) -> bool:
        """Count a use, and have the server keep a statement that is used often; return whether it does."""
        name, age = statement.name, None
        if name in self._names:
            self._names.move_to_end(name)
            age = self._names[name]
            if time.monotonic() < age.planned_at + age.lasts:
                return True
            self._forget(name, connection)
        elif not self._is_frequent(name):
            return False
        elif len(self._names) == _MOST_KEPT:
            self._forget(next(iter(self._names)), connection)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"PREPARE {name} AS {statement.text}")
        except DatabaseError as error:
            if _state_of(error) != _THERE:
                raise
        now = time.monotonic()
        self._names[name] = _Age(age.kept_since if age else now, now)
        return True

    def _is_frequent(self, name: str) -> bool:
        before = self._asked.pop(name, 0)
        if before >= _ASKED_BEFORE:
            return True
        self._asked[name] = before + 1
        if len(self._asked) > _MOST_COUNTED:
            self._asked.popitem(last=False)
        return False

    def _forget(self, name: str, connection: BaseDatabaseWrapper) -> None:
        del self._names[name]
        with connection.cursor() as cursor:
            cursor.execute(f"DEALLOCATE {name}")


class _Servers:
    """What is kept for every connection of this process, until too much of it was not there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_connection: WeakKeyDictionary[Any, _Kept] = WeakKeyDictionary()
        self._surprises = 0

    @property
    def are_trusted(self) -> bool:
        return self._surprises < _MOST_SURPRISES

    def kept_for(self, connection: BaseDatabaseWrapper) -> _Kept:
        # As a cursor would, but before it is looked up what is kept: of a connection that was lost it is not.
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        with self._lock:
            kept = self._by_connection.get(connection.connection)
            if kept is None:
                kept = self._by_connection[connection.connection] = _Kept()
            return kept

    def note_surprise(self, connection: BaseDatabaseWrapper) -> None:
        """Forget what was kept for a connection."""
        with self._lock:
            self._surprises += 1
            self._by_connection.pop(connection.connection, None)


_servers = _Servers()


def can_keep(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a statement asked now may be one that the server keeps."""
    if connection.vendor != "postgresql" or not _servers.are_trusted or connection.in_atomic_block:
        return False
    # With values bound by the server, what a statement says cannot be told before.
    return connection.get_autocommit() and not connection.settings_dict["OPTIONS"].get("server_side_binding")


def is_kept(statement: ServerStatement, connection: BaseDatabaseWrapper) -> bool:
    """Return whether to ask for it by its name; it may come to be kept now. Raises DatabaseError, see `gave_up`."""
    return _servers.kept_for(connection).has(statement, connection)


def gave_up(error: DatabaseError, connection: BaseDatabaseWrapper) -> bool:
    """Return whether an error says that the server has not what it was to keep, and the statement is to ask in full."""
    if _state_of(error) not in _NOT_AS_LEFT:
        return False
    _servers.note_surprise(connection)
    if not _servers.are_trusted:
        logger.warning(
            "PostgreSQL does not have the statements that it was to keep (%s): there is a pooler between, or tables "
            "were altered. Answers stay right; each statement is planned anew until this process is started again.",
            error,
        )
    return True


def _state_of(error: DatabaseError) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
