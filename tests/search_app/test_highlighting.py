"""The question's words in a passage."""

import pytest

from search_app.highlighting import Fragment, excerpt, fragments, sentences


def marked(text: str, query: str, length: int = 1000) -> list[str]:
    return [piece.text for piece in excerpt(text, query, length=length) if piece.marked]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Cats and a cat's tail, not concatenation", "cat", ["Cats", "cat"]),
        ("one box, two boxes", "boxes", ["box", "boxes"]),
        ("a class of classes", "class", ["class", "classes"]),
        ("The car is on the road", "what is the car", ["car"]),
        ("to be or not to be", "to be", ["to", "be", "to", "be"]),
        ("ÉCOLE d'été", "école", ["ÉCOLE"]),
        ("如何训练一个模型", "训练模型", ["训练", "模型"]),
        ("向量数据库很快", "数据库", ["数据库"]),
        ("用 Python 写", "python写", ["Python", "写"]),
        ("C++ (and *) costs $5", "c++ * ( $5", ["C++", "5"]),
        ("Compressing, compressed: compression", "compress", ["Compressing", "compressed", "compression"]),
        ("use os.path.join here", "join a path", ["path", "join"]),
        ("a ZipFile", "zip", ["ZipFile"]),
        ("カタカナの本", "カタカナ", ["カタカナ"]),
        ("the résumé", "resume", ["résumé"]),
        ("a 🐦 sings", "🐦", ["🐦"]),
        ("no match here", "zebra", []),
        ("anything", "???", []),
    ],
)
def test_the_words_of_the_question_are_marked(text: str, query: str, expected: list[str]) -> None:
    assert marked(text, query) == expected


def test_the_fragments_together_are_the_whole_text_when_it_is_short() -> None:
    text = "<b>Bold</b> & bold\nnext line"
    assert "".join(piece.text for piece in excerpt(text, "bold", length=100)) == text


def test_a_long_passage_is_shown_where_most_of_the_words_are() -> None:
    text = "lorem ipsum " * 50 + "the silver rocket lands" + " dolor sit" * 50
    pieces = excerpt(text, "silver rocket", length=80)
    assert marked(text, "silver rocket", 80) == ["silver", "rocket"]
    assert (pieces[0], pieces[-1]) == (Fragment("… ", False), Fragment(" …", False))
    assert len("".join(piece.text for piece in pieces)) < 130


def test_a_long_passage_without_the_words_is_shown_from_its_beginning_and_cut_at_a_word() -> None:
    pieces = excerpt("alpha beta gamma " * 30, "zebra", length=40)
    assert "".join(piece.text for piece in pieces) == "alpha beta gamma alpha beta gamma alpha …"


def test_chinese_is_cut_without_looking_for_spaces() -> None:
    pieces = excerpt("春眠不觉晓处处闻啼鸟" * 20, "啼鸟", length=30)
    assert 30 <= len("".join(piece.text for piece in pieces)) <= 36


def test_a_question_of_thousands_of_words_marks_without_delay() -> None:
    text = "word " * 2000
    assert len(marked(text, " ".join(f"term{number}" for number in range(5000)) + " word", 10_000)) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("A wrapped\nsentence. Another", ["A wrapped\nsentence.", "Another"]),
        ("A heading\n\n  A paragraph", ["A heading", "A paragraph"]),
        ("春眠不觉晓。处处闻啼鸟！", ["春眠不觉晓。", "处处闻啼鸟！"]),
        ("“他说：好。”然后走了。", ["“他说：好。”", "然后走了。"]),
        ("Version 3.14 of os.path costs 1.50", ["Version 3.14 of os.path costs 1.50"]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_sentences_end_at_stops_and_with_paragraphs(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


def test_the_closest_sentence_is_set_apart_beside_the_marks() -> None:
    assert fragments("ab cd ef", [(3, 5)], close=(3, 8)) == [
        Fragment("ab ", False),
        Fragment("cd", True, close=True),
        Fragment(" ef", False, close=True),
    ]
