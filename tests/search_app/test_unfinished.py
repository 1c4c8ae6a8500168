"""What of a line is being typed at its end."""

import pytest

from collections_app.metadata import FieldSpec, FieldType
from search_app.unfinished import Part, Unfinished, unfinished

YEAR = FieldSpec(name="year", type=FieldType.INTEGER)
GENRE = FieldSpec(name="genre", type=FieldType.TEXT)
PLACE = FieldSpec(name="产地", type=FieldType.TEXT)
KNOWN = {field.name: field for field in (YEAR, GENRE, PLACE)}


@pytest.mark.parametrize(
    ("line", "start", "text"),
    [
        ("ye", 0, "ye"),
        ("war and ge", 8, "ge"),
        ("-ge", 1, "ge"),
        ("(ge", 1, "ge"),
        ("🚀 产", 2, "产"),
        ("x 产地", 2, "产地"),
    ],
)
def test_a_word_may_become_the_name_of_a_field(line: str, start: int, text: str) -> None:
    assert unfinished(line, KNOWN) == Unfinished(Part.NAME, start, text)


@pytest.mark.parametrize(
    ("line", "start", "text", "field", "sign"),
    [
        ("genre:", 6, "", GENRE, ":"),
        ("war genre:Dr", 10, "Dr", GENRE, ":"),
        ("-genre:Dr", 7, "Dr", GENRE, ":"),
        ("genre:Drama,Wa", 12, "Wa", GENRE, ":"),
        ('genre:"Film noir","Wes', 18, "Wes", GENRE, ":"),
        ('genre:"Film n', 6, "Film n", GENRE, ":"),
        ("year>=19", 6, "19", YEAR, ">="),
        ("year：", 5, "", YEAR, ":"),
        ("年份 产地：中", 6, "中", PLACE, ":"),
        ("year＞＝2", 6, "2", YEAR, ">="),
    ],
)
def test_what_follows_a_name_and_a_sign_is_a_value(
    line: str, start: int, text: str, field: FieldSpec, sign: str
) -> None:
    assert unfinished(line, KNOWN) == Unfinished(Part.VALUE, start, text, field, sign)


@pytest.mark.parametrize("line", ["http://x", "12:3", "foo:ba", '"exact ye', "genre:Drama ", ""])
def test_nothing_else_is_completed(line: str) -> None:
    assert unfinished(line, KNOWN) is None


def test_the_longest_line_is_read_at_once() -> None:
    assert unfinished("genre:" + "a," * 397, KNOWN) is not None
    assert unfinished("genre:" + '"' * 790 + " x", KNOWN) is not None
