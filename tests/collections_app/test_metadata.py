"""What raw metadata is taken for, and what it is as values of a declared field."""

import json
import math
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collections_app.exceptions import InvalidMetadata
from collections_app.metadata import (
    MAX_NAME,
    MAX_TEXT,
    MAX_VALUES,
    RESERVED_NAMES,
    FieldSpec,
    FieldType,
    flatten,
    infer_fields,
    normalise_name,
    parse_value,
)
from tests.peak_memory import peak

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEXT, INTEGER, NUMBER, BOOLEAN, DATE, DATETIME = FieldType


def inferred(*values: Any) -> FieldSpec | None:
    """The field inferred for documents that have these values."""
    specs = infer_fields({"field": value} for value in values)
    return specs[0] if specs else None


def inferred_type(*values: Any) -> FieldType | None:
    spec = inferred(*values)
    return spec.type if spec else None


def read(raw: Any, field_type: FieldType, *, is_list: bool = False, filterable: bool = True) -> list[Any]:
    return parse_value(raw, FieldSpec("field", field_type, is_list, filterable), tz=SHANGHAI)


# --- flattening ---------------------------------------------------------------------------------------------------


def test_nested_mappings_become_paths_in_their_order() -> None:
    raw = {"b": 1, "a": {"y": [1, 2], "x": {"deep": None}}, "empty": {}, "last": "z"}

    assert list(flatten(raw).items()) == [("b", 1), ("a.y", [1, 2]), ("a.x.deep", None), ("last", "z")]


def test_what_is_flat_stays_as_it_is() -> None:
    flat = {"a": 1, "a.b": 2, "导演": ["x"], "": None}

    assert flatten(flat) == flat
    assert flatten({"a": {"b": 1}, "a.b": 2}) == {"a.b": 2}


def test_nesting_deeper_than_pythons_stack_is_flattened() -> None:
    raw: dict[str, Any] = {"end": 1}
    for _ in range(5000):
        raw = {"k": raw}

    assert list(flatten(raw).values()) == [1]
    assert infer_fields([raw]) == []


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Release Year", "release_year"),
        ("导演", "导演"),
        ("上映 日期（中国）", "上映_日期_中国"),
        ("一级分类", "一级分类"),
        ("  Prix (€) ", "prix"),
        ("user.address.city", "user_address_city"),
        ("a__b", "a_b"),
        ("__proto__", "proto"),
        ("$where", "where"),
        ("2024 sales", "field_2024_sales"),
        ("²", "field_2"),
        ("ÅNGSTRÖM", "ångström"),
        ("ＦＵＬＬ　ＷＩＤＴＨ", "full_width"),
        ("हिन्दी", "हिन्दी"),
        ("İstanbul", "i̇stanbul"),
        ("", "field"),
        ("!!!", "field"),
        ("👩‍🚀", "field"),
        ("a\0b\ud800c", "a_b_c"),
        ("kind", "kind"),
        ("ID", "field_id"),
        ("Document", "field_document"),
        ("score", "field_score"),
        ("q", "field_q"),
        ("Collection", "field_collection"),
        ("page", "field_page"),
    ],
)
def test_any_heading_becomes_a_usable_name(heading: str, name: str) -> None:
    assert normalise_name(heading) == name


def test_a_name_that_is_taken_is_numbered() -> None:
    assert normalise_name("Year", taken={"year"}) == "year_2"
    assert normalise_name("year", taken=["year", "year_2", "year_3"]) == "year_4"
    assert normalise_name("x" * 200, taken=[normalise_name("x" * 200)]).endswith("_2")


def test_long_headings_that_differ_at_their_end_stay_apart() -> None:
    first, second = normalise_name("x" * 300 + "a"), normalise_name("x" * 300 + "b")

    assert first != second
    assert len(first) == len(second) == MAX_NAME


