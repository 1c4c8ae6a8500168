"""A filter as JSON -> filter expression. Pure.

An object is a conjunction of its entries. An entry is one of

    "and": [filter, …]     "or": [filter, …]     "not": filter     "phrase": "words in this order"
    "<field>": value | [value, …] | {"<operator>": operand, …}

and an object with "field" is one comparison written out, which also reaches fields that are called like the above:

    {"field": "<field>", "op": "<operator>", "value": operand}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from django.utils.translation import gettext as _

from collections_app.exceptions import InvalidFilter
from collections_app.metadata import FieldSpec
from search_app import filter_errors
from search_app.filters import (
    EVERYTHING,
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPERATORS,
    Condition,
    Expression,
    Not,
    Operands,
    Or,
    all_of,
    by_name,
    check_size,
    operators_of,
    read_condition,
    read_phrase,
)

_WRITTEN_OUT = frozenset({"field", "op", "value"})


def parse_json_filter(data: Any, fields: Sequence[FieldSpec], *, tz: tzinfo) -> Expression:
    """Read a filter from what JSON holds: an object as described above, or null for none.

    Naive date-times are read in `tz`. Raises InvalidFilter with the path of what is wrong, field, operator and remedy.
    """
    if data is None:
        return EVERYTHING
    expression = _Reader(by_name(fields), tz).read(data, "", 0)
    check_size(expression)
    return expression


@dataclass(frozen=True, slots=True)
class _Reader:
    known: Mapping[str, FieldSpec]
    tz: tzinfo

    def read(self, data: Any, path: str, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise _at(path, filter_errors.too_deep(most=MAX_DEPTH))
        if not isinstance(data, Mapping):
            raise _wrong(path, _('a filter is an object such as {"year": {"gte": 2000}}'))
        if "field" in data:
            return self._written_out(data, path)
        if len(data) > MAX_CONDITIONS:
            raise _at(path, filter_errors.too_many(len(data), most=MAX_CONDITIONS))
        return all_of(*(self._entry(str(key), value, _join(path, str(key)), depth) for key, value in data.items()))

    def _entry(self, key: str, value: Any, path: str, depth: int) -> Expression:
        match key:
            case "and":
                return all_of(*self._parts(value, path, depth))
            case "or":
                return Or(tuple(self._parts(value, path, depth)))
            case "not":
                return Not(self.read(value, path, depth + 1))
            case "phrase":
                return self._phrase(value, path)
            case _:
                return self._compact(self._field(key, path), value, path)

    def _parts(self, value: Any, path: str, depth: int) -> list[Expression]:
        if not isinstance(value, list) or not value:
            raise _wrong(path, _("give a list of at least one filter, or leave it out"))
        if len(value) > MAX_CONDITIONS:
            raise _at(path, filter_errors.too_many(len(value), most=MAX_CONDITIONS))
        return [self.read(part, f"{path}[{number}]", depth + 1) for number, part in enumerate(value)]

    def _phrase(self, value: Any, path: str) -> Expression:
        try:
            phrase = read_phrase(value) if isinstance(value, str) else None
        except InvalidFilter as error:
            raise _at(path, error) from error
        if phrase is None:
            raise _wrong(path, _("give the words that a document must have, as one text"))
        return phrase

    def _written_out(self, data: Mapping[str, Any], path: str) -> Expression:
        if unknown := [str(key) for key in data if key not in _WRITTEN_OUT]:
            raise _wrong(_join(path, unknown[0]), _("beside “field” only “op” and “value” may be given"))
        name = data["field"]
        if not isinstance(name, str):
            raise _wrong(_join(path, "field"), _("give the name of a field, as text"))
        field = self._field(name, _join(path, "field"))
        if not isinstance(data.get("op", "eq"), str):
            raise _wrong(_join(path, "op"), _("give the name of an operator, as text"))
        if "value" not in data:
            raise _wrong(
                _join(path, "value"), _("it is missing; give what “%(name)s” is compared with") % {"name": name}
            )
        return self._condition(field, data.get("op", "eq"), data["value"], _join(path, "value"), _join(path, "op"))

    def _compact(self, field: FieldSpec, value: Any, path: str) -> Expression:
        if isinstance(value, Mapping):
            if not value:
                raise _wrong(path, _('give an operator and what it compares with, such as {"eq": …}'))
            parts = ((str(operator), operand, _join(path, str(operator))) for operator, operand in value.items())
            return all_of(*(self._condition(field, operator, operand, at, at) for operator, operand, at in parts))
        operator = "in" if isinstance(value, list) else "eq"
        return self._condition(field, operator, value, path, path)

    def _condition(self, field: FieldSpec, operator: str, operand: Any, path: str, operator_path: str) -> Condition:
        if operator not in OPERATORS:
            error = filter_errors.unknown_operator(field.name, operator, operator_path, known=operators_of(field))
            raise _at(operator_path, error)
        takes_list = OPERATORS[operator].operands in (Operands.MANY, Operands.TWO)
        if isinstance(operand, list) != takes_list and operator in operators_of(field):
            remedy = (
                _("“%(name)s” (%(operator)s) is compared with a list of values")
                if takes_list
                else _("“%(name)s” (%(operator)s) is compared with one value, not with a list")
            ) % {"name": field.name, "operator": operator}
            raise _wrong(path, remedy, field=field.name, operator=operator)
        operands = operand if isinstance(operand, list) else [operand]
        try:
            return read_condition(field, operator, operands, tz=self.tz)
        except InvalidFilter as error:
            raise _at(path, error) from error

    def _field(self, name: str, path: str) -> FieldSpec:
        if name not in self.known:
            raise _at(path, filter_errors.unknown_field(name, self.known))
        return self.known[name]


def _join(path: str, key: str) -> str:
    return f"{path}.{key[:100]}" if path else key[:100]


def _at(path: str, error: InvalidFilter) -> InvalidFilter:
    message = f"{path}: {error}" if path else str(error)
    return InvalidFilter(message, field=error.field, operator=error.operator, path=path)


def _wrong(path: str, remedy: str, *, field: str = "", operator: str = "") -> InvalidFilter:
    message = _("In the filter at “%(path)s”: %(remedy)s.") if path else _("In the filter: %(remedy)s.")
    return InvalidFilter(message % {"path": path, "remedy": remedy}, field=field, operator=operator, path=path)
