"""Filters mean the same in every store, or are refused."""

import itertools
import math
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from collections_app.exceptions import FilterNotSupported, InvalidFilter
from collections_app.vectorstores import And, Comparison, Not, Operator, Or, Record, VectorStore, Where
from collections_app.vectorstores.chroma_where import compile_where
from collections_app.vectorstores.where import matches
from tests.contracts.stored_vectors import spec, vector

STORED: dict[int, dict[str, Any]] = dict(
    enumerate(
        [
            {},
            {"other": "a"},
            *({"field": value} for value in ("a", "b", "A", "", "a\0b", "导演", 'it\'s "so"', "10")),
            *({"field": value} for value in (True, False)),
            *({"field": value} for value in (-6, -5, -1, 0, 1, 5, 6, 2**53, 2**62)),
            *({"field": value} for value in (-5.5, -5.0, -0.5, 0.0, 0.5, 1.0, 5.0, 5.5, 6.0, 1e300)),
            {"field": ["a", "b"]},
            {"field": ["导演"]},
            {"field": [1, 5]},
            {"field": [5.0, 5.5]},
            {"field": [True, False]},
            {"field": "a", "other": 1},
            {"field": 5, "other": 2},
            {"field": ["a"], "other": 2.5},
        ]
    )
)
TEXTS = ("a", "A", "b", "", "missing", "a\0b", "导演", 'it\'s "so"', "a' OR 1=1 --", "10")
NUMBERS = (-6, -5.5, -5, -0.5, 0, 0.0, 0.5, 1, 5, 5.0, 5.5, 6, 7.25, 2**53)


@dataclass(frozen=True)
class Filled:
    """A collection that holds STORED, and nobody changes."""

    store: VectorStore
    name: str

    def kept(self, where: Where) -> set[int]:
        return {match.id for match in self.store.query(self.name, vector(1), limit=len(STORED), where=where)}


@pytest.fixture(scope="module")
def filled(lasting_store: VectorStore) -> Filled:
    filled = Filled(lasting_store, f"test-{uuid.uuid4().hex}")
    filled.store.create(spec(filled.name))
    stored = (Record(record_id, vector(record_id), metadata) for record_id, metadata in STORED.items())
    filled.store.upsert(filled.name, stored)
    return filled


def meant(where: Where) -> set[int]:
    return {record_id for record_id, metadata in STORED.items() if matches(where, metadata)}


def one_value(op: Operator) -> bool:
    return not op.takes_several


def test_numbers_compare_as_numbers_whole_or_not(filled: Filled) -> None:
    comparisons = [
        Comparison("field", op, number) for op, number in itertools.product(filter(one_value, Operator), NUMBERS)
    ]

    assert {where: filled.kept(where) for where in comparisons} == {where: meant(where) for where in comparisons}


@pytest.mark.parametrize("number", [8.86237450712011e-275, -12.070162795213857, 1.5e-40, 0.1 + 0.2, 5e-324])
def test_numbers_that_a_store_may_take_for_others_are_refused(store: VectorStore, name: str, number: float) -> None:
    store.create(spec(name))
    store.upsert(name, [Record(1, vector(1), {"field": number}), Record(2, vector(2), {"field": 0.25})])
    for where in (
        *(Comparison("field", op, number) for op in Operator if one_value(op)),
        Comparison("field", Operator.IN, (0.25, number)),
    ):
        if store.can_filter(where):
            kept = {match.id for match in store.query(name, vector(1), limit=2, where=where)}
            assert (where, kept) == (
                where,
                {pk for pk, own in ((1, number), (2, 0.25)) if matches(where, {"field": own})},
            )
        else:
            with pytest.raises(FilterNotSupported, match="15 digits"):
                store.query(name, vector(1), limit=2, where=where)


@pytest.mark.parametrize("op", [Operator.IN, Operator.NIN])
@pytest.mark.parametrize("numbers", [(5,), (5.5,), (0, 5.0, 6), (-5.5, 5, 0.5), (1, 1.0), (999,)])
def test_numbers_are_among_several_or_not(filled: Filled, op: Operator, numbers: tuple[float, ...]) -> None:
    where = Comparison("field", op, numbers)

    assert filled.kept(where) == meant(where)


