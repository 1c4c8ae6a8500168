"""What changed in an index, told in the transaction that changes it to whoever keeps some of the index in memory.

A reader notes a `Position` before it reads rows, and later asks for what came `since`. It is then told of every
transaction whose changes its rows may lack, and maybe of some again that they have. That holds because:

- The row is written by the very transaction that makes chunks live, retires them or changes metadata. A statement
  sees both or neither.
- On SQLite writers come one after the other, so ids tell the order of commits: what a reader did not see has a higher
  id than what it saw.
- On PostgreSQL ids become visible in any order. So each row has the number of its transaction, and a position has the
  lowest number that was still running in the reader's snapshot (`pg_snapshot_xmin`). What the snapshot did not see was
  running then or began later: its number is not below. Nobody waits for anybody; a counter in a row of the index would
  have made its writers wait for each other until their commits, in an order that `locks` does not know.
- A row stays for RETENTION after the sweeper, a reader too, has seen it. A position older than OLDEST_POSITION is not
  answered, so what it has not seen is still there.
- The last row that a position has seen must still be there with the same random number. In a database that was put
  back it is not, even where ids and numbers of transactions have caught up.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BigIntegerField,
    DateTimeField,
    Expression,
    ExpressionWrapper,
    Field,
    FloatField,
    Max,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler
from numpy.typing import NDArray

from collections_app.models import IndexChange
from collections_app.prepared import Parameter, prepared

RETENTION = timedelta(hours=2)
OLDEST_POSITION = RETENTION / 2
# Who missed more transactions than that reads everything anew instead.
MOST_ROWS = 2000
_PRUNED_AT_ONCE = 5000

Ids = NDArray[np.int64]
_NO_IDS: Ids = np.empty(0, dtype=np.int64)


class _Said(Expression):
    """What only the database itself can say, in the words of each vendor."""

    def __init__(self, output_field: "Field[Any, Any]", **words: str) -> None:
        super().__init__(output_field=output_field)
        self._words = words

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return self._words[connection.vendor], ()


# The number of the transaction, and the lowest one that is still running in a statement's snapshot; 0 on SQLite.
_THIS_TRANSACTION = _Said(BigIntegerField(), postgresql="pg_current_xact_id()::text::bigint", sqlite="0")
_OLDEST_RUNNING = _Said(
    BigIntegerField(), postgresql="pg_snapshot_xmin(pg_current_snapshot())::text::bigint", sqlite="0"
)
_SECONDS = _Said(
    FloatField(),
    postgresql="extract(epoch FROM statement_timestamp())::float8",
    sqlite="(julianday('now') - 2440587.5) * 86400.0",
)


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a reader has seen the changes of an index: all transactions below `horizon` on PostgreSQL.

    `last` and `nonce` are the last row's, None if there was none; `noted_at` is the database's time in seconds; `seen`
    are rows that were seen and will be read again.
    """

    last: int | None = None
    nonce: int = 0
    horizon: int = 0
    noted_at: float = 0.0
    seen: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Changes:
    """What came since a position, each id once at most in each column, and the position that follows.

    `is_any` where there was a transaction at all, perhaps one that only noted words.
    """

    position: Position
    is_any: bool = False
    live: Ids = field(default_factory=lambda: _NO_IDS)
    retired: Ids = field(default_factory=lambda: _NO_IDS)
    documents: Ids = field(default_factory=lambda: _NO_IDS)


def note(
    index_id: int, *, live: Iterable[int] = (), retired: Iterable[int] = (), documents: Iterable[int] = ()
) -> None:
    """Note what this transaction makes live, retires, or gives other metadata. Part of that transaction."""
    columns = {"live": _packed(live), "retired": _packed(retired), "documents": _packed(documents)}
    if any(columns.values()):
        _write(index_id, **columns)


def note_words(index_id: int) -> None:
    """Note that this transaction writes other words of passages that are and stay live. Part of that transaction."""
    _write(index_id, live=b"", retired=b"", documents=b"")


def _write(index_id: int, **columns: bytes) -> None:
    IndexChange.objects.bulk_create(
        [IndexChange(index_id=index_id, transaction=_THIS_TRANSACTION, nonce=secrets.randbits(63), **columns)]
    )


def position(index_id: int) -> Position:
    """Return where the changes of an index are now. What is read after this lacks nothing but what comes `since`."""
    rows = prepared(
        lambda: (
            IndexChange.objects.filter(index=Parameter("index"))
            .order_by("-pk")
            .values_list("pk", "nonce", _OLDEST_RUNNING, _SECONDS)[:1]
        )
    ).rows(index=index_id)
    return Position(*rows[0]) if rows else Position()


def since(index_id: int, position: Position) -> Changes | None:
    """Return what came since `position`; None where that cannot be said, and everything must be read anew."""
    if position.last is None:
        # Without a row to begin at, rows that were pruned could not be told from rows that never were.
        is_any = IndexChange.objects.filter(index=index_id).exists()
        return None if is_any else Changes(position)
    read = _after(index_id, position)
    if len(read) > MOST_ROWS or (position.last, position.nonce) not in {row[:2] for row in read}:
        return None
    pk, nonce, horizon, now = read[-1][:4]
    if now - position.noted_at > OLDEST_POSITION.total_seconds():
        return None
    last = Position(pk, nonce, horizon, now, frozenset(row[0] for row in read))
    fresh = [row for row in read if row[0] not in position.seen and row[0] != position.last]
    return Changes(last, bool(fresh), *(_unpacked(row[column] for row in fresh) for column in (4, 5, 6)))


def _after(index_id: int, position: Position) -> "list[tuple[Any, ...]]":
    """Return the last row that a position has seen, what it may lack, and the moment of that, up to MOST_ROWS + 1."""
    most, is_ordered = MOST_ROWS + 1, connection.vendor == "sqlite"

    def wanted() -> "QuerySet[IndexChange, tuple[Any, ...]]":
        last = Parameter("last")
        after = Q(pk__gte=last) if is_ordered else Q(pk=last) | Q(transaction__gte=Parameter("horizon"))
        columns = ("pk", "nonce", _OLDEST_RUNNING, _SECONDS, "live", "retired", "documents")
        rows = IndexChange.objects.filter(after, index=Parameter("index")).order_by("pk")
        return rows.values_list(*columns)[:most]

    statement = prepared(wanted, most, is_ordered)
    return statement.rows(index=index_id, last=position.last, horizon=position.horizon)


def prune() -> int:
    """Remove rows that everybody has had time to see, the last one of each index aside; return how many.

    They are marked first: one that was written by a long transaction is old when it becomes visible.
    """
    newest = IndexChange.objects.order_by().values("index").annotate(last=Max("pk")).values("last")
    old = IndexChange.objects.filter(seen_at__lt=ExpressionWrapper(Now() - Value(RETENTION), DateTimeField())).exclude(
        pk__in=newest
    )
    gone = IndexChange.objects.filter(pk__in=list(old.order_by("pk").values_list("pk", flat=True)[:_PRUNED_AT_ONCE]))
    removed = gone._raw_delete(gone.db) or 0
    IndexChange.objects.filter(seen_at=None).update(seen_at=Now())
    return removed


def _packed(ids: Iterable[int]) -> bytes:
    return np.fromiter(ids, dtype="<i8").tobytes()


def _unpacked(columns: Iterable[bytes | memoryview]) -> Ids:
    joined = b"".join(bytes(column) for column in columns)
    return np.unique(np.frombuffer(joined, dtype="<i8")) if joined else _NO_IDS
