"""Filter expression -> the vector store port's `where`, exactly or not at all.

What it keeps is what SQL keeps, provided that the store's records are those of the documents' present metadata: whoever
asks a store so still has SQL check the answer, and adds the documents whose records are behind.

Not translated, because the records do not say it: a part of a text, a phrase, an order among the values of a list,
whether a list has a value at all. A store may refuse more, see `VectorStore.can_filter`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from collections_app.metadata import FieldSpec, FieldType
from collections_app.projection import storable
from collections_app.vectorstores import And as StoreAnd
from collections_app.vectorstores import Comparison, Operator, Where
from collections_app.vectorstores import Not as StoreNot
from collections_app.vectorstores import Or as StoreOr
from search_app.filters import And, Condition, Expression, Not, Or, Phrase

# Records hold moments as seconds in floats. Up to here, in 2106 and back to 1833, these tell microseconds apart.
_EXACT_SECONDS = 2**32


class _Untranslatable(Exception):
    """The port has no expression that keeps the same records."""


def where_of(expression: Expression) -> Where | None:
    """Return the expression that keeps the same documents' records.

    None where there is none, and where nothing has to be asked because every document is kept, or no document.
    """
    try:
        where = _where(expression)
    except _Untranslatable:
        return None
    return None if isinstance(where, bool) else where


def _where(expression: Expression) -> Where | bool:
    """Return the port's expression, True for what every record meets, False for what none does."""
    match expression:
        case Condition():
            return _comparison(expression.field, expression.operator, expression.values)
        case And(parts):
            return _joined([_where(part) for part in parts], StoreAnd, neutral=True)
        case Or(parts):
            return _joined([_where(part) for part in parts], StoreOr, neutral=False)
        case Not(part):
            where = _where(part)
            return not where if isinstance(where, bool) else StoreNot(where)
        case Phrase():
            raise _Untranslatable


def _joined(parts: list[Where | bool], join: type[StoreAnd] | type[StoreOr], *, neutral: bool) -> Where | bool:
    if any(part is (not neutral) for part in parts):
        return not neutral
    clauses = tuple(part for part in parts if not isinstance(part, bool))
    return neutral if not clauses else clauses[0] if len(clauses) == 1 else join(clauses)


def _comparison(field: FieldSpec, operator: str, values: tuple[Any, ...]) -> Where:
    if operator == "exists":
        return _existing(field) if values[0] else StoreNot(_existing(field))
    stored = [_stored(value) for value in values]
    if field.is_list:
        return _of_a_list(field, operator, stored)
    match operator:
        case "in" | "nin":
            return Comparison(field.name, Operator(operator), tuple(stored))
        case "between":
            ends = zip((Operator.GTE, Operator.LTE), stored, strict=True)
            return StoreAnd(tuple(Comparison(field.name, end, value) for end, value in ends))
        case "contains":
            raise _Untranslatable
        case _:
            return Comparison(field.name, Operator(operator), stored[0])


def _of_a_list(field: FieldSpec, operator: str, stored: list[Any]) -> Where:
    having = [Comparison(field.name, Operator.CONTAINS, value) for value in stored]
    match operator:
        case "eq" | "in" | "any" | "contains":
            return _one_or(StoreOr, having)
        case "all":
            return _one_or(StoreAnd, having)
        case _:
            raise _Untranslatable


def _existing(field: FieldSpec) -> Where:
    """Return what every record with a value meets: a value is on one side of any other, or is it."""
    if field.is_list:
        raise _Untranslatable
    match field.type:
        case FieldType.BOOLEAN:
            return Comparison(field.name, Operator.IN, (True, False))
        case FieldType.TEXT:
            return Comparison(field.name, Operator.GTE, "")
        case _:
            sides = (Operator.GTE, Operator.LT)
            return StoreOr(tuple(Comparison(field.name, side, 0) for side in sides))


def _one_or(join: type[StoreAnd] | type[StoreOr], clauses: Iterable[Where]) -> Where:
    first, *others = clauses
    return join((first, *others)) if others else first


def _stored(value: Any) -> Any:
    if isinstance(value, datetime) and abs(value.timestamp()) > _EXACT_SECONDS:
        raise _Untranslatable
    return storable(value)
