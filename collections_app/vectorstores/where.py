"""Conditions on the metadata of stored records, in the port's own language.

An adapter compiles an expression into its store's filter language; what it cannot express exactly it refuses with
`FilterNotSupported`, it never approximates. `matches` defines what an expression means:

* A comparison with a key that the record does not have is false, for `ne` and `nin` too.
* Values of different types never compare: text, booleans and numbers are three types, and whole and fractional
  numbers are one. `ne` of two types is false as well.
* Scalar comparisons are false for a list; `contains` is true for a list that has the value, and false for a scalar.
* Text is equal, and ordered, by code points.
* `Not` is true for every record for which its clause is false, so for those without the key too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from collections_app.exceptions import InvalidFilter
from collections_app.vectorstores.values import Scalar, key_problem, scalar_problem, type_of


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    IN = "in"
    NIN = "nin"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"

    @property
    def takes_several(self) -> bool:
        """Whether the operator compares with a tuple of values instead of one."""
        return self in (Operator.IN, Operator.NIN)

    @property
    def orders(self) -> bool:
        """Whether the operator needs an order of the values."""
        return self in _ORDERS


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field op value`. `in` and `nin` take a tuple of at least one value, all of one type; the others a scalar.

    Raises InvalidFilter for anything else, for a field or value that no record could have, for an order of booleans.
    """

    field: str
    op: Operator
    value: Scalar | tuple[Scalar, ...]

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise InvalidFilter(f"The filter on {self.field!r}: {problem}.", field=self.field, operator=str(self.op))

    def _problem(self) -> str:
        if isinstance(self.value, tuple) != self.op.takes_several:
            return f"'{self.op}' takes {'a tuple of values' if self.op.takes_several else 'one value'}"
        if not self.values:
            return f"'{self.op}' needs at least one value"
        problem = key_problem(self.field) or next(filter(None, map(scalar_problem, self.values)), "")
        if problem:
            return problem
        types = {type_of(value) for value in self.values}
        if len(types) > 1:
            return "values must be all text, all numbers or all booleans"
        return f"booleans have no order, use 'eq' instead of '{self.op}'" if self.op.orders and bool in types else ""

    @property
    def values(self) -> tuple[Scalar, ...]:
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, slots=True)
class And:
    """True where every clause is; there is at least one."""

    clauses: tuple["Where", ...]

    def __post_init__(self) -> None:
        _require_clauses(self.clauses, "and")


@dataclass(frozen=True, slots=True)
class Or:
    """True where any clause is; there is at least one."""

    clauses: tuple["Where", ...]

    def __post_init__(self) -> None:
        _require_clauses(self.clauses, "or")


@dataclass(frozen=True, slots=True)
class Not:
    """True where the clause is false."""

    clause: "Where"


Where: TypeAlias = And | Or | Not | Comparison

_ORDERS = {Operator.GT: gt, Operator.GTE: ge, Operator.LT: lt, Operator.LTE: le}


def _require_clauses(clauses: tuple[Where, ...], operator: str) -> None:
    if not clauses:
        raise InvalidFilter(
            f"'{operator}' needs at least one clause; leave it out to filter nothing.", operator=operator
        )


def matches(where: Where, metadata: Mapping[str, Any]) -> bool:
    """Whether a record with this metadata satisfies the expression."""
    if isinstance(where, And):
        return all(matches(clause, metadata) for clause in where.clauses)
    if isinstance(where, Or):
        return any(matches(clause, metadata) for clause in where.clauses)
    if isinstance(where, Not):
        return not matches(where.clause, metadata)
    return where.field in metadata and _holds(where, metadata[where.field])


def _holds(comparison: Comparison, stored: Any) -> bool:
    if comparison.op is Operator.CONTAINS:
        return isinstance(stored, list) and any(_equal(item, comparison.value) for item in stored)
    if type_of(stored) is None or type_of(stored) is not type_of(comparison.values[0]):
        return False
    if comparison.op.orders:
        return bool(_ORDERS[comparison.op](stored, comparison.value))
    return (stored in comparison.values) == (comparison.op in (Operator.EQ, Operator.IN))


def _equal(left: Any, right: Any) -> bool:
    return type_of(left) is type_of(right) and bool(left == right)
