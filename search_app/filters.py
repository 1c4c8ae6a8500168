"""User input -> filter expression. Pure: it knows declared fields and one table of operators, and no ORM.

An expression is a tree of frozen values; `filter_sql` says what it keeps. A document has zero or more values of each
field. A comparison holds when one value meets it, so a comparison with a missing value is false; `ne` and `nin` hold
when there are values and none of them is a listed one. `Not` is plain negation, missing values included.

Here are the table, the reading of values, and query strings; `filter_json` reads JSON, `question` a typed line. All
three end in `read_condition`, so a value that is refused is refused everywhere, in the same words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any, TypeAlias

from collections_app.exceptions import InvalidMetadata
from collections_app.extraction.characters import clean_text
from collections_app.metadata import FieldSpec, FieldType, parse_value
from search_app import filter_errors

# A statement holds some 32,000 values on SQLite, of which those of the filter are MAX_CONDITIONS * MAX_VALUES at most.
MAX_CONDITIONS = 50
MAX_VALUES = 500
MAX_DEPTH = 10
MAX_PHRASE = 500

_EVERY_TYPE = frozenset(FieldType)
_ORDERED = _EVERY_TYPE - {FieldType.BOOLEAN}


class Operands(StrEnum):
    """What an operator compares with."""

    ONE = "one value"
    TWO = "two values"
    MANY = "several values"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to compare a field with values. `lists_of` are the types of which it compares lists."""

    name: str
    operands: Operands
    types: frozenset[FieldType] = _EVERY_TYPE
    lists_of: frozenset[FieldType] = _EVERY_TYPE

    def takes(self, field: FieldSpec) -> bool:
        """Say whether `field` can be compared so."""
        return field.type in (self.lists_of if field.is_list else self.types)


OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("eq", Operands.ONE),
        Operator("ne", Operands.ONE),
        Operator("in", Operands.MANY),
        Operator("nin", Operands.MANY),
        Operator("lt", Operands.ONE, _ORDERED, _ORDERED),
        Operator("lte", Operands.ONE, _ORDERED, _ORDERED),
        Operator("gt", Operands.ONE, _ORDERED, _ORDERED),
        Operator("gte", Operands.ONE, _ORDERED, _ORDERED),
        Operator("between", Operands.TWO, _ORDERED, _ORDERED),
        # Of a text: a part of it, the case of A-Z aside. Of a list: one of its values.
        Operator("contains", Operands.ONE, frozenset({FieldType.TEXT})),
        Operator("any", Operands.MANY, frozenset()),
        Operator("all", Operands.MANY, frozenset()),
        Operator("exists", Operands.FLAG),
    )
}
# An operator that is given several times means its plural.
_PLURAL = {"eq": "in", "ne": "nin"}


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


@dataclass(frozen=True, slots=True)
class Phrase:
    """The document's title or text has these words one after the other, the case of A-Z and kinds of space aside.

    `words` are what stands between the white space; the first may be the end of a longer word, and the last its start.
    """

    words: tuple[str, ...]


Expression: TypeAlias = Condition | And | Or | Not | Phrase
EVERYTHING = And()


def all_of(*expressions: Expression) -> Expression:
    """Return the expression that holds where all of these do; EVERYTHING where none of them filters."""
    parts: list[Expression] = []
    for expression in expressions:
        parts += expression.parts if isinstance(expression, And) else (expression,)
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def read_phrase(text: str) -> Phrase | None:
    """Return the phrase that a document must have, None for white space alone. Raises InvalidFilter."""
    if len(text) > MAX_PHRASE:
        raise filter_errors.long_phrase(text, most=MAX_PHRASE)
    words = tuple(re.split(r"[ \t\n\r\f\v]+", clean_text(text).strip()))
    return Phrase(words) if words != ("",) else None


def check_size(expression: Expression) -> None:
    """Raise InvalidFilter if an expression has more conditions or levels than a statement should hold."""
    count, depth = _size(expression)
    if count > MAX_CONDITIONS:
        raise filter_errors.too_many(count, most=MAX_CONDITIONS)
    if depth > MAX_DEPTH:
        raise filter_errors.too_deep(most=MAX_DEPTH)


def _size(expression: Expression) -> tuple[int, int]:
    match expression:
        case Condition() | Phrase():
            return 1, 0
        case Not(part):
            count, depth = _size(part)
            return count, depth + 1
        case And(parts) | Or(parts):
            sizes = [_size(part) for part in parts]
            return sum(count for count, _depth in sizes), 1 + max((depth for _count, depth in sizes), default=0)


