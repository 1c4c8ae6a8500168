"""Compiles the port's filter expressions into Chroma's `where`, exactly or not at all.

Chroma 1.5.9 differs from the port in these points:

* `$ne`, `$nin` and `$not_contains` are the plain negations of `$eq`, `$in` and `$contains`: they also match records
  without the key. They write `Not` of these; and nothing writes `Not` of an order, or of anything else. The port's
  unequal is written as less or greater for numbers, as equal to the other one for booleans; for text nothing says it.
* Orders exist for numbers only.
* A comparison with a number looks at whole and at fractional stored numbers, and cuts the operand off towards zero for
  the whole ones: `5.5` equals a stored `5`, and `-5` is not greater than `-5.5`.
* It reads numbers exactly up to 15 significant digits and some way from zero and from infinity: a longer operand may be
  read as another one, and not even as the one that was read when the record came.
* `$contains` compares a list with operands of its own type only.
* One `where` may bind some 32,000 values, nest some 35 levels deep and have less than 1,000 clauses.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from collections_app.exceptions import FilterNotSupported
from collections_app.vectorstores.values import Scalar
from collections_app.vectorstores.where import And, Comparison, Not, Operator, Or, Where

ChromaWhere: TypeAlias = dict[str, Any]

MAX_CLAUSES = 200
MAX_VALUES = 10_000
MAX_DEPTH = 12

_NEGATIONS = {"$eq": "$ne", "$in": "$nin", "$contains": "$not_contains"}
_OPPOSITES = {"$gt": "$lte", "$lt": "$gte"}

_EXACT_FLOATS = 2**53
"""Beyond it whole numbers and floats no longer correspond one to one."""

_EXACT_DIGITS, _EXACT_EXPONENT = 15, -22
"""Digits times a power of ten are read with one rounding as long as both are floats without one."""


def compile_where(where: Where) -> ChromaWhere:
    """The expression as Chroma's `where`. Raises FilterNotSupported where Chroma would answer something else."""
    compiled = _compile(where)
    clauses, values, depth = _extent(compiled)
    if clauses > MAX_CLAUSES or values > MAX_VALUES or depth > MAX_DEPTH:
        raise FilterNotSupported(
            f"The filter has {clauses} clauses, {values} values and {depth} levels; Chroma takes {MAX_CLAUSES}, "
            f"{MAX_VALUES} and {MAX_DEPTH}. Filter the answer instead."
        )
    return compiled


def _compile(where: Where) -> ChromaWhere:
    match where:
        case Comparison():
            return _compile_comparison(where)
        case Not(clause):
            return _compile_negation(clause)
        case And(clauses):
            return _all([_compile(clause) for clause in clauses])
        case Or(clauses):
            return _any([_compile(clause) for clause in clauses])


def _compile_negation(where: Where) -> ChromaWhere:
    match where:
        case Comparison():
            return _negated(_compile_comparison(where), where)
        case Not(clause):
            return _compile(clause)
        case And(clauses):
            return _any([_compile_negation(clause) for clause in clauses])
        case Or(clauses):
            return _all([_compile_negation(clause) for clause in clauses])


def _negated(compiled: ChromaWhere, comparison: Comparison) -> ChromaWhere:
    """The negation of a compiled comparison, record by record, those without the key included."""
    (key, operand), *_ = compiled.items()
    if key == "$or":
        return _all([_negated(clause, comparison) for clause in operand])
    if key == "$and":
        return _negated_conjunction(operand, comparison)
    ((operator, value),) = operand.items()
    if operator not in _NEGATIONS:
        raise FilterNotSupported(
            f"Chroma cannot negate '{comparison.op}' ({comparison.field}) with the records that have no value. Filter "
            "the answer instead."
        )
    return {key: {_NEGATIONS[operator]: value}}


def _negated_conjunction(clauses: list[ChromaWhere], comparison: Comparison) -> ChromaWhere:
    if comparison.op not in (Operator.EQ, Operator.IN):
        return _any([_negated(clause, comparison) for clause in clauses])
    # Equal to a number that is not whole: `$ne` leaves out the whole number beside it, which its bound brings back.
    equal, bound = clauses
    ((field, operand),) = bound.items()
    ((operator, value),) = operand.items()
    return _any([_negated(equal, comparison), {field: {_OPPOSITES[operator]: value}}])


def _compile_comparison(comparison: Comparison) -> ChromaWhere:
    value = comparison.values[0]
    if comparison.op is Operator.CONTAINS:
        return _contains(comparison.field, value)
    if isinstance(value, bool):
        return _boolean(comparison)
    if isinstance(value, str):
        return _text(comparison)
    return _number(comparison)


