"""Which fields a filter asks about. Pure."""

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


def declared_in(expression: Expression, collection_id: int) -> dict[str, int]:
    """Return the primary keys of a collection's MetadataFields that an expression asks about, by name.

    Raises KeyError for a field that the collection did not declare when the expression was read.
    """
    match expression:
        case Condition(field):
            return {field.name: dict(field.declared)[collection_id]}
        case And(parts) | Or(parts):
            return {name: pk for part in parts for name, pk in declared_in(part, collection_id).items()}
        case Not(part):
            return declared_in(part, collection_id)
        case Phrase():
            return {}


def without(expression: Expression, name: str) -> Expression:
    """Return an expression without those of its parts, all of which have to hold, that ask about a field."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return And(tuple(part for part in parts if name not in names_in(part)))