@pytest.mark.parametrize("op", [Operator.EQ, Operator.NE, Operator.IN, Operator.NIN, Operator.CONTAINS])
@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_neither_numbers_nor_text(filled: Filled, op: Operator, value: bool) -> None:
    where = Comparison("field", op, (value,) if op.takes_several else value)

    assert filled.kept(where) == meant(where)
    assert filled.kept(Comparison("field", Operator.NIN, (True, False))) == set()
    assert filled.kept(Comparison("field", Operator.IN, (True, False))) == {10, 11}


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_equal_or_contained_exactly(filled: Filled, text: str) -> None:
    comparisons = [
        Comparison("field", Operator.EQ, text),
        Comparison("field", Operator.IN, (text, "b")),
        Comparison("field", Operator.CONTAINS, text),
    ]

    assert {where: filled.kept(where) for where in comparisons} == {where: meant(where) for where in comparisons}


@pytest.mark.parametrize("op", [Operator.NE, Operator.NIN, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE])
def test_text_is_unequal_and_ordered_where_the_store_says_so_and_refused_elsewhere(
    filled: Filled, op: Operator
) -> None:
    where = Comparison("field", op, ("a", "b") if op.takes_several else "a")

    if filled.store.capabilities.compares_text:
        assert filled.kept(where) == meant(where)
    else:
        with pytest.raises(FilterNotSupported, match=f"'{op}'"):
            filled.kept(where)


def test_a_comparison_with_a_missing_key_is_false_whatever_the_operator(filled: Filled) -> None:
    for op in Operator:
        assert filled.kept(Comparison("nowhere", op, (5,) if op.takes_several else 5)) == set()
    assert 0 not in filled.kept(Comparison("field", Operator.NE, 5))


@pytest.mark.parametrize(
    "where",
    [
        And((Comparison("field", Operator.EQ, "a"), Comparison("other", Operator.EQ, 1))),
        And((Comparison("field", Operator.CONTAINS, "a"), Comparison("other", Operator.LT, 2.75))),
        Or((Comparison("field", Operator.EQ, "a"), Comparison("other", Operator.GTE, 2))),
        Or((Comparison("field", Operator.EQ, "b"),)),
        And((Comparison("field", Operator.GT, 0), Comparison("field", Operator.NE, 5))),
        And(
            (
                Or((Comparison("other", Operator.EQ, "a"), Comparison("other", Operator.EQ, 2))),
                Or((And((Comparison("field", Operator.EQ, 5),)), Comparison("other", Operator.EQ, "a"))),
            )
        ),
    ],
)
def test_clauses_combine(filled: Filled, where: Where) -> None:
    assert filled.kept(where) == meant(where) != set()


@pytest.mark.parametrize("op", [Operator.EQ, Operator.CONTAINS])
@pytest.mark.parametrize("value", [*TEXTS, *NUMBERS, -5, True, False])
def test_what_is_not_equal_or_not_contained_is_everything_else_without_the_key_too(
    filled: Filled, op: Operator, value: Any
) -> None:
    where = Not(Comparison("field", op, value))

    assert filled.kept(where) == meant(where) == STORED.keys() - filled.kept(Comparison("field", op, value))


@pytest.mark.parametrize("values", [("a", "b"), ("导演",), (5, 5.5, -5.5), (-0.5, 0.5), (0, 1), (True,), (True, False)])
def test_what_is_none_of_several_is_everything_else_without_the_key_too(
    filled: Filled, values: tuple[Any, ...]
) -> None:
    where = Not(Comparison("field", Operator.IN, values))

    assert filled.kept(where) == meant(where)
    assert {0, 1} <= filled.kept(where)


