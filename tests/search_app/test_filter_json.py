"""JSON -> filter expression."""

import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collections_app.exceptions import InvalidFilter
from collections_app.metadata import FieldSpec, FieldType
from search_app.filter_json import parse_json_filter
from search_app.filters import EVERYTHING, And, Condition, Expression, Not, Or, Phrase

KIND = FieldSpec("kind", FieldType.TEXT)
YEAR = FieldSpec("year", FieldType.INTEGER)
RATING = FieldSpec("rating", FieldType.NUMBER)
SEEN = FieldSpec("seen", FieldType.BOOLEAN)
DAY = FieldSpec("day", FieldType.DATE)
AT = FieldSpec("at", FieldType.DATETIME)
TAGS = FieldSpec("tags", FieldType.TEXT, is_list=True)
NOT = FieldSpec("not", FieldType.TEXT)
FIELDS = [KIND, YEAR, RATING, SEEN, DAY, AT, TAGS, NOT]

FROM_2000 = Condition(YEAR, "gte", (2000,))
DRAMA = Condition(KIND, "eq", ("drama",))


def parse(data: Any, tz: str = "UTC") -> Expression:
    return parse_json_filter(json.loads(json.dumps(data)), FIELDS, tz=ZoneInfo(tz))


@pytest.mark.parametrize(
    ("data", "expression"),
    [
        (None, EVERYTHING),
        ({}, EVERYTHING),
        ({"field": "year", "op": "gte", "value": 2000}, FROM_2000),
        ({"field": "kind", "value": "drama"}, DRAMA),
        ({"field": "not", "op": "ne", "value": "x"}, Condition(NOT, "ne", ("x",))),
        ({"and": [{"year": {"gte": 2000}}, {"kind": "drama"}]}, And((FROM_2000, DRAMA))),
        ({"or": [{"year": {"gte": 2000}}, {"kind": "drama"}]}, Or((FROM_2000, DRAMA))),
        ({"not": {"kind": "drama"}}, Not(DRAMA)),
        ({"phrase": "in  this order"}, Phrase(("in", "this", "order"))),
        ({"year": {"gte": 2000, "lt": 2010}}, And((FROM_2000, Condition(YEAR, "lt", (2010,))))),
        ({"kind": ["drama", "war"]}, Condition(KIND, "in", ("drama", "war"))),
        ({"year": {"between": [1990, 1999]}}, Condition(YEAR, "between", (1990, 1999))),
        ({"tags": {"all": ["a", "b,c"]}}, Condition(TAGS, "all", ("a", "b,c"))),
        ({"seen": True, "rating": 7}, And((Condition(SEEN, "eq", (True,)), Condition(RATING, "eq", (7.0,))))),
        ({"year": {"exists": False}}, Condition(YEAR, "exists", (False,))),
        ({"year": "2000", "rating": "1e3"}, And((Condition(YEAR, "eq", (2000,)), Condition(RATING, "eq", (1000.0,))))),
        ({"day": "2024-05-31"}, Condition(DAY, "eq", (date(2024, 5, 31),))),
        (
            {"kind": "drama", "or": [{"year": {"gte": 2000}}, {"not": {"tags": "a"}}]},
            And((DRAMA, Or((FROM_2000, Not(Condition(TAGS, "eq", ("a",))))))),
        ),
    ],
)
def test_an_object_is_read_as_the_conjunction_of_its_entries(data: Any, expression: Expression) -> None:
    assert parse(data) == expression


def test_a_date_and_time_without_a_zone_is_read_in_the_zone_of_the_collection() -> None:
    moment = datetime(2024, 5, 31, 0, 0, tzinfo=UTC)
    assert parse({"at": {"gt": "2024-05-31T08:00"}}, tz="Asia/Shanghai") == Condition(AT, "gt", (moment,))


