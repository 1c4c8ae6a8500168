"""Documents that SQL names by their ids: those of a phrase, and the sets that a condition is made of.

A condition is asked for as sets of documents that are then combined here, and each set by a statement that is put
together once for all values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from operator import and_, or_
from typing import Any, TypeAlias

import numpy as np
from django.db.models import BinaryField, Func, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from collections_app.models import Document, MetadataValue
from collections_app.prepared import Many, Statement
from search_app.filter_shape import shape_of
from search_app.filter_sql import Form, condition_of
from search_app.filters import Condition, Expression, Phrase
from search_app.vector_memory import Ids, Mask

_MOST = 256
Rows: TypeAlias = Callable[[Ids], Mask]


class _DocumentIds(Func):
    """The ids of all rows in one value: fetching a row for each takes five times as long."""

    def as_sqlite(self, compiler: SQLCompiler, connection: object, **extra: object) -> tuple[str, Any]:
        self.output_field = TextField()
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"GROUP_CONCAT({sql})", list(parameters)

    def as_postgresql(self, compiler: SQLCompiler, connection: object, **extra: object) -> tuple[str, list[object]]:
        self.output_field = BinaryField()
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"STRING_AGG(INT8SEND({sql}), '')", list(parameters)


def rows_kept(condition: Condition, rows_of: Rows, *, among: Ids | None = None) -> Mask:
    """Return what `rows_of` makes of the documents that a condition keeps, as SQL has it now.

    With `among`, only these documents are asked about, and the rows of others may come out either way. `rows_of`
    returns a mask of one length, whatever documents it is given.
    """
    shape = shape_of(condition)
    return _sets_of(shape.expression).rows(shape.values, rows_of, among)


def saying(phrase: Phrase, documents: QuerySet[Document]) -> Ids:
    """Return which of `documents` have a phrase."""
    documents = documents.filter(condition_of(phrase, document="pk", form=Form.SET))
    ((found,),) = _named(documents, "pk")
    return _unpacked(found)


@dataclass(frozen=True, eq=False)
class _Set:
    """The documents that have some values of a field."""

    having: QuerySet[MetadataValue, Any]

    @cached_property
    def _whole(self) -> Statement[tuple[Any]]:
        return Statement(self._of(self.having))

    @cached_property
    def _part(self) -> Statement[tuple[Any]]:
        return Statement(self._of(self.having.filter(document__in=Many("documents"))))

    def _of(self, having: QuerySet[MetadataValue, Any]) -> QuerySet[Any, tuple[Any]]:
        if having.query.group_by is None:
            return _named(having, "document")
        return _named(Document.objects.filter(pk__in=having), "pk")

    def rows(self, values: Mapping[str, Any], rows_of: Rows, among: Ids | None) -> Mask:
        if among is None:
            ((found,),) = self._whole.rows(**values)
        else:
            ((found,),) = self._part.rows(documents=among.tolist(), **values)
        return rows_of(_unpacked(found))


@dataclass(frozen=True, slots=True, eq=False)
class _Combined:
    """The documents that are in one of several sets, or in each of them, or all others."""

    parts: tuple["_Combined | _Set", ...]
    is_any: bool
    is_negated: bool

    def rows(self, values: Mapping[str, Any], rows_of: Rows, among: Ids | None) -> Mask:
        parts = [part.rows(values, rows_of, among) for part in self.parts]
        rows = reduce(or_ if self.is_any else and_, parts)
        return ~rows if self.is_negated else rows


@lru_cache(maxsize=_MOST)
def _sets_of(condition: Expression) -> _Combined:
    return _combined(condition_of(condition, document="document", form=Form.SET))


def _combined(condition: Q) -> _Combined:
    parts = tuple(map(_part_of, condition.children))
    return _Combined(parts, is_any=condition.connector == Q.OR, is_negated=condition.negated)


def _part_of(child: object) -> _Combined | _Set:
    match child:
        case Q():
            return _combined(child)
        case (_, QuerySet() as values):
            return _Set(values)
        case _:
            raise TypeError(f"A condition is made of sets of documents, and not of {child!r}.")


def _named(rows: QuerySet[Any, Any], column: str) -> QuerySet[Any, tuple[Any]]:
    return rows.order_by().values_list(_DocumentIds(column))


def _unpacked(found: str | bytes | memoryview | None) -> Ids:
    if not found:
        return np.empty(0, dtype=np.int64)
    if isinstance(found, str):
        return np.fromstring(found, sep=",", dtype=np.int64)
    return np.frombuffer(found, dtype=">i8").astype(np.int64)