@pytest.mark.parametrize(
    "clause",
    [
        And((Comparison("field", Operator.EQ, "a"), Comparison("other", Operator.EQ, 1))),
        Or((Comparison("field", Operator.IN, (6, 7)), Not(Comparison("other", Operator.EQ, 2)))),
        Not(And((Comparison("field", Operator.CONTAINS, "a"), Comparison("other", Operator.GT, 1)))),
        Comparison("field", Operator.NE, True),
        Comparison("field", Operator.NIN, (True, False)),
    ],
)
def test_negations_reach_into_what_they_negate(filled: Filled, clause: Where) -> None:
    assert filled.kept(Not(clause)) == meant(Not(clause)) != set()


@pytest.mark.parametrize("op", [Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.NE, Operator.NIN])
def test_a_negated_order_is_everything_else_or_refused(filled: Filled, op: Operator) -> None:
    where = Not(Comparison("field", op, (5, 6) if op.takes_several else 5))

    if filled.store.can_filter(where):
        assert filled.kept(where) == meant(where)
    else:
        with pytest.raises(FilterNotSupported, match=f"cannot negate '{op}'"):
            filled.kept(where)


def test_a_filter_that_keeps_little_still_finds_all_of_it(store: VectorStore, name: str) -> None:
    store.create(spec(name))
    store.upsert(
        name, [Record(record_id, vector(record_id), {"rare": record_id % 100 == 0}) for record_id in range(500)]
    )

    found = store.query(name, vector(1), limit=10, where=Comparison("rare", Operator.EQ, True))

    assert {match.id for match in found} == {0, 100, 200, 300, 400}


@pytest.mark.parametrize(
    ("op", "value"),
    [
        (Operator.EQ, ("a",)),
        (Operator.IN, "a"),
        (Operator.IN, ()),
        (Operator.IN, ("a", 1)),
        (Operator.IN, (True, 1)),
        (Operator.EQ, None),
        (Operator.EQ, ["a"]),
        (Operator.EQ, math.nan),
        (Operator.LT, math.inf),
        (Operator.EQ, 2**63),
        (Operator.EQ, "a\ud800"),
        (Operator.GT, True),
    ],
)
def test_a_comparison_that_means_nothing_cannot_be_written(op: Operator, value: Any) -> None:
    with pytest.raises(InvalidFilter, match="The filter on 'field'") as caught:
        Comparison("field", op, value)

    assert (caught.value.field, caught.value.operator) == ("field", op)


@pytest.mark.parametrize("field", ["", "$and", "$or", "#document", "chroma:document", "a\ud800"])
def test_a_field_that_no_record_can_have_cannot_be_compared(field: str) -> None:
    with pytest.raises(InvalidFilter):
        Comparison(field, Operator.EQ, "a")


@pytest.mark.parametrize("combine", [And, Or])
def test_no_clauses_are_no_filter(combine: type[And] | type[Or]) -> None:
    with pytest.raises(InvalidFilter, match="at least one clause"):
        combine(())


def nested(levels: int) -> Where:
    where: Where = Comparison("field", Operator.EQ, 1)
    for _ in range(levels):
        where = Or((where, Comparison("field", Operator.EQ, 2)))
    return where


@pytest.mark.parametrize(
    "where",
    [
        Comparison("field", Operator.IN, tuple(range(10_001))),
        Or(tuple(Comparison("field", Operator.EQ, number) for number in range(201))),
        nested(12),
        Comparison("field", Operator.EQ, 2**53 + 1),
        Comparison("field", Operator.LT, 1e16),
    ],
    ids=["values", "clauses", "levels", "integer", "float"],
)
def test_what_chroma_would_answer_wrongly_or_with_a_failure_is_refused(where: Where) -> None:
    with pytest.raises(FilterNotSupported, match="Filter the answer instead"):
        compile_where(where)


@pytest.mark.chroma
@pytest.mark.parametrize("lasting_store", ["chroma"], indirect=True)
@pytest.mark.parametrize(
    "where",
    [
        Comparison("field", Operator.IN, tuple(f"value {number}" for number in range(10_000))),
        Or(tuple(Comparison("field", Operator.EQ, number) for number in range(200))),
        nested(11),
    ],
    ids=["values", "clauses", "levels"],
)
def test_chroma_takes_the_largest_filters_that_are_compiled(filled: Filled, where: Where) -> None:
    assert filled.kept(where) == meant(where)
