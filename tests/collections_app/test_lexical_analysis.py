"""Text -> terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collections_app.lexical import Bag, bag_of, number_of, terms_of


def terms(text: str) -> set[str]:
    return set(terms_of(text))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("index", "Indexes, indexing and INDEXED"),
        ("os.path.join", "Call os.path.join(a, b)."),
        ("path", "Call os.path.join(a, b)."),
        ("C++", "It is written in C++."),
        ("c#", "C# and F#, and C too"),
        (".NET", "on .NET 8"),
        ("snake_case", "a snake_case name"),
        ("snake", "a snake_case name"),
        ("query set", "QuerySet"),
        ("queryset", "QuerySet"),
        ("http response", "getHTTPResponse()"),
        ("ann@example.org", "Write to Ann@Example.org!"),
        ("example", "Write to Ann@Example.org!"),
        ("1000000", "1,000,000 rows"),
        ("3.14", "π is about 3.14159, or 3.14"),
        ("std::vector", "a std::vector of ints"),
        ("author", "the author’s and the authors' books"),
        ("ＦＵＬＬ　ＷＩＤＴＨ", "full width"),
        ("naive cafe", "naïve café"),
        ("straße", "STRASSE"),
        ("北京", "我在北京大学读书"),
        ("京", "我在北京大学读书"),
        ("Django模型", "用Django写模型"),
        ("とうきょう", "とうきょうタワー"),
        ("한국어", "한국어를 배운다"),
        ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
        ("👍", "well done 👍🏽!"),
        ("🇩🇪", "made in 🇩🇪"),
    ],
)
def test_a_question_shares_all_its_terms_with_the_text_that_answers_it(question: str, text: str) -> None:
    assert terms(question)
    assert terms(question) <= terms(text)


@pytest.mark.parametrize(("one", "other"), [("C", "C++"), ("C#", "C++"), ("🇩🇪", "🇫🇷"), ("北", "京")])
def test_what_differs_has_terms_that_differ(one: str, other: str) -> None:
    assert terms(one) != terms(other)


@pytest.mark.parametrize("text", ["", " \n\t", "!!! ... ???", "\x00\x07", "___", "++", "‍️", "́"])
def test_what_says_nothing_has_no_terms_or_harmless_ones(text: str) -> None:
    assert len(terms(text)) <= 1


@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_can_be_analysed_and_always_alike(text: str) -> None:
    bag = bag_of(text)
    assert bag.length == sum(1 for _ in terms_of(text))
    assert int(bag.counts.sum()) == bag.length
    back = Bag.from_bytes(bag.to_bytes(), bag.length)
    assert list(back.terms) == sorted({number_of(term) for term in terms_of(text)})
    assert list(back.counts) == list(bag.counts)


@pytest.mark.parametrize("unit", ["a", "a.", "a@", "中", "_", "'s", "+", "\u0301", "\ud800", "Aa"])
def test_an_endless_word_takes_no_endless_time(unit: str) -> None:
    assert bag_of(unit * 200_000).length <= 600_000


def test_a_term_has_the_same_number_in_every_process() -> None:
    assert number_of("tea") == 10_431_608_578_837_538_234