# --- query strings ------------------------------------------------------------------------------------------------


def parse_parameters(parameters: Iterable[tuple[str, str]], fields: Sequence[FieldSpec], *, tz: tzinfo) -> Expression:
    """Read `year__gte=2000`, `kind=function`, … as an expression in which all of them hold.

    Blank values are what an empty input of a form sends, and are passed over. The same key given twice with `eq`
    means `in`, with `ne` means `nin`. Naive date-times are read in `tz`. Raises InvalidFilter.
    """
    known = by_name(fields)
    given: dict[tuple[str, str], list[str]] = {}
    for key, value in parameters:
        cleaned = clean_text(value).strip()
        if cleaned:
            given.setdefault(split_key(key, known), []).append(cleaned)
    parts: list[Expression] = []
    for (name, operator), values in given.items():
        parts += _conditions(known[name], operator, values, tz=tz)
    expression = And(tuple(parts))
    check_size(expression)
    return expression


def by_name(fields: Iterable[FieldSpec]) -> dict[str, FieldSpec]:
    """Return the fields that can be filtered by, under their names."""
    return {field.name: field for field in fields if field.filterable}


def split_key(key: str, known: Mapping[str, FieldSpec]) -> tuple[str, str]:
    """Take `year__gte` apart into field and operator; without an operator it is `eq`. Raises InvalidFilter.

    A field whose own name holds two underscores is found first.
    """
    if key in known:
        return key, "eq"
    name, _separator, operator = key.rpartition("__")
    if name in known:
        if operator not in OPERATORS:
            raise filter_errors.unknown_operator(name, operator, key, known=operators_of(known[name]))
        return name, operator
    raise filter_errors.unknown_field(name if operator in OPERATORS else key, known)


def split_values(text: str) -> list[str]:
    """Cut `a, "b, c", d` at its commas. A value in double quotes may hold commas, and quotes that are doubled.

    Blank values are left out unless they are quoted.
    """
    values = []
    for match in _LISTED.finditer(text):
        quoted, bare = match.groups()
        if quoted is not None:
            values.append(quoted.replace('""', '"'))
        elif bare.strip():
            values.append(bare.strip())
    return values


_LISTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|$)|([^,]*)(?:,|$)')


def _conditions(field: FieldSpec, operator: str, given: list[str], *, tz: tzinfo) -> list[Condition]:
    if len(given) > 1 and operator in _PLURAL:
        return [read_condition(field, _PLURAL[operator], given, tz=tz)]
    match OPERATORS[operator].operands:
        case Operands.MANY if operator != "all":
            return [read_condition(field, operator, [value for raw in given for value in split_values(raw)], tz=tz)]
        case Operands.MANY | Operands.TWO:
            return [read_condition(field, operator, split_values(raw), tz=tz) for raw in given]
        case _:
            return [read_condition(field, operator, [raw], tz=tz) for raw in given]


# --- fields, operators and values, however they are written -------------------------------------------------------


def operators_of(field: FieldSpec) -> list[str]:
    """Return the names of the operators that `field` can be compared with."""
    return [operator.name for operator in OPERATORS.values() if operator.takes(field)]


def read_condition(field: FieldSpec, operator: str, raws: Sequence[Any], *, tz: tzinfo) -> Condition:
    """Return the comparison of `field` with operands as a person or JSON gives them.

    Naive date-times are read in `tz`. Raises InvalidFilter, naming field, operator and remedy.
    """
    if operator not in operators_of(field):
        raise filter_errors.unfit_operator(field.name, operator, known=operators_of(field))
    operands = OPERATORS[operator].operands
    if operands is Operands.TWO and len(raws) != 2:
        raise filter_errors.no_range(field.name, operator, raws)
    most = MAX_VALUES if operands is Operands.MANY else len(raws) if operands is Operands.TWO else 1
    if not 0 < len(raws) <= most:
        raise filter_errors.wrong_number(field.name, operator, len(raws), most=most)
    values = tuple(_value(field, operator, raw, tz=tz) for raw in raws)
    return Condition(field, operator, values)


def _value(field: FieldSpec, operator: str, raw: Any, *, tz: tzinfo) -> Any:
    type_ = FieldType.BOOLEAN if OPERATORS[operator].operands is Operands.FLAG else field.type
    scalar = FieldSpec(name=field.name, type=type_)
    try:
        values = parse_value(raw, scalar, tz=tz)
    except InvalidMetadata as error:
        raise filter_errors.unfit_value(scalar, operator, raw) from error
    if len(values) != 1:
        raise filter_errors.unfit_value(scalar, operator, raw)
    return values[0]
