"""Cutting texts into passages and saying where each is found."""

import itertools
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_text_splitter import TextSplitter

from collections_app.chunking import Passage, as_given, cut, embedding_input, locate
from collections_app.embeddings import load_embedder
from collections_app.extraction import Segment


def words(piece: str) -> int:
    return len(piece.split()) or 1


@given(st.text(max_size=3000), st.integers(1, 40), st.booleans())
def test_every_passage_is_a_stretch_of_its_text_and_nothing_visible_is_lost(
    text: str, capacity: int, markdown: bool
) -> None:
    passages = cut(text, markdown=markdown, capacity=capacity, count_tokens=words)
    assert all(text[passage.start : passage.end] == passage.text for passage in passages)
    assert all(passage.text.strip() for passage in passages)
    covered = {position for passage in passages for position in range(passage.start, passage.end)}
    assert all(position in covered for position, character in enumerate(text) if not character.isspace())


@cache
def splitter_of(capacity: int) -> TextSplitter:
    return TextSplitter.from_huggingface_tokenizer(load_embedder("local").tokenizer, capacity)


# The tokeniser makes one token of a word with a character that it does not know, however many its letters alone are.
# The splitter counts ever longer beginnings, and then ends before it. So that character stands alone here.
texts = st.lists(st.sampled_from([*"ab é.!?\n\t中文，", " 🙂 "]), max_size=80).map("".join)


@settings(deadline=None)
@given(texts, st.sampled_from([1, 2, 10, 40]))
def test_a_text_that_fits_is_one_passage_and_the_very_one_that_the_splitter_would_give(
    text: str, capacity: int
) -> None:
    pieces = splitter_of(capacity).chunk_indices(text)
    expected = [(start, start + len(piece), piece) for start, piece in pieces if piece.strip()]
    passages = cut(text, markdown=False, capacity=capacity, tokenizer=load_embedder("local").tokenizer)
    assert [(passage.start, passage.end, passage.text) for passage in passages] == expected


def test_a_word_that_the_tokeniser_does_not_know_is_one_passage_if_it_fits() -> None:
    tokenizer = load_embedder("local").tokenizer
    assert [passage.text for passage in cut("aab🙂", markdown=False, capacity=1, tokenizer=tokenizer)] == ["aab🙂"]


def test_passages_keep_to_the_capacity() -> None:
    text = "A sentence of some words. " * 200
    assert all(words(passage.text) <= 50 for passage in cut(text, markdown=False, capacity=50, count_tokens=words))


def test_overlap_repeats_the_end_of_the_passage_before() -> None:
    text = " ".join(f"word{number}." for number in range(300))
    passages = cut(text, markdown=False, capacity=50, overlap=10, count_tokens=words)
    assert len(passages) > 6
    assert all(later.start < earlier.end for earlier, later in itertools.pairwise(passages))


def test_a_million_letters_without_a_space_are_cut_all_the_same() -> None:
    passages = cut("x" * 1_000_000, markdown=False, capacity=200, count_tokens=words)
    assert max(len(passage.text) for passage in passages) <= 2400
    assert sum(len(passage.text) for passage in passages) == 1_000_000


def test_white_space_gives_no_passage() -> None:
    assert cut(" \n\t " * 1000, markdown=False, capacity=10, count_tokens=words) == []


def test_markdown_is_cut_at_its_headings() -> None:
    text = "# One\n\n" + "alpha " * 30 + "\n\n# Two\n\n" + "beta " * 30
    passages = cut(text, markdown=True, capacity=40, count_tokens=words)
    assert [passage.text.split("\n")[0] for passage in passages] == ["# One", "# Two"]


def test_a_passage_knows_its_page_and_its_path_of_headings() -> None:
    segments = [
        Segment("page", "1", 0, 0, 50),
        Segment("page", "2", 0, 50, 100),
        Segment("heading", "Book", 1, 0, 100),
        Segment("heading", "First", 2, 10, 60),
        Segment("heading", "Second", 2, 60, 100),
    ]
    passages = [Passage(0, 5, "x"), Passage(20, 30, "x"), Passage(70, 80, "x")]
    assert locate(segments, passages) == [
        {"page": "1", "headings": ["Book"]},
        {"page": "1", "headings": ["Book", "First"]},
        {"page": "2", "headings": ["Book", "Second"]},
    ]


def test_passages_that_were_given_stay_and_what_lies_between_them_is_cut() -> None:
    text = "before\n\none two\n\nadded later 猫\n\nthree\n\nafter"
    start, end = text.index("three"), text.index("one two")
    given_ = [Segment("passage", "", 0, start, start + 5), Segment("passage", "", 0, end, end + 7)]
    passages = as_given(text, given_, lambda rest: cut(rest, markdown=False, capacity=10, count_tokens=words))
    assert [passage.text for passage in passages] == ["before", "one two", "added later 猫", "three", "after"]
    assert all(text[passage.start : passage.end] == passage.text for passage in passages)
    assert as_given("all", [Segment("passage", "", 0, 0, 3)], lambda rest: []) == [Passage(0, 3, "all")]


@pytest.mark.parametrize(
    ("title", "headings", "text", "expected"),
    [
        ("Cats", [], "They purr.", "Cats\nThey purr."),
        ("Cats", ["Sounds"], "They purr.", "Cats › Sounds\nThey purr."),
        ("Cats", ["Cats", "Sounds"], "## Sounds\nThey purr.", "Cats\n## Sounds\nThey purr."),
        ("Cats", [], "# Cats\nThey purr.", "# Cats\nThey purr."),
        ("", [], "They purr.", "They purr."),
        ("Cats", [], "", "Cats"),
    ],
)
def test_what_is_embedded_names_its_subject_once(title: str, headings: list[str], text: str, expected: str) -> None:
    assert embedding_input(title, {"headings": headings}, text) == expected
