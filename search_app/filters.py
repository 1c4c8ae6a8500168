"""User input -> filter expression. Pure: it knows declared fields and one table of operators, and no ORM.

An expression is a tree of frozen values; `filter_sql` says what it keeps. A document has zero or more values of each
field. A comparison holds when one value meets it, so a comparison with a missing value is false; `ne` and `nin` hold
when there are values and none of them is a listed one. `Not` is plain negation, missing values included.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from math import isfinite
from typing import Any, TypeAlias

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from collections_app.exceptions import InvalidFilter, InvalidMetadata
from collections_app.extraction.characters import clean_text
from collections_app.metadata import FieldSpec, FieldType, parse_value

MAX_CONDITIONS = 50
MAX_VALUES = 500

_EVERY_TYPE = frozenset(FieldType)
_ORDERED = _EVERY_TYPE - {FieldType.BOOLEAN}


class Operands(StrEnum):
    """What an operator compares with."""

    ONE = "one value"
    TWO = "two values with a comma between them"
    MANY = "values with commas between them"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to compare a field with values."""

    name: str
    operands: Operands
    types: frozenset[FieldType] = _EVERY_TYPE


OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("eq", Operands.ONE),
        Operator("ne", Operands.ONE),
        Operator("in", Operands.MANY),
        Operator("nin", Operands.MANY),
        Operator("lt", Operands.ONE, _ORDERED),
        Operator("lte", Operands.ONE, _ORDERED),
        Operator("gt", Operands.ONE, _ORDERED),
        Operator("gte", Operands.ONE, _ORDERED),
        Operator("between", Operands.TWO, _ORDERED),
        # Of a text: a part of it, the case of A-Z aside. Of a list: one of its values.
        Operator("contains", Operands.ONE),
        Operator("exists", Operands.FLAG),
    )
}
# An operator that is given several times means its plural.
_PLURAL = {"eq": "in", "ne": "nin"}
_EXAMPLES = {
    FieldType.TEXT: gettext_noop("some text"),
    FieldType.INTEGER: gettext_noop("a whole number such as 1999"),
    FieldType.NUMBER: gettext_noop("a number such as 7.5"),
    FieldType.BOOLEAN: gettext_noop("true or false"),
    FieldType.DATE: gettext_noop("a date such as 2024-05-31"),
    FieldType.DATETIME: gettext_noop("a date and time such as 2024-05-31T14:30"),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `values` are of the field's type; for `exists` the one value is a bool."""

    field: FieldSpec
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; without parts, everything does."""

    parts: tuple["Expression", ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Expression"


Expression: TypeAlias = Condition | And | Or | Not
EVERYTHING = And()


def names_in(expression: Expression) -> frozenset[str]:
    """Return the names of the fields that an expression asks about."""
    match expression:
        case Condition(field):
            return frozenset({field.name})
        case And(parts) | Or(parts):
            return frozenset[str]().union(*map(names_in, parts))
        case Not(part):
            return names_in(part)


def without(expression: Expression, name: str) -> Expression:
    """Return an expression without those of its parts, all of which have to hold, that ask about a field."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return And(tuple(part for part in parts if name not in names_in(part)))


def parse_parameters(parameters: Iterable[tuple[str, str]], fields: Sequence[FieldSpec], *, tz: tzinfo) -> Expression:
    """Read `year__gte=2000`, `kind=function`, … as an expression in which all of them hold.

    Blank values are what an empty input of a form sends, and are passed over. The same key given twice with `eq`
    means `in`, with `ne` means `nin`. Naive date-times are read in `tz`. Raises InvalidFilter.
    """
    known = {field.name: field for field in fields if field.filterable}
    given: dict[tuple[str, str], list[str]] = {}
    for key, value in parameters:
        cleaned = clean_text(value).strip()
        if cleaned:
            given.setdefault(split_key(key, known), []).append(cleaned)
    if len(given) > MAX_CONDITIONS:
        raise InvalidFilter(
            _("There are %(count)d filters; at most %(most)d may be used at once.")
            % {"count": len(given), "most": MAX_CONDITIONS}
        )
    parts: list[Expression] = []
    for (name, operator), values in given.items():
        parts += _conditions(known[name], operator, values, tz=tz)
    return And(tuple(parts))


def split_key(key: str, known: Mapping[str, FieldSpec]) -> tuple[str, str]:
    """Take `year__gte` apart into field and operator; without an operator it is `eq`. Raises InvalidFilter.

    A field whose own name holds two underscores is found first.
    """
    if key in known:
        return key, "eq"
    name, _separator, operator = key.rpartition("__")
    if name in known:
        if operator not in OPERATORS:
            raise InvalidFilter(
                _("The filter “%(key)s” uses the unknown operator “%(operator)s”. Operators of this field: %(known)s.")
                % {"key": key, "operator": operator, "known": ", ".join(operators_of(known[name]))},
                field=name,
                operator=operator,
            )
        return name, operator
    name = (name if operator in OPERATORS else key)[:100]
    remedy = (
        _("Its filters are: %(known)s.") % {"known": ", ".join(known)}
        if known
        else _("It has no filters; an administrator can declare some.")
    )
    raise InvalidFilter(_("This collection has no filter “%(name)s”.") % {"name": name} + " " + remedy, field=name)


def operators_of(field: FieldSpec) -> list[str]:
    """Return the names of the operators that `field` can be compared with."""
    return [
        operator.name
        for operator in OPERATORS.values()
        if field.type in operator.types
        and (operator.name != "contains" or field.is_list or field.type == FieldType.TEXT)
    ]


def _conditions(field: FieldSpec, operator: str, given: list[str], *, tz: tzinfo) -> list[Condition]:
    if operator not in operators_of(field):
        raise InvalidFilter(
            _("“%(operator)s” cannot be used with “%(name)s”. Operators of this field: %(known)s.")
            % {"operator": operator, "name": field.name, "known": ", ".join(operators_of(field))},
            field=field.name,
            operator=operator,
        )
    if len(given) > 1 and operator in _PLURAL:
        return [Condition(field, _PLURAL[operator], _values(field, operator, given, tz=tz))]
    operands = OPERATORS[operator].operands
    if operands is Operands.MANY:
        parts = [part for raw in given for part in raw.split(",") if part.strip()]
        return [Condition(field, operator, _values(field, operator, parts, tz=tz))]
    if operands is Operands.TWO:
        return [Condition(field, operator, _range(field, operator, raw, tz=tz)) for raw in given]
    if operands is Operands.FLAG:
        flag = FieldSpec(name=field.name, type=FieldType.BOOLEAN)
        return [Condition(field, operator, _values(flag, operator, [raw], tz=tz)) for raw in given]
    return [Condition(field, operator, _values(field, operator, [raw], tz=tz)) for raw in given]


def _range(field: FieldSpec, operator: str, raw: str, *, tz: tzinfo) -> tuple[Any, ...]:
    ends = raw.split(",")
    if len(ends) != 2:
        raise InvalidFilter(
            _("“%(name)s__between” needs two values with a comma between them, such as from,to; “%(raw)s” is not that.")
            % {"name": field.name, "raw": raw},
            field=field.name,
            operator=operator,
        )
    return _values(field, operator, ends, tz=tz)


def _values(field: FieldSpec, operator: str, raws: Sequence[str], *, tz: tzinfo) -> tuple[Any, ...]:
    if not 0 < len(raws) <= MAX_VALUES:
        raise InvalidFilter(
            _("“%(name)s” was given %(count)d values; give 1 to %(most)d.")
            % {"name": field.name, "count": len(raws), "most": MAX_VALUES},
            field=field.name,
            operator=operator,
        )
    return tuple(_value(field, operator, raw.strip(), tz=tz) for raw in raws)


def _value(field: FieldSpec, operator: str, raw: str, *, tz: tzinfo) -> Any:
    scalar = FieldSpec(name=field.name, type=field.type)
    try:
        values = parse_value(raw, scalar, tz=tz)
    except InvalidMetadata as error:
        raise _does_not_fit(field, operator, raw) from error
    if len(values) != 1 or not _is_comparable(values[0]):
        raise _does_not_fit(field, operator, raw)
    return values[0]


def _is_comparable(value: Any) -> bool:
    """Say whether the databases can compare with `value`: integers have 64 bits, numbers are finite."""
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _does_not_fit(field: FieldSpec, operator: str, raw: str) -> InvalidFilter:
    return InvalidFilter(
        _("“%(raw)s” does not fit the filter “%(name)s” (%(operator)s); give %(example)s.")
        % {"raw": raw[:100], "name": field.name, "operator": operator, "example": _(_EXAMPLES[field.type])},
        field=field.name,
        operator=operator,
    )