def _text(comparison: Comparison) -> ChromaWhere:
    match comparison.op:
        case Operator.EQ:
            return {comparison.field: {"$eq": comparison.value}}
        case Operator.IN:
            return {comparison.field: {"$in": list(comparison.values)}}
        case _:
            raise FilterNotSupported(
                f"Chroma cannot compare text by '{comparison.op}' ({comparison.field}). Filter the answer instead."
            )


def _boolean(comparison: Comparison) -> ChromaWhere:
    excludes = comparison.op in (Operator.NE, Operator.NIN)
    accepted = [value for value in (False, True) if (value in comparison.values) != excludes]
    if not accepted:
        return _all([{comparison.field: {"$eq": True}}, {comparison.field: {"$eq": False}}])
    return {comparison.field: {"$in": accepted}}


def _number(comparison: Comparison) -> ChromaWhere:
    numbers = [_exact(comparison.field, value) for value in comparison.values]
    match comparison.op:
        case Operator.IN:
            return _among(comparison.field, numbers)
        case Operator.NIN:
            return _all([_compare(comparison.field, Operator.NE, number) for number in numbers])
        case op:
            return _compare(comparison.field, op, numbers[0])


def _exact(field: str, value: Scalar) -> int | float:
    """The number, as an integer if it is whole. Raises FilterNotSupported for one that Chroma may take for another."""
    number = value if isinstance(value, int) else float(value)
    # A float has one digit more on its way to Chroma, ".0".
    if abs(number) * (10 if isinstance(number, float) else 1) > _EXACT_FLOATS:
        raise FilterNotSupported(
            f"Chroma compares {field} exactly with integers up to 2^53 and floats up to a tenth of that; {number} is "
            "beyond. Filter the answer instead."
        )
    if number == int(number):
        return int(number)
    _sign, digits, exponent = Decimal(repr(number)).as_tuple()
    if len(digits) > _EXACT_DIGITS or int(exponent) < _EXACT_EXPONENT:
        raise FilterNotSupported(
            f"Chroma compares {field} exactly with numbers of up to {_EXACT_DIGITS} digits; {number} has more, or "
            "is too near to zero. Filter the answer instead."
        )
    return number


def _among(field: str, numbers: Sequence[int | float]) -> ChromaWhere:
    whole = [number for number in numbers if isinstance(number, int)]
    fractional = [_compare(field, Operator.EQ, number) for number in numbers if isinstance(number, float)]
    return _any([{field: {"$in": whole}}, *fractional] if whole else fractional)


def _compare(field: str, op: Operator, number: int | float) -> ChromaWhere:
    """`field op number`, where an operand that is not whole is completed for the whole numbers stored."""
    if op is Operator.NE:
        return _any([_compare(field, Operator.LT, number), _compare(field, Operator.GT, number)])
    if isinstance(number, int):
        return {field: {f"${op}": number}}
    below, above = math.floor(number), math.ceil(number)
    # For stored whole numbers Chroma cuts the operand off towards zero.
    equal = _all([{field: {"$eq": number}}, {field: {"$gt": below}} if number > 0 else {field: {"$lt": above}}])
    match op:
        case Operator.EQ:
            return equal
        case Operator.GT | Operator.GTE:
            clauses: list[ChromaWhere] = [{field: {"$gt": number}}, {field: {"$gte": above}}]
        case _:
            clauses = [{field: {"$lt": number}}, {field: {"$lte": below}}]
    return _any([*clauses, equal] if op in (Operator.GTE, Operator.LTE) else clauses)


def _contains(field: str, value: Scalar) -> ChromaWhere:
    if isinstance(value, bool | str):
        return {field: {"$contains": value}}
    number = _exact(field, value)
    as_float = {field: {"$contains": float(number)}}
    return _any([{field: {"$contains": number}}, as_float]) if isinstance(number, int) else as_float


def _all(clauses: list[ChromaWhere]) -> ChromaWhere:
    return {"$and": clauses} if len(clauses) > 1 else clauses[0]


def _any(clauses: list[ChromaWhere]) -> ChromaWhere:
    return {"$or": clauses} if len(clauses) > 1 else clauses[0]


def _extent(compiled: ChromaWhere) -> tuple[int, int, int]:
    """Comparisons, values and levels of a compiled expression."""
    (key, operand), *_ = compiled.items()
    if key not in ("$and", "$or"):
        (value,) = operand.values()
        return 1, len(value) if isinstance(value, list) else 1, 1
    clauses, values, depths = zip(*map(_extent, operand), strict=True)
    return sum(clauses), sum(values), 1 + max(depths)
