"""Which fields a filter asks about. Pure."""

from dataclasses import replace

from search_app.filters import And, Condition, Expression, Not, Or, Phrase


def names_in(expression: Expression) -> frozenset[str]:
    """Return the names of the fields that an expression asks about."""
    match expression:
        case Condition(field):
            return frozenset({field.name})
        case And(parts) | Or(parts):
            return frozenset[str]().union(*map(names_in, parts))
        case Not(part):
            return names_in(part)
        case Phrase():
            return frozenset()


def of_collection(expression: Expression, collection_id: int) -> Expression:
    """Return an expression over what one collection declares, the same for whichever others it was read for too.

    Raises KeyError for a field that the collection did not declare when the expression was read.
    """
    match expression:
        case Condition(field):
            declared = ((collection_id, dict(field.declared)[collection_id]),)
            is_own = field.declared == declared
            return expression if is_own else replace(expression, field=replace(field, declared=declared))
        case And(parts):
            return And(tuple(of_collection(part, collection_id) for part in parts))
        case Or(parts):
            return Or(tuple(of_collection(part, collection_id) for part in parts))
        case Not(part):
            return Not(of_collection(part, collection_id))
        case Phrase():
            return expression


def without(expression: Expression, name: str) -> Expression:
    """Return an expression without those of its parts, all of which have to hold, that ask about a field."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return And(tuple(part for part in parts if name not in names_in(part)))