@given(st.text(max_size=150), st.lists(st.text(max_size=5), max_size=3))
@example("K\u030c\u0345", [])
@example("_" * 101 + "0", [])
def test_every_name_is_usable_unique_and_settled(heading: str, others: list[str]) -> None:
    taken = {normalise_name(other) for other in others}

    name = normalise_name(heading, taken=taken)

    assert 0 < len(name) <= MAX_NAME
    assert name not in taken | RESERVED_NAMES
    assert "__" not in name
    assert not name.startswith("_")
    assert not name.endswith("_")
    assert name == name.lower()
    assert unicodedata.category(name[0])[0] in "LM"
    assert all(character == "_" or unicodedata.category(character)[0] in "LMN" for character in name)
    assert normalise_name(name) == name
    assert name.encode()


# --- inference ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, -3], INTEGER),
        (["1", "-20", " 0 "], INTEGER),
        ([1, "2"], INTEGER),
        (["00123", "456"], TEXT),
        (["+5"], TEXT),
        (["-0"], TEXT),
        (["1_000"], TEXT),
        (["１２"], TEXT),
        ([2**63 - 1, -(2**63)], INTEGER),
        ([2**63], TEXT),
        ([1, 2**70], TEXT),
        (["9223372036854775808"], TEXT),
        (["9" * 5000], TEXT),
        ([1.5, -2.25], NUMBER),
        ([1, 2.5], NUMBER),
        ([1, "2.5"], NUMBER),
        ([2**53, 0.5], NUMBER),
        ([2**53 + 1, 0.5], TEXT),
        (["12.50", "9.90"], NUMBER),
        (["1.5e10"], NUMBER),
        (["1e5"], TEXT),
        (["1,5"], TEXT),
        (["1.5e999"], TEXT),
        ([".5"], TEXT),
        (["3.14159265358979323846"], TEXT),
        (["NaN", "inf"], TEXT),
        ([math.nan], NUMBER),
        ([5e-324, 1.7e308], NUMBER),
        ([True, False], BOOLEAN),
        (["true", "False", True], BOOLEAN),
        (["true", "maybe"], TEXT),
        (["yes", "no"], TEXT),
        ([True, 1], TEXT),
        (["2024-05-31", "1999-01-01"], DATE),
        ([date(2024, 5, 31), "2024-05-31"], DATE),
        (["2024-02-30"], TEXT),
        (["0000-00-00"], TEXT),
        (["2024-5-1"], TEXT),
        (["20240531"], INTEGER),
        (["2024-W01-1"], TEXT),
        (
            ["2024-05-31T14:30", "2024-05-31 14:30:59.123456", "2024-05-31T14:30:00Z", "2024-05-31T14:30+08:00"],
            DATETIME,
        ),
        ([datetime(2024, 5, 31, 14, 30), datetime(2024, 5, 31, tzinfo=UTC)], DATETIME),
        (["9999-12-31T23:59:60Z"], TEXT),
        (["9999-12-31T23:59:59"], TEXT),
        (["2024-05-31T25:00"], TEXT),
        ([datetime.min], TEXT),
        (["2024-05-31", "2024-05-31T14:30"], TEXT),
        (["2024-05-31", 5], TEXT),
        (["1.0.2"], TEXT),
        ([1, "x"], TEXT),
        (["x", 1.5, True], TEXT),
        ([None, "", "  ", "\0", [], 5], INTEGER),
        ([None, "", "  ", [], [None, ""]], None),
        ([[1, 2], [3]], INTEGER),
        ([["a", "b"], "c"], TEXT),
        ([[1, "x", None]], TEXT),
        ([[1, 2.5]], NUMBER),
        ([[["nested"]]], None),
        ([[{"name": "a"}]], None),
        (["text", [{"name": "a"}]], None),
        ([b"bytes"], None),
        ([time(12, 0)], None),
    ],
)
def test_the_type_that_keeps_all_values_is_inferred(values: list[Any], expected: FieldType | None) -> None:
    assert inferred_type(*values) == expected
    assert inferred_type(*reversed(values)) == expected


@pytest.mark.parametrize(
    ("values", "is_list"),
    [(["a"], False), ([["a"]], True), (["a", ["b"]], True), ([[]], None), (["a", []], False), ([("a", "b")], True)],
)
def test_a_list_anywhere_makes_a_field_of_lists(values: list[Any], is_list: bool | None) -> None:
    spec = inferred(*values)

    assert (spec.is_list if spec else None) == is_list


