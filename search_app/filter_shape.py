"""A filter without its values: what a statement is put together from, once for whatever the values are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from collections_app.metadata import FieldType
from collections_app.models import MetadataValue
from collections_app.prepared import Operand
from search_app.filter_fields import with_conditions
from search_app.filter_sql import asks_for_part, lowered
from search_app.filters import Condition, Expression


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

    def with_places(condition: Condition) -> Condition:
        if condition.operator == "exists":
            return condition
        places: list[Operand] = []
        for value in _values_to_place(condition):
            place = _place(len(values), condition.field.type)
            values[place.name] = lowered(value) if asks_for_part(condition) else value
            places.append(place)
        return replace(condition, values=tuple(places))

    return Shape(with_conditions(expression, with_places), values)


def _values_to_place(condition: Condition) -> list[Any]:
    """Return the values that need places, the last one of a list so often that lists of most lengths have few shapes.

    Only `all` has to know how many different ones there are.
    """
    match condition.operator:
        case "in" | "nin" | "any":
            distinct = list(dict.fromkeys(condition.values))
            return distinct + distinct[-1:] * ((1 << (len(distinct) - 1).bit_length()) - len(distinct))
        case "all":
            return list(dict.fromkeys(condition.values))
        case _:
            return list(condition.values)


@cache
def _place(number: int, kind: FieldType) -> Operand:
    """Return one and the same each time, so that shapes can be compared. A filter has 25,000 values at most."""
    column: Any = MetadataValue._meta.get_field(kind.value)
    return Operand(f"operand_{number}", column)