@pytest.mark.parametrize(
    ("data", "path", "field", "operator", "said"),
    [
        ([], "", "", "", "a filter is an object such as"),
        ("year", "", "", "", "a filter is an object such as"),
        ({"yeer": 2000}, "yeer", "yeer", "", "Its filters are: kind, year, .* Did you mean “year”"),
        ({"and": [{"field": "yeer", "value": 1}]}, "and[0].field", "yeer", "", "Did you mean “year”"),
        (
            {"year": {"near": 1}},
            "year.near",
            "year",
            "near",
            "unknown operator “near”. Operators of this field: eq, ne",
        ),
        ({"field": "year", "op": "near", "value": 1}, "op", "year", "near", "unknown operator"),
        ({"year": {"contains": 1}}, "year.contains", "year", "contains", "cannot be used with “year”"),
        ({"not": {"or": [{}, {"year": "soon"}]}}, "not.or[1].year", "year", "eq", "“soon” .* a whole number such as"),
        ({"year": 10**5000}, "year", "year", "eq", "a number of 16610 bits"),
        ({"year": True}, "year", "year", "eq", "a whole number such as 1999"),
        ({"year": None}, "year", "year", "eq", "a whole number such as 1999"),
        ({"rating": 2**53 + 1}, "rating", "rating", "eq", "a number such as 7.5"),
        ({"year": {"gte": [1, 2]}}, "year.gte", "year", "gte", "compared with one value, not with a list"),
        ({"year": {"in": 1}}, "year.in", "year", "in", "compared with a list of values"),
        ({"year": {"between": [1]}}, "year.between", "year", "between", "needs two values"),
        ({"kind": []}, "kind", "kind", "in", "was given 0 values; give 1 to 500"),
        ({"kind": [[]]}, "kind", "kind", "in", "does not fit"),
        ({"kind": ["x"] * 501}, "kind", "kind", "in", "501 values"),
        ({"year": {}}, "year", "", "", "give an operator and what it compares with"),
        ({"field": "year"}, "value", "", "", "what “year” is compared with"),
        ({"field": 5, "value": 5}, "field", "", "", "the name of a field"),
        ({"field": "year", "op": 5, "value": 5}, "op", "", "", "the name of an operator"),
        ({"field": "year", "operator": "gte", "value": 5}, "operator", "", "", "only “op” and “value”"),
        ({"and": []}, "and", "", "", "a list of at least one filter"),
        ({"or": {"year": 1}}, "or", "", "", "a list of at least one filter"),
        ({"not": [{"year": 1}]}, "not", "", "", "a filter is an object"),
        ({"phrase": " "}, "phrase", "", "", "the words that a document must have"),
        ({"phrase": ["a"]}, "phrase", "", "", "the words that a document must have"),
        ({"phrase": "x" * 501}, "phrase", "", "phrase", "501 characters"),
        ({"and": [{"year": 1}] * 51}, "and", "", "", "51 filters; at most 50"),
    ],
)
def test_what_cannot_be_a_filter_is_refused_with_path_field_operator_and_remedy(
    data: Any, path: str, field: str, operator: str, said: str
) -> None:
    with pytest.raises(InvalidFilter, match=said) as refused:
        parse_json_filter(data, FIELDS, tz=UTC)
    error = refused.value
    assert (error.path, error.field, error.operator) == (path, field, operator)
    assert path in str(error)


def test_many_conditions_in_many_objects_are_counted_together() -> None:
    part = {"and": [{"year": 1}] * 26}
    with pytest.raises(InvalidFilter, match="52 filters; at most 50"):
        parse({"or": [part, part]})


def test_a_filter_as_deep_as_json_allows_is_refused_and_not_followed() -> None:
    data: Any = {"year": 1}
    for _level in range(100_000):
        data = {"not": data}
    with pytest.raises(InvalidFilter, match="more than 10 levels deep"):
        parse_json_filter(data, FIELDS, tz=UTC)


def test_the_deepest_filter_that_is_allowed_is_read() -> None:
    data: Any = {"year": {"gte": 2000}}
    expression: Expression = FROM_2000
    for _level in range(10):
        data, expression = {"not": data}, Not(expression)
    assert parse(data) == expression