@pytest.mark.parametrize(
    ("value", "filterable"),
    [
        ("x" * MAX_TEXT, True),
        ("长" * (MAX_TEXT + 1), False),
        (["short", "x" * (MAX_TEXT + 1)], False),
        (list(range(MAX_VALUES)), True),
        (list(range(MAX_VALUES + 1)), False),
    ],
)
def test_what_is_too_long_to_filter_by_is_inferred_as_not_filterable(value: Any, filterable: bool) -> None:
    spec = inferred("a" if isinstance(value, str) else [1], value)

    assert spec is not None
    assert spec.filterable == filterable


def test_fields_come_in_order_of_appearance_under_their_paths() -> None:
    rows: list[dict[str, Any]] = [
        {"title": "a", "stats": {"views": 1, "empty": None}},
        {"year": 1999, "stats": {"views": 2.5}, "tags": ["x"]},
        {"导演": "文牧野", "": "nameless"},
    ]

    assert infer_fields(iter(rows)) == [
        FieldSpec("title", TEXT),
        FieldSpec("stats.views", NUMBER),
        FieldSpec("year", INTEGER),
        FieldSpec("tags", TEXT, is_list=True),
        FieldSpec("导演", TEXT),
        FieldSpec("", TEXT),
    ]
    assert infer_fields([]) == infer_fields([{}]) == []


def test_thousands_of_rows_are_read_once_in_little_memory() -> None:
    def rows() -> Iterator[Mapping[str, Any]]:
        for number in range(4_000):
            yield {"number": number, "text": f"text {number} " + "x" * 200, "tags": [str(number)] * 3}

    specs: list[FieldSpec] = []
    assert peak(lambda: specs.extend(infer_fields(rows()))) < 0.2
    assert [spec.name for spec in specs] == ["number", "text", "tags"]


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["true", "False", "1", "00", "-5", "2.50", "1e5", "2024-05-31", "2024-05-31T14:30", "9" * 18 + ".5"]
    ),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=14))])),
    st.dates().map(date.isoformat),
    st.datetimes().map(datetime.isoformat),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


@given(st.lists(st.one_of(scalars, st.lists(scalars, max_size=4)), min_size=1, max_size=5))
@example([2**53 + 1, 0.5])
@example(["0001-01-01T00:00:00+08:00"])
def test_every_value_can_be_read_as_the_field_inferred_from_it(values: list[Any]) -> None:
    spec = inferred(*values)

    for tz in (UTC, SHANGHAI, ZoneInfo("America/New_York")):
        for value in values:
            parsed = parse_value(value, spec, tz=tz) if spec else []
            assert parsed == [] or spec is not None
            assert all(type(item) is type(parsed[0]) for item in parsed)


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field_type", "raw", "expected"),
    [
        (TEXT, "  Noir\n", "Noir"),
        (TEXT, "a\0b\ud800c", "abc"),
        (TEXT, "e\u0301", "é"),
        (TEXT, "'; DROP TABLE documents;--", "'; DROP TABLE documents;--"),
        (TEXT, 5, "5"),
        (TEXT, 1.0, "1.0"),
        (TEXT, True, "true"),
        (TEXT, 2**70, str(2**70)),
        (TEXT, date(2024, 5, 31), "2024-05-31"),
        (INTEGER, 42, 42),
        (INTEGER, " -42 ", -42),
        (INTEGER, "00123", 123),
        (INTEGER, "+7", 7),
        (INTEGER, 5.0, 5),
        (INTEGER, -(2**63), -(2**63)),
        (NUMBER, 1.5, 1.5),
        (NUMBER, 3, 3.0),
        (NUMBER, "1.5e3", 1500.0),
        (NUMBER, ".5", 0.5),
        (NUMBER, "-7", -7.0),
        (NUMBER, "3.14159265358979323846", math.pi),
        (NUMBER, 2**53, float(2**53)),
        (BOOLEAN, True, True),
        (BOOLEAN, "FALSE", False),
        (BOOLEAN, "yes", True),
        (BOOLEAN, 0, False),
        (BOOLEAN, "1", True),
        (BOOLEAN, "是", True),
        (BOOLEAN, "否", False),
        (DATE, "2024-05-31", date(2024, 5, 31)),
        (DATE, date(2024, 5, 31), date(2024, 5, 31)),
        (DATE, datetime(2024, 5, 31), date(2024, 5, 31)),
        (DATE, "2024-05-31 00:00:00", date(2024, 5, 31)),
        (DATE, "9999-12-31", date(9999, 12, 31)),
        (DATETIME, "2024-05-31T14:30", datetime(2024, 5, 31, 6, 30, tzinfo=UTC)),
        (DATETIME, "2024-05-31t14:30:00z", datetime(2024, 5, 31, 14, 30, tzinfo=UTC)),
        (DATETIME, "2024-05-31 14:30:00.5-05:00", datetime(2024, 5, 31, 19, 30, 0, 500_000, tzinfo=UTC)),
        (DATETIME, "2024-05-31", datetime(2024, 5, 30, 16, tzinfo=UTC)),
        (DATETIME, date(2024, 5, 31), datetime(2024, 5, 30, 16, tzinfo=UTC)),
        (DATETIME, datetime(2024, 5, 31, 14, 30), datetime(2024, 5, 31, 6, 30, tzinfo=UTC)),
        (DATETIME, datetime(2024, 5, 31, 14, 30, tzinfo=UTC), datetime(2024, 5, 31, 14, 30, tzinfo=UTC)),
    ],
)
def test_a_value_is_read_as_its_field_says(field_type: FieldType, raw: Any, expected: Any) -> None:
    (value,) = read(raw, field_type)

    assert value == expected
    assert type(value) is type(expected)
    assert not isinstance(value, datetime) or value.tzinfo is UTC


