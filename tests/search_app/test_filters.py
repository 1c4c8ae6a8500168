"""Query strings -> filter expression. What an expression keeps is in contracts/test_filter_agreement.py."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collections_app.exceptions import InvalidFilter
from collections_app.metadata import FieldSpec, FieldType
from search_app.filters import EVERYTHING, And, Condition, Expression, parse_parameters, split_values

KIND = FieldSpec("kind", FieldType.TEXT)
YEAR = FieldSpec("year", FieldType.INTEGER)
RATING = FieldSpec("rating", FieldType.NUMBER)
SEEN = FieldSpec("seen", FieldType.BOOLEAN)
DAY = FieldSpec("day", FieldType.DATE)
AT = FieldSpec("at", FieldType.DATETIME)
TAGS = FieldSpec("tags", FieldType.TEXT, is_list=True)
MARKS = FieldSpec("marks", FieldType.INTEGER, is_list=True)
FIELDS = [KIND, YEAR, RATING, SEEN, DAY, AT, TAGS, MARKS]


def parse(*pairs: tuple[str, str], fields: list[FieldSpec] | None = None, tz: str = "UTC") -> Expression:
    return parse_parameters(pairs, fields or FIELDS, tz=ZoneInfo(tz))


@pytest.mark.parametrize(
    ("key", "value", "field", "operator", "values"),
    [
        ("kind", "function", KIND, "eq", ("function",)),
        ("kind__ne", "class", KIND, "ne", ("class",)),
        ("kind__in", "a, b", KIND, "in", ("a", "b")),
        ("kind__contains", "fun", KIND, "contains", ("fun",)),
        ("year__gte", "2000", YEAR, "gte", (2000,)),
        ("year__between", "1990,1999", YEAR, "between", (1990, 1999)),
        ("rating__lt", "7.5", RATING, "lt", (7.5,)),
        ("seen", "true", SEEN, "eq", (True,)),
        ("year__exists", "false", YEAR, "exists", (False,)),
        ("day__lte", "2024-05-31", DAY, "lte", (date(2024, 5, 31),)),
        ("marks__contains", "3", MARKS, "contains", (3,)),
        ("tags__any", 'a,"b, c"', TAGS, "any", ("a", "b, c")),
        ("marks__all", "1,2", MARKS, "all", (1, 2)),
    ],
)
def test_a_parameter_is_read_as_a_condition_of_the_fields_type(
    key: str, value: str, field: FieldSpec, operator: str, values: tuple[Any, ...]
) -> None:
    assert parse((key, value)) == And((Condition(field, operator, values),))


def test_a_date_and_time_without_a_zone_is_read_in_the_zone_of_the_collection() -> None:
    assert parse(("at__gt", "2024-05-31T08:00"), tz="Asia/Shanghai") == And(
        (Condition(AT, "gt", (datetime(2024, 5, 31, 0, 0, tzinfo=UTC),)),)
    )


def test_the_same_key_twice_means_one_of_them_and_with_ne_none_of_them() -> None:
    assert parse(("kind", "a"), ("kind", "b,c"), ("year__ne", "1"), ("year__ne", "2")) == And(
        (Condition(KIND, "in", ("a", "b,c")), Condition(YEAR, "nin", (1, 2)))
    )


def test_other_operators_given_twice_all_hold() -> None:
    assert parse(("tags__contains", "a"), ("tags__contains", "b")) == And(
        (Condition(TAGS, "contains", ("a",)), Condition(TAGS, "contains", ("b",)))
    )


def test_blank_values_of_an_untouched_form_filter_nothing() -> None:
    assert parse(("year__gte", ""), ("kind", "  "), ("unheard_of", "")) == EVERYTHING


def test_a_field_with_underscores_in_its_name_is_found_before_an_operator_is_looked_for() -> None:
    odd = FieldSpec("size__gte", FieldType.INTEGER)
    assert parse(("size__gte", "1"), ("size__gte__lt", "9"), fields=[odd]) == And(
        (Condition(odd, "eq", (1,)), Condition(odd, "lt", (9,)))
    )


def test_what_no_database_can_store_is_taken_out_of_values() -> None:
    assert parse(("kind", "a\x00b\ud800")) == And((Condition(KIND, "eq", ("ab",)),))


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("yeer__gte", "2000", ["yeer", "kind, year, rating, seen, day, at, tags, marks"]),
        ("year__near", "2000", ["year__near", "near", "between"]),
        ("year__contains", "2", ["contains", "year", "eq, ne"]),
        ("seen__lt", "true", ["lt", "seen", "eq, ne"]),
        ("year", "soon", ["soon", "year", "a whole number such as 1999"]),
        ("year", str(2**63), ["year", "a whole number"]),
        ("rating__gt", "nan", ["nan", "rating"]),
        ("rating__lt", "1e999", ["1e999", "rating"]),
        ("day", "31/5", ["31/5", "day", "2024-05-31"]),
        ("year__between", "1990", ["between", "1990", "from,to"]),
        ("year__between", "1,2,3", ["between", "1,2,3"]),
        ("year__in", ",", ["year", "0 values"]),
        ("year__exists", "perhaps", ["perhaps", "true or false"]),
        ("kind__in", ",".join("x" * 501), ["kind", "501 values", "500"]),
        ("kind__any", "a", ["any", "kind", "contains, exists"]),
        ("seen__contains", "true", ["contains", "seen", "eq, ne"]),
        ("yaer", "2000", ["yaer", "Did you mean “year”?"]),
        ("Kind", "a", ["Did you mean “kind”?"]),
    ],
)
def test_what_cannot_be_a_filter_is_refused_with_field_operator_and_remedy(
    key: str, value: str, named: list[str]
) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse((key, value))
    assert [word for word in named if word not in str(refused.value)] == []
    assert refused.value.field in key


def test_a_field_that_is_not_filterable_is_no_filter() -> None:
    with pytest.raises(InvalidFilter, match="no filter “secret”"):
        parse(("secret", "1"), fields=[FieldSpec("secret", FieldType.TEXT, filterable=False), KIND])


def test_a_collection_without_filters_says_so() -> None:
    with pytest.raises(InvalidFilter, match="It has no filters"):
        parse_parameters([("kind", "x")], [], tz=UTC)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a, b,,c ", ["a", "b", "c"]),
        ('"a,b",c', ["a,b", "c"]),
        (' "say ""hi""" , x', ['say "hi"', "x"]),
        ('5" disk,7', ['5" disk', "7"]),
        ('"open,b', ['"open', "b"]),
        ('""', [""]),
        ("", []),
    ],
)
def test_a_list_is_cut_at_commas_that_are_not_in_quotes(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_one_operator_given_more_often_than_a_statement_should_hold_is_refused() -> None:
    with pytest.raises(InvalidFilter, match="51 filters; at most 50"):
        parse(*(("tags__contains", str(number)) for number in range(51)))


def test_more_conditions_than_a_statement_should_hold_are_refused() -> None:
    fields = [FieldSpec(f"f{number}", FieldType.TEXT) for number in range(51)]
    with pytest.raises(InvalidFilter, match="51 filters; at most 50"):
        parse(*((field.name, "x") for field in fields), fields=fields)
