"""Filters that differ in nothing but values have one shape, and their values by name."""

from typing import Any

import pytest

from collections_app.metadata import FieldSpec, FieldType
from search_app.filter_shape import shape_of
from search_app.filters import EVERYTHING, And, Condition, Expression, Not, Or, Phrase

TITLE, TAGS = FieldSpec("title", FieldType.TEXT), FieldSpec("tags", FieldType.TEXT, is_list=True)
YEAR, SEEN = FieldSpec("year", FieldType.INTEGER), FieldSpec("seen", FieldType.BOOLEAN)


def shape(expression: Expression) -> Expression:
    return shape_of(expression).expression


def values(field: FieldSpec, operator: str, *given: Any) -> list[Any]:
    return list(shape_of(Condition(field, operator, given)).values.values())


def test_filters_that_differ_in_values_have_one_shape() -> None:
    def of(year: int, tag: str) -> Expression:
        return And((Condition(YEAR, "gte", (year,)), Not(Or((Condition(TAGS, "eq", (tag,)), Phrase(("a", "b")))))))

    assert shape(of(1990, "red")) == shape(of(2000, "blue"))
    assert shape_of(of(1990, "red")).values == {"operand_0": 1990, "operand_1": "red"}


@pytest.mark.parametrize(
    "other",
    [
        Condition(YEAR, "gt", (1990,)),
        Condition(SEEN, "eq", (True,)),
        Condition(FieldSpec("year", FieldType.INTEGER, declared=((1, 2),)), "gte", (1990,)),
        Not(Condition(YEAR, "gte", (1990,))),
        And((Condition(YEAR, "gte", (1990,)), Condition(YEAR, "gte", (1990,)))),
        Phrase(("1990",)),
        EVERYTHING,
    ],
)
def test_another_field_operator_or_combination_is_another_shape(other: Expression) -> None:
    assert shape(Condition(YEAR, "gte", (1990,))) != shape(other)


def test_what_is_no_value_stays() -> None:
    for expression in (EVERYTHING, Phrase(("a",)), Condition(YEAR, "exists", (False,))):
        assert (shape(expression), shape_of(expression).values) == (expression, {})
    assert shape(Condition(YEAR, "exists", (True,))) != shape(Condition(YEAR, "exists", (False,)))


@pytest.mark.parametrize("operator", ["in", "nin", "any"])
def test_lists_of_most_lengths_have_few_shapes(operator: str) -> None:
    assert values(TAGS, operator, "a", "b", "c") == ["a", "b", "c", "c"]
    assert values(TAGS, operator, "a", "b", "a") == ["a", "b"]
    assert values(TAGS, operator, "a") == ["a"]
    lengths = {shape(Condition(YEAR, operator, tuple(range(length)))) for length in range(1, 501)}
    assert len(lengths) == 10


def test_all_has_a_place_for_each_of_its_different_values() -> None:
    assert values(TAGS, "all", "a", "b", "c", "a") == ["a", "b", "c"]


def test_of_a_part_of_a_text_the_case_of_letters_does_not_count_but_that_of_a_value_does() -> None:
    assert values(TITLE, "contains", "ÄB Ç文") == ["Äb Ç文"]
    assert values(TAGS, "contains", "AB") == ["AB"]
