"""Statements that are put together once and executed with other values each time.

The ORM takes longer to write a statement than SQLite or PostgreSQL takes to answer it: a search of a dozen of them
spent nine tenths of its time writing. Here a queryset is compiled when it is first asked for, with places for values:

    prepared(lambda: Chunk.objects.filter(index=Parameter("index"), document__in=Many("documents")).values_list("pk"))
    .rows(index=7, documents=[1, 2, 3])

It stays an ordinary queryset, its rows are what it would yield, and each execution asks the database anew. PostgreSQL
keeps the plans of those that come often, see `server_statements`.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any, Generic, Self, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, ForeignKey, QuerySet
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.lookups import In
from django.db.models.query import ValuesListIterable
from django.db.models.sql.compiler import SQLCompiler

from collections_app import server_statements
from collections_app.server_statements import PLACE, ServerStatement

Row = TypeVar("Row")
# Statements that are remembered.
_MOST = 512


class Parameter(Expression):
    """The place of a value in a condition."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return "%s", [self]

    def resolve_expression(self, *_args: Any, **_options: Any) -> Self:
        # There is nothing to resolve, and a filter may have thousands: a copy of each for each query takes long.
        return self

    def bound(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return what the driver is given for `value`."""
        return value


class Operand(Parameter):
    """The place of a value that is compared with a column: of whatever type the column has. Equal to itself alone."""

    def __init__(self, name: str, column: "Field[Any, Any]") -> None:
        super().__init__(name)
        self.column = column

    # Expressions compare what they were made of, which takes Django long to say.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def bound(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        return self.column.get_db_prep_value(value, connection)


class Many(Parameter):
    """The place of any number of integers, after `__in`; they are one value of the statement, so it stays the same."""

    of: Callable[[Any], Any] = int
    postgresql_type = "bigint"

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return "(SELECT value FROM json_each(%s))", [self]

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return f"(%s::{self.postgresql_type}[])", [self]

    def bound(self, value: Iterable[Any], connection: BaseDatabaseWrapper) -> Any:
        given = [self.of(each) for each in value]
        return json.dumps(given) if connection.vendor == "sqlite" else given


class ManyTexts(Many):
    """The place of any number of texts, after `__in`."""

    of = str
    postgresql_type = "text"


class _InMany(In):
    """`__in` that on PostgreSQL compares with the elements of an array.

    It sees how many there are and takes the index. Of a subquery it knows no size: to find two passages it read a whole
    collection, as long as the tables had not been analysed.
    """

    def get_rhs_op(self, connection: BaseDatabaseWrapper, rhs: str) -> str:
        if isinstance(self.rhs, Many) and connection.vendor == "postgresql":
            return f"= ANY {rhs}"
        return str(super().get_rhs_op(connection, rhs))


class _RelatedInMany(_InMany, RelatedIn):
    """The same for what a foreign key refers to."""


Field.register_lookup(_InMany)
ForeignKey.register_lookup(_RelatedInMany)


class Statement(Generic[Row]):
    """A compiled queryset. Any number of threads may execute it at once."""

    def __init__(self, queryset: "QuerySet[Any, Row]") -> None:
        self._queryset: Any = queryset
        compiler: Any = queryset.query.get_compiler(queryset.db)
        self._sql: str | None = None
        self._parameters: tuple[Any, ...] = ()
        self._server_statement: ServerStatement | None = None
        try:
            self._sql, self._parameters = compiler.as_sql()
        except EmptyResultSet:
            # Whatever the values are, there are no rows.
            return
        # How columns become values, which the ORM would work out for each execution.
        columns = [selected[0] for selected in compiler.select[: compiler.col_count]]
        self._converters: dict[int, Any] = compiler.get_converters(columns)
        is_tuple = queryset._iterable_class is ValuesListIterable and not compiler.has_composite_fields(columns)
        self._is_as_fetched = is_tuple and not self._converters
        # Of the thread that happened to compile it; kept here, it would stay open when that thread has ended.
        compiler.connection = None
        self._compiler = compiler

    def rows(self, **values: Any) -> list[Row]:
        """Execute the statement; each Parameter gets the value of its name. Raises KeyError for one without."""
        if self._sql is None:
            return []
        connection = connections[self._queryset.db]
        given = [
            each.bound(values[each.name], connection) if isinstance(each, Parameter) else each
            for each in self._parameters
        ]
        if server_statements.can_keep(connection):
            kept = self._on_server(connection)
            try:
                if server_statements.is_kept(kept, connection):
                    pairs = zip(self._parameters, given, strict=True)
                    return self._execute(kept.sql, [value for each, value in pairs if isinstance(each, Parameter)])
            except DatabaseError as error:
                if not server_statements.gave_up(error, connection):
                    raise
        return self._execute(self._sql, given)

    def _on_server(self, connection: BaseDatabaseWrapper) -> ServerStatement:
        if self._server_statement is None:
            parameters = [PLACE if isinstance(each, Parameter) else each for each in self._parameters]
            self._server_statement = ServerStatement(str(self._sql), parameters, connection)
        return self._server_statement

    def _execute(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        of, connection = self._queryset, connections[self._queryset.db]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            fetched: list[Any] = cursor.fetchall()
        if self._compiler.has_extra_select:
            # Columns that only the order needs.
            fetched = [row[: self._compiler.col_count] for row in fetched]
        if self._is_as_fetched:
            return fetched
        # The queryset's own way of making rows, with a compiler that has them already.
        compiler = copy(self._compiler)
        compiler.connection = connection
        compiler.execute_sql = lambda *_args, **_options: [fetched]
        compiler.get_converters = lambda _columns: self._converters
        query = of.query
        source = SimpleNamespace(
            db=of.db,
            model=of.model,
            _fields=of._fields,
            _hints=of._hints,
            _known_related_objects=of._known_related_objects,
            query=SimpleNamespace(
                get_compiler=lambda *_args, **_options: compiler,
                extra_select=query.extra_select,
                values_select=query.values_select,
                annotation_select=query.annotation_select,
            ),
        )
        return list(of._iterable_class(source))


class _Statements:
    """The statements that were used last in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Statement[Any]] = OrderedDict()

    def get(self, key: Hashable) -> Statement[Any] | None:
        with self._lock:
            statement = self._known.get(key)
            if statement is not None:
                self._known.move_to_end(key)
            return statement

    def put(self, key: Hashable, statement: Statement[Any]) -> None:
        with self._lock:
            self._known[key] = statement
            while len(self._known) > _MOST:
                self._known.popitem(last=False)


_statements = _Statements()


def prepared(build: "Callable[[], QuerySet[Any, Row]]", *key: Hashable) -> Statement[Row]:
    """Return the statement of the queryset that `build` returns, which is called when it is asked for the first time.

    A statement is known by the code of `build` and by `key`, which has to tell apart whatever else decides the
    queryset: what it does not name must be a Parameter. The same values of other types need keys of their own.
    """
    known_by = (build.__module__, build.__qualname__, build.__code__, *key)
    statement = _statements.get(known_by)
    if statement is None:
        statement = Statement(build())
        _statements.put(known_by, statement)
    return statement