@pytest.mark.parametrize("field_type", FieldType)
@pytest.mark.parametrize("raw", [None, "", "   ", "\0", [], [None, " "], ()])
def test_nothing_is_no_value_of_any_field(field_type: FieldType, raw: Any) -> None:
    assert read(raw, field_type) == []


def test_a_list_gives_each_of_its_values_once_in_order() -> None:
    assert read(["b", None, "a", " b ", "", "c"], TEXT, is_list=True) == ["b", "a", "c"]
    assert read([3, "1", 3.0], INTEGER, is_list=True) == [3, 1]
    assert read("alone", TEXT, is_list=True) == ["alone"]
    assert read(("2024-05-31",), DATE, is_list=True) == [date(2024, 5, 31)]


def test_a_time_that_comes_twice_or_never_when_clocks_change_is_read_as_before_the_change() -> None:
    spec = FieldSpec("field", DATETIME)
    berlin = ZoneInfo("Europe/Berlin")

    assert parse_value("2024-10-27T02:30", spec, tz=berlin) == [datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]
    assert parse_value("2024-03-31T02:30", spec, tz=berlin) == [datetime(2024, 3, 31, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("field_type", "raw", "shown", "remedy"),
    [
        (TEXT, {"a": 1}, "{'a': 1}", "give text"),
        (TEXT, math.nan, "nan", "finite"),
        (TEXT, b"a", "b'a'", "give text"),
        (INTEGER, "x", "'x'", "such as 42"),
        (INTEGER, "1.5", "'1.5'", "declare the field as number or text"),
        (INTEGER, 1.5, "1.5", "whole number"),
        (INTEGER, True, "True", "whole number"),
        (INTEGER, "1_000", "'1_000'", "whole number"),
        (INTEGER, "１２", "'１２'", "whole number"),
        (INTEGER, 2**63, "a whole number of 64 bits", "at most 64 bits"),
        (INTEGER, "9" * 70, "'99", "at most 64 bits"),
        (INTEGER, math.inf, "inf", "whole number"),
        (INTEGER, date(2024, 1, 1), "2024-01-01", "whole number"),
        (NUMBER, "1,5", "'1,5'", "such as 1.5"),
        (NUMBER, "nan", "'nan'", "such as 1.5"),
        (NUMBER, math.nan, "nan", "such as 1.5"),
        (NUMBER, -math.inf, "-inf", "such as 1.5"),
        (NUMBER, "1e999", "'1e999'", "such as 1.5"),
        (NUMBER, 2**53 + 1, "9007199254740993", "declare the field as integer or text"),
        (NUMBER, False, "False", "such as 1.5"),
        (BOOLEAN, "maybe", "'maybe'", "true or false"),
        (BOOLEAN, 2, "2", "true or false"),
        (BOOLEAN, 0.5, "0.5", "true or false"),
        (DATE, "2024-02-30", "'2024-02-30'", "such as 2024-12-31"),
        (DATE, "31.05.2024", "'31.05.2024'", "such as 2024-12-31"),
        (DATE, "2024-05-31T14:30", "'2024-05-31T14:30'", "declare the field as datetime"),
        (DATE, datetime(2024, 5, 31, tzinfo=UTC), "2024-05-31T00:00:00+00:00", "declare the field as datetime"),
        (DATE, 20240531, "20240531", "such as 2024-12-31"),
        (DATETIME, "yesterday", "'yesterday'", "such as 2024-12-31T23:59:00+08:00"),
        (DATETIME, "9999-12-31T23:59:60Z", "'9999-12-31T23:59:60Z'", "such as"),
        (DATETIME, "0001-01-01T00:00", "'0001-01-01T00:00'", "such as"),
        (DATETIME, 1717137000, "1717137000", "such as"),
    ],
)
def test_what_is_not_of_the_type_is_refused_by_field_value_and_remedy(
    field_type: FieldType, raw: Any, shown: str, remedy: str
) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        read(raw, field_type)

    message = str(caught.value)
    assert message.startswith(f"The field 'field' ({field_type}) does not take {shown}")
    assert remedy in message
    assert len(message) < 300
    assert caught.value.field == "field"
    assert caught.value.permanent


@pytest.mark.parametrize("field_type", FieldType)
def test_a_number_too_long_to_be_written_is_refused_without_writing_it(field_type: FieldType) -> None:
    with pytest.raises(InvalidMetadata, match="does not take a whole number of 16610 bits"):
        read(10**5000, field_type)


def test_a_list_is_refused_by_a_field_of_one_value() -> None:
    with pytest.raises(InvalidMetadata, match=r"\['a', 'b'\].* declare the field as a list, or give one value"):
        read(["a", "b"], TEXT)


@pytest.mark.parametrize("raw", [[["a"]], [{"a": 1}], [1, ["a"]]])
def test_lists_and_mappings_in_a_list_are_refused(raw: Any) -> None:
    with pytest.raises(InvalidMetadata, match="give text"):
        read(raw, TEXT, is_list=True)


def test_text_too_long_to_filter_by_is_refused_unless_the_field_is_not_filterable() -> None:
    long = "长" * (MAX_TEXT + 1)

    with pytest.raises(InvalidMetadata, match="501 characters; shorten it to 500, or declare the field as not filter"):
        read(long, TEXT)
    assert read(long, TEXT, filterable=False) == [long]
    assert read(f" {long[1:]} \0", TEXT) == [long[1:]]


def test_too_many_values_to_filter_by_are_refused_unless_the_field_is_not_filterable() -> None:
    many = list(range(MAX_VALUES + 1))

    with pytest.raises(InvalidMetadata, match="give at most 1000 values, or declare the field as not filterable"):
        read(many, INTEGER, is_list=True)
    assert read(many, INTEGER, is_list=True, filterable=False) == many


def test_a_long_value_is_shown_shortened() -> None:
    with pytest.raises(InvalidMetadata) as caught:
        read("x" * 100_000, INTEGER)

    assert len(str(caught.value)) < 200


json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30)),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=10,
)


@given(json_values, st.sampled_from(FieldType), st.booleans())
def test_whatever_json_holds_is_read_or_refused_and_what_is_read_can_be_stored(
    raw: Any, field_type: FieldType, is_list: bool
) -> None:
    try:
        values = read(raw, field_type, is_list=is_list)
    except InvalidMetadata as error:
        assert "field" in str(error)
    else:
        kinds = {TEXT: str, INTEGER: int, NUMBER: float, BOOLEAN: bool, DATE: date, DATETIME: datetime}
        assert all(type(value) is kinds[field_type] for value in values)
        assert all("\0" not in value and value.encode() for value in values if isinstance(value, str))
        assert json.dumps([str(value) for value in values])
