"""A typed line -> question, exact phrases, and filters."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collections_app.exceptions import InvalidFilter
from collections_app.metadata import FieldSpec, FieldType, parse_value
from search_app.filters import EVERYTHING, And, Condition, Expression, Not, Or, Phrase
from search_app.question import ParsedQuestion, parse_question

GENRE = FieldSpec("genre", FieldType.TEXT)
AUTHOR = FieldSpec("author", FieldType.TEXT)
YEAR = FieldSpec("year", FieldType.INTEGER)
RATING = FieldSpec("rating", FieldType.NUMBER)
DAY = FieldSpec("day", FieldType.DATE)
AT = FieldSpec("at", FieldType.DATETIME)
TAGS = FieldSpec("tags", FieldType.TEXT, is_list=True)
FILE_TYPE = FieldSpec("file_type", FieldType.TEXT)
DIRECTOR = FieldSpec("导演", FieldType.TEXT)
MADE = FieldSpec("年份", FieldType.INTEGER)
FIELDS = [GENRE, AUTHOR, YEAR, RATING, DAY, AT, TAGS, FILE_TYPE, DIRECTOR, MADE]

DRAMA, WAR = Condition(GENRE, "eq", ("Drama",)), Condition(GENRE, "eq", ("War",))
FROM_2000 = Condition(YEAR, "gte", (2000,))
SMITH = Condition(AUTHOR, "eq", ("Smith",))


def parse(line: str, *, fields: list[FieldSpec] | None = None, tz: str = "UTC") -> ParsedQuestion:
    return parse_question(line, FIELDS if fields is None else fields, tz=ZoneInfo(tz))


def test_a_line_is_taken_apart_into_question_phrases_and_filters() -> None:
    line = 'year>=2000 genre:Drama -author:Smith "exact  phrase" why did they part'
    parsed = parse(line)
    phrase = Phrase(("exact", "phrase"))
    assert (parsed.text, parsed.phrases) == ("exact phrase why did they part", ("exact phrase",))
    assert parsed.expression == And((FROM_2000, DRAMA, Not(SMITH), phrase))
    assert [(part.source, part.expression) for part in parsed.filters] == [
        ("year>=2000", FROM_2000),
        ("genre:Drama", DRAMA),
        ("-author:Smith", Not(SMITH)),
        ('"exact  phrase"', phrase),
    ]
    assert [part.line_without for part in parsed.filters] == [
        'genre:Drama -author:Smith "exact phrase" why did they part',
        'year>=2000 -author:Smith "exact phrase" why did they part',
        'year>=2000 genre:Drama "exact phrase" why did they part',
        "year>=2000 genre:Drama -author:Smith exact phrase why did they part",
    ]


@pytest.mark.parametrize(
    ("typed", "condition"),
    [
        ("genre:Drama", DRAMA),
        ("genre=Drama", DRAMA),
        ("genre==Drama", DRAMA),
        ("genre!=Drama", Condition(GENRE, "ne", ("Drama",))),
        ("genre≠Drama", Condition(GENRE, "ne", ("Drama",))),
        ("genre:Drama,War", Condition(GENRE, "in", ("Drama", "War"))),
        ("genre!=Drama,War", Condition(GENRE, "nin", ("Drama", "War"))),
        ('genre:"Film noir","a,b",x', Condition(GENRE, "in", ("Film noir", "a,b", "x"))),
        ('genre:"say ""hi"""', Condition(GENRE, "eq", ('say "hi"',))),
        ("genre:“Film noir”", Condition(GENRE, "eq", ("Film noir",))),
        ("genre:f(x)", Condition(GENRE, "eq", ("f(x)",))),
        ("genre:http://x", Condition(GENRE, "eq", ("http://x",))),
        ("genre:..", Condition(GENRE, "eq", ("..",))),
        ('genre:"*"', Condition(GENRE, "eq", ("*",))),
        ("genre:*", Condition(GENRE, "exists", (True,))),
        ("genre~ram", Condition(GENRE, "contains", ("ram",))),
        ("tags~red", Condition(TAGS, "contains", ("red",))),
        ("tags:red", Condition(TAGS, "eq", ("red",))),
        ("year>2000", Condition(YEAR, "gt", (2000,))),
        ("year<2000", Condition(YEAR, "lt", (2000,))),
        ("year<=2000", Condition(YEAR, "lte", (2000,))),
        ("year≥2000", FROM_2000),
        ("year:>=2000", FROM_2000),
        ("year >= 2000", FROM_2000),
        ("year >=2000", FROM_2000),
        ("year>= 2000", FROM_2000),
        ("Year>=2000", FROM_2000),
        ("year:-5", Condition(YEAR, "eq", (-5,))),
        ("year:1990..1999", Condition(YEAR, "between", (1990, 1999))),
        ("year:1990..", Condition(YEAR, "gte", (1990,))),
        ("year:..1999", Condition(YEAR, "lte", (1999,))),
        ("rating:0.5..1.5", Condition(RATING, "between", (0.5, 1.5))),
        ("day:2024-01-01..2024-05-31", Condition(DAY, "between", (date(2024, 1, 1), date(2024, 5, 31)))),
        ("File-Type:pdf", Condition(FILE_TYPE, "eq", ("pdf",))),
        ("导演：张艺谋", Condition(DIRECTOR, "eq", ("张艺谋",))),
        ("年份＞＝2000", Condition(MADE, "gte", (2000,))),
        ("年份！＝2000", Condition(MADE, "ne", (2000,))),
        ("年份：1990，1991、1992", Condition(MADE, "in", (1990, 1991, 1992))),
        ("导演：「张 艺谋」", Condition(DIRECTOR, "eq", ("张 艺谋",))),
    ],
)
def test_a_comparison_is_taken_out_of_the_question(typed: str, condition: Condition) -> None:
    for line, text in ((typed, ""), (f"before {typed} after", "before after"), (f"({typed})", "")):
        parsed = parse(line)
        assert (parsed.text, parsed.expression) == (text, condition)


