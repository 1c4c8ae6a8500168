"""The parts that filters are made of, and the fields that they ask about. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from search_app.filters import And, Condition, Expression, Not, Or, Phrase


def leaves(expression: Expression) -> Iterator[Condition | Phrase]:
    """Yield the conditions and phrases of an expression, from left to right."""
    match expression:
        case Condition() | Phrase():
            yield expression
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)


def with_conditions(expression: Expression, change: Callable[[Condition], Condition]) -> Expression:
    """Return an expression with each condition, from left to right, changed; all else stays."""
    match expression:
        case Condition():
            return change(expression)
        case And(parts):
            return And(tuple(with_conditions(part, change) for part in parts))
        case Or(parts):
            return Or(tuple(with_conditions(part, change) for part in parts))
        case Not(part):
            return Not(with_conditions(part, change))
        case Phrase():
            return expression


def names_in(expression: Expression) -> frozenset[str]:
    """Return the names of the fields that an expression asks about."""
    return frozenset(leaf.field.name for leaf in leaves(expression) if isinstance(leaf, Condition))


def of_collection(expression: Expression, collection_id: int) -> Expression:
    """Return an expression over what one collection declares, the same for whichever others it was read for too.

    Raises KeyError for a field that the collection did not declare when the expression was read.
    """

    def own(condition: Condition) -> Condition:
        field = condition.field
        declared = ((collection_id, dict(field.declared)[collection_id]),)
        return condition if field.declared == declared else replace(condition, field=replace(field, declared=declared))

    return with_conditions(expression, own)


def without(expression: Expression, name: str) -> Expression:
    """Return an expression without those of its parts, all of which have to hold, that ask about a field."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return And(tuple(part for part in parts if name not in names_in(part)))
