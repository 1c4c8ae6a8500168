"""Judged questions and sentence pairs are read in the forms in use; what is misformed is named by its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from collections_app.evaluation.judged import JudgedQuestion, read_pairs, read_questions
from collections_app.exceptions import InvalidEvaluation

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def at(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return at


def test_json_lines_with_keys_or_grades(write: Write) -> None:
    path = write(
        "questions.jsonl",
        '\ufeff{"id": "q1", "text": "谁在睡觉？🐈", "relevant": ["a", "b"]}\n\n'
        '{"id": 2, "text": "line\u2028separator", "relevant": {"a": 2, "c": 0.5, "d": 0}}\r\n'
        '{"id": "q3", "text": "not relevant to anything", "relevant": {"a": 0}}\n',
    )
    assert read_questions(path) == [
        JudgedQuestion("q1", "谁在睡觉？🐈", {"a": 1.0, "b": 1.0}),
        JudgedQuestion("2", "line\u2028separator", {"a": 2.0, "c": 0.5}),
    ]


@pytest.mark.parametrize(
    "qrels",
    ["q1\ta\t2\nq1\tb\t0\nq9\ta\t1\n", "query-id\tcorpus-id\tscore\nq1\ta\t2\n", "q1 0 a 2\nq1 0 b -1\n\n"],
    ids=["three columns", "with headings", "TREC"],
)
def test_a_folder_of_queries_and_qrels(write: Write, qrels: str, tmp_path: Path) -> None:
    write("queries.jsonl", '{"id": "q1", "text": "one"}\n{"id": "q2", "text": "not judged"}\n')
    write("qrels.tsv", qrels)
    assert read_questions(tmp_path) == [JudgedQuestion("q1", "one", {"a": 2.0})]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": "a", "text": "x", "relevant": ["k"]}\n{oops\n', "questions.jsonl, line 2: it is not JSON"),
        ("[1]\n", "line 1: it is JSON, but no object"),
        ('{"text": "x", "relevant": ["k"]}\n', "line 1: “id” has to be text or a whole number"),
        ('{"id": "a", "text": " ", "relevant": ["k"]}\n', "line 1: “text” has to be text, and not blank"),
        ('{"id": "a", "text": "\\ud83d", "relevant": ["k"]}\n', "line 1: “text” holds half of a surrogate pair"),
        ('{"id": "a", "text": "x\\u0000", "relevant": ["k"]}\n', "line 1: “text” holds a NUL at character 1"),
        ('{"id": "a", "text": "x", "relevant": ["\\u0000"]}\n', "line 1: “relevant” holds a NUL"),
        ('{"id": "a", "text": "x"}\n', "line 1: “relevant” has to be a list of document keys"),
        ('{"id": "a", "text": "x", "relevant": {"k": "good"}}\n', "line 1: “relevant” has to be"),
        ('{"id": "a", "text": "x", "relevant": {"k": true}}\n', "line 1: “relevant” has to be"),
        ('{"id": "a", "text": "x", "relevant": []}\n', "holds no question for which a document is judged relevant"),
        ("", "holds no question"),
        ('{"id": "a", "text": "x", "relevant": ["k"]}\n' * 2, "more than one question with the id 'a'"),
    ],
)
def test_misformed_questions(write: Write, text: str, told: str) -> None:
    with pytest.raises(InvalidEvaluation) as raised:
        read_questions(write("questions.jsonl", text))
    assert told in str(raised.value)


def test_misformed_judgements(write: Write, tmp_path: Path) -> None:
    write("queries.jsonl", '{"id": "q1", "text": "one"}\n')
    write("qrels.tsv", "q1\ta\t1\nq1\tb\tmuch\n")
    with pytest.raises(InvalidEvaluation, match=r"qrels\.tsv, line 2: question, document and grade"):
        read_questions(tmp_path)


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidEvaluation, match="cannot be read: No such file"):
        read_questions(tmp_path / "missing.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(InvalidEvaluation, match="is not UTF-8"):
        read_questions(tmp_path / "latin.jsonl")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.jsonl", '{"s1": "a \\"b\\"", "s2": "c,d", "score": 2.5}\n{"s1": "e", "s2": "f", "score": 0}\n'),
        ("pairs.tsv", 'sentence1\tsentence2\tscore\na "b"\tc,d\t2.5\ne\tf\t0\n'),
        ("pairs.csv", 'sentence1,sentence2,label\n"a ""b""","c,d",2.5\ne,f,0\n'),
    ],
)
def test_sentence_pairs(write: Write, name: str, text: str) -> None:
    pairs = read_pairs(write(name, text))
    assert [(pair.first, pair.second, pair.score) for pair in pairs] == [('a "b"', "c,d", 2.5), ("e", "f", 0.0)]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.jsonl", '{"s1": "a", "s2": "b", "score": 1}\n', "holds 1 sentence pairs"),
        ("p.jsonl", '{"s1": "a", "s2": "b", "score": "NaN"}\n', "line 1: “score” has to be a number"),
        ("p.tsv", "s1\ts2\tscore\na\tb\t1\na\t\t1\n", "p.tsv, line 3: “s2” has to be text"),
        ("p.csv", "a,b,c\n1,2,3\n", "line 2: “score” has to be a number"),
        ("p.csv", "", "holds 0 sentence pairs"),
    ],
)
def test_misformed_pairs(write: Write, name: str, text: str, told: str) -> None:
    with pytest.raises(InvalidEvaluation) as raised:
        read_pairs(write(name, text))
    assert told in str(raised.value)