def test_a_date_and_time_without_a_zone_is_read_in_the_zone_of_the_collection() -> None:
    moment = datetime(2024, 5, 31, 0, 0, tzinfo=UTC)
    assert parse('at>"2024-05-31 08:00"', tz="Asia/Shanghai").expression == Condition(AT, "gt", (moment,))


@pytest.mark.parametrize(
    ("line", "expression", "text"),
    [
        ("genre:Drama year>=2000", And((DRAMA, FROM_2000)), ""),
        ("genre:Drama AND year>=2000", And((DRAMA, FROM_2000)), ""),
        ("genre:Drama OR year>=2000", Or((DRAMA, FROM_2000)), ""),
        ("genre:Drama OR genre:War year>=2000", Or((DRAMA, And((WAR, FROM_2000)))), ""),
        ("(genre:Drama OR genre:War) year>=2000", And((Or((DRAMA, WAR)), FROM_2000)), ""),
        ("（genre：Drama OR genre：War） year>=2000", And((Or((DRAMA, WAR)), FROM_2000)), ""),
        ("NOT genre:Drama", Not(DRAMA), ""),
        ("NOT NOT genre:Drama", DRAMA, ""),
        ("NOT -genre:Drama", DRAMA, ""),
        ("-(genre:Drama OR year>=2000) x", Not(Or((DRAMA, FROM_2000))), "x"),
        ("dogs AND genre:Drama AND cats", DRAMA, "dogs cats"),
        ("(genre:Drama dogs) cats", DRAMA, "dogs cats"),
        ("genre:Drama dogs OR genre:War cats", Or((DRAMA, WAR)), "dogs cats"),
        ("genre:Drama (see below)", DRAMA, "(see below)"),
        ("genre:Drama f(x) (* x x)", DRAMA, "f(x) (* x x)"),
        ("genre:Drama, and dogs", DRAMA, "and dogs"),
        ("年份：2000，导演：甲 爱", And((Condition(MADE, "eq", (2000,)), Condition(DIRECTOR, "eq", ("甲",)))), "爱"),
        ('"a b" OR -"c d"', Or((Phrase(("a", "b")), Not(Phrase(("c", "d"))))), "a b"),
        ("“人工智能”是什么", Phrase(("人工智能",)), "人工智能是什么"),
        ('-("a" genre:Drama)', Not(And((Phrase(("a",)), DRAMA))), ""),
    ],
)  # fmt: skip
def test_filters_combine_and_words_stay_in_the_question(line: str, expression: Expression, text: str) -> None:
    parsed = parse(line)
    assert (parsed.expression, parsed.text) == (expression, text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "cats or dogs AND birds, NOT found (404)",
        "http://example.org/a?year=2000&b=c",
        "at 12:30 std::vector<int> C:\\Windows -std=c++17 --year=2000",
        "foo:bar a=b p<0.05 List<String> x->y a => b == c",
        "p <= 0.05 and n >= 30",
        "genre: what is it?",
        "genre::x genre://x",
        "什么是“人工智能”？",
        'a 5" disk and "an open quote',
        '"" x',
        "(((((((((((((((((((((((((lisp)))))))))))))))))))))))))",
        ")(",
        "-dogs - -",
        "line one\nline two",
        "a:b:c ：＝ >= < ( : ) , 、",
    ],
)
def test_what_is_no_filter_stays_text_as_it_is(line: str) -> None:
    assert parse(line) == ParsedQuestion(line)
    assert parse(f"{line} genre:Drama").expression == DRAMA


def test_words_that_join_words_are_words() -> None:
    assert parse("cats OR dogs AND NOT birds") == ParsedQuestion("cats OR dogs AND NOT birds")


def test_without_declared_fields_nothing_is_a_filter() -> None:
    assert parse("p<=0.05 yeer:2000 genre!=x", fields=[]) == ParsedQuestion("p<=0.05 yeer:2000 genre!=x")
    hidden = FieldSpec("genre", FieldType.TEXT, filterable=False)
    assert parse("genre:Drama", fields=[hidden]).expression == EVERYTHING


