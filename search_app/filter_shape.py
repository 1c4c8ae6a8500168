"""A filter without its values: what a statement is put together from, once for whatever the values are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from collections_app.metadata import FieldType
from collections_app.models import MetadataValue
from collections_app.prepared import Operand
from search_app.filter_sql import asks_for_part, lowered
from search_app.filters import And, Condition, Expression, Not, Or


@dataclass(frozen=True, slots=True)
class Shape:
    """An expression with Operands in place of values, and the value of each by name.

    Two filters that differ in nothing but values have equal expressions.
    """

    expression: Expression
    values: Mapping[str, Any]


def shape_of(expression: Expression) -> Shape:
    """Return the shape of an expression. Phrases stay as they are, and whether a field has values at all."""
    values: dict[str, Any] = {}
    return Shape(_shaped(expression, values), values)


def _shaped(expression: Expression, values: dict[str, Any]) -> Expression:
    match expression:
        case Condition(_, operator) if operator != "exists":
            return _with_places(expression, values)
        case And(parts):
            return And(tuple(_shaped(part, values) for part in parts))
        case Or(parts):
            return Or(tuple(_shaped(part, values) for part in parts))
        case Not(part):
            return Not(_shaped(part, values))
        case _:
            return expression


def _with_places(condition: Condition, values: dict[str, Any]) -> Condition:
    # Equal values have one place: how many there are, `all` has to know.
    places: dict[Any, Operand] = {}
    for value in condition.values:
        if value not in places:
            places[value] = _place(len(values), condition.field.type)
            values[places[value].name] = lowered(value) if asks_for_part(condition) else value
    return replace(condition, values=tuple(places[value] for value in condition.values))


@lru_cache(maxsize=1024)
def _place(number: int, kind: FieldType) -> Operand:
    """Return one and the same each time: what tells two of them apart takes longer to work out than all the rest."""
    column: Any = MetadataValue._meta.get_field(kind.value)
    return Operand(f"operand_{number}", column)