@pytest.mark.parametrize(
    ("line", "field", "operator", "said"),
    [
        ("yeer:2000 dogs", "yeer", "", "Did you mean “year”. If it belongs to the question, put a space"),
        ("-gener:Drama", "gener", "", "Did you mean “genre”"),
        ("score>=4", "score", "", "no filter “score”. Its filters are: genre, author"),
        ("score!=4", "score", "", "no filter “score”"),
        ("NOT foo:bar", "foo", "", "no filter “foo”"),
        ("genre:Drama AND foo:bar", "foo", "", "no filter “foo”"),
        ("foo:bar AND genre:Drama", "foo", "", "no filter “foo”"),
        ("year>=soon", "year", "gte", "“soon” does not fit .* a whole number such as 1999"),
        ("year>=", "year", "gte", "given 0 values; give one"),
        ("year:2000的", "year", "eq", "“2000的” does not fit"),
        ("year:1990...1999", "year", "between", "does not fit"),
        ("year>1,2", "year", "gt", "given 2 values; give one"),
        ("year~19", "year", "contains", "“contains” cannot be used with “year”"),
        ('genre:""', "genre", "eq", "does not fit"),
        ("genre:Drama OR dogs", "", "or", "“OR” joins filters, and “dogs” is none. Put it in quotes"),
        ("cats OR dogs year>=2000", "", "or", "“cats” is none"),
        ("genre:Drama OR", "", "or", "there is none on one side"),
        ("(genre:Drama", "", "", "parenthesis “\\(” beside a filter has no counterpart"),
        ("genre:Drama)", "", "", "parenthesis “\\)” beside a filter has no counterpart"),
        ("(" * 11 + "year:1" + ")" * 11, "", "", "more than 10 levels deep"),
        (" ".join(["year:1"] * 51), "", "", "51 filters; at most 50"),
        (f'"{"x" * 501}"', "", "phrase", "501 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_field_operator_and_remedy(
    line: str, field: str, operator: str, said: str
) -> None:
    with pytest.raises(InvalidFilter, match=said) as refused:
        parse(line)
    assert (refused.value.field, refused.value.operator) == (field, operator)


# --- any line -----------------------------------------------------------------------------------------------------

PIECES = [
    *("genre:Drama", "year>=2000", "-author:Smith", "年份：1990", '"a b"', "“c”", 'genre:"x y"', "tags:a,b"),
    *("AND", "OR", "NOT", "-", "(", ")", "（", "）", ",", '"', "words", "12:30", "f(x)", "\n", "🦊", "genre", ":"),
]


@settings(max_examples=400, deadline=None)
@example(line='"a\N{NO-BREAK SPACE} b" year>=2000')
@given(line=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map(" ".join) | st.text(max_size=60))
def test_every_line_is_read_or_refused_and_each_filter_can_be_taken_out(line: str) -> None:
    try:
        parsed = parse(line)
    except InvalidFilter as error:
        assert str(error)
        return
    assert bool(parsed.filters) is (parsed.expression != EVERYTHING)
    if not parsed.filters:
        return
    for part in parsed.filters:
        assert part.source
        assert len(part.line_without) < len(line)
    assert list(parsed.phrases) == [phrase for phrase in parsed.phrases if phrase in parsed.text]


def typed(condition: Condition) -> Iterator[str]:
    """Yield ways to type a condition."""
    name = condition.field.name
    values = ",".join(f'"{quoted}"' for quoted in (str(value).replace('"', '""') for value in condition.values))
    signs = {"eq": ":", "in": ":", "ne": "!=", "nin": "!=", "gte": ">=", "lt": "<"}
    yield f"{name}{signs[condition.operator]}{values}"
    yield f"{name}{signs[condition.operator].translate(str.maketrans(':=!<>', '：＝！＜＞'))}{values}"


def conditions() -> st.SearchStrategy[Condition]:
    texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)
    values: dict[FieldSpec, st.SearchStrategy[Any]] = {
        GENRE: texts.map(as_stored).filter(bool),
        YEAR: st.integers(-(2**63), 2**63 - 1),
        DAY: st.dates(),
    }

    def of(field: FieldSpec) -> st.SearchStrategy[Condition]:
        one = st.sampled_from(["eq", "ne", "gte", "lt"]).flatmap(
            lambda operator: values[field].map(lambda value: Condition(field, operator, (value,)))
        )
        many = st.lists(values[field], min_size=2, max_size=3).map(tuple)
        return one | st.sampled_from(["in", "nin"]).flatmap(
            lambda operator: many.map(lambda own: Condition(field, operator, own))
        )

    return st.sampled_from(list(values)).flatmap(of)


def as_stored(text: str) -> str:
    """Return a text as a value of a field, "" where it is none."""
    return "".join(map(str, parse_value(text, GENRE, tz=UTC)))


@settings(max_examples=200, deadline=None)
@given(condition=conditions())
def test_what_is_typed_out_of_a_condition_means_it(condition: Condition) -> None:
    for line in typed(condition):
        assert parse(line).expression == condition
