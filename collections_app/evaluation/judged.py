"""Questions with the documents that answer them, and pairs of sentences with how alike they are, read from files.

What cannot be read is an InvalidEvaluation that names the file, the line and what would be right.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from collections_app.exceptions import InvalidEvaluation

QUERIES, QRELS = "queries.jsonl", "qrels.tsv"
# Names of the two sentences and their score that published sets use.
_SENTENCES = (("s1", "sentence1", "sentence_a"), ("s2", "sentence2", "sentence_b"), ("score", "similarity", "label"))

Judgements: TypeAlias = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question, and the keys of the documents that answer it with their grades, above 0; at least one."""

    id: str
    text: str
    relevant: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SentencePair:
    """Two sentences and how alike people found them; only the order of the scores matters."""

    first: str
    second: str
    score: float


def read_questions(path: Path) -> list[JudgedQuestion]:
    """Read the questions that have a relevant document.

    From a file of JSON Lines, {"id", "text", "relevant": [key, …] or {key: grade}}, or from a folder of queries.jsonl,
    {"id", "text"}, and qrels.tsv: question, document and grade by tabs, as in TREC also with a second column that is
    not read, with or without a line of headings. Grades of 0 and less say that a document is not relevant.
    """
    if not path.is_dir():
        return parse_questions(_text_of(path), name=path.name)
    judged = read_judgements(path / QRELS)
    name = QUERIES
    rows = list(_json_lines(_text_of(path / QUERIES), name=name))
    questions = [
        JudgedQuestion(_id(row, name, number), _string(row, "text", name, number), judged[_id(row, name, number)])
        for number, row in rows
        if judged.get(_id(row, name, number))
    ]
    return _checked(questions, name=f"{path.name}/{name}")


def parse_questions(text: str, *, name: str) -> list[JudgedQuestion]:
    """Read judged questions from JSON Lines; `name` is what errors call them."""
    questions = []
    for number, row in _json_lines(text, name=name):
        question = JudgedQuestion(
            _id(row, name, number), _string(row, "text", name, number), _relevant(row.get("relevant"), name, number)
        )
        if question.relevant:
            questions.append(question)
    return _checked(questions, name=name)


def read_judgements(path: Path) -> Judgements:
    """Read the grades of relevant documents by question and document, from qrels as `read_questions` takes them."""
    judged: dict[str, dict[str, float]] = {}
    for number, line in enumerate(_text_of(path).splitlines(), start=1):
        columns = line.split("\t") if "\t" in line else line.split()
        if not columns:
            continue
        grade = _number(columns[-1])
        if len(columns) not in {3, 4} or grade is None:
            if number == 1 and len(columns) == 3:
                continue
            raise _misformed(path.name, number, "question, document and grade, by tabs, are needed; such as: q1\td7\t1")
        if grade > 0:
            judged.setdefault(columns[0], {})[columns[-2]] = grade
    return judged


def read_pairs(path: Path) -> list[SentencePair]:
    """Read sentence pairs: JSON Lines, {"s1", "s2", "score"}, or .tsv or .csv with those names as its first line.

    `sentence1`, `sentence2`, `similarity` and the like are read as well. At least two pairs are needed.
    """
    text, name = _text_of(path), path.name
    rows = _table(text, path) if path.suffix.lower() in {".csv", ".tsv"} else _json_lines(text, name=name)
    pairs = [_pair(row, name, number) for number, row in rows]
    if len(pairs) < 2:
        raise InvalidEvaluation(f"{name} holds {len(pairs)} sentence pairs; a correlation needs at least two.")
    return pairs


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidEvaluation(f"{path.name} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    except OSError as error:
        raise InvalidEvaluation(f"{path} cannot be read: {error.strerror or error}. Name another file.") from error


def _json_lines(text: str, *, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not splitlines(): U+2028 and its like may stand inside of a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _misformed(name, number, f"it is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise _misformed(name, number, "it is JSON, but no object {…}")
        yield number, row


def _table(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Published .tsv files do not quote; a sentence may begin with a quotation mark.
    is_tsv = path.suffix.lower() == ".tsv"
    dialect: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if is_tsv else {}
    reader = csv.DictReader(io.StringIO(text, newline=""), **dialect)
    try:
        yield from ((reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise _misformed(path.name, reader.line_num, str(error)) from error


def _pair(row: Mapping[str, Any], name: str, number: int) -> SentencePair:
    keys = [next((one for one in names if row.get(one) is not None), names[0]) for names in _SENTENCES]
    score = _number(row.get(keys[2]))
    if score is None:
        raise _misformed(name, number, f"“{_SENTENCES[2][0]}” has to be a number")
    return SentencePair(_string(row, keys[0], name, number), _string(row, keys[1], name, number), score)


def _checked(questions: Sequence[JudgedQuestion], *, name: str) -> list[JudgedQuestion]:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise InvalidEvaluation(
                f"{name} has more than one question with the id {question.id!r}; give each its own."
            )
        seen.add(question.id)
    if not questions:
        raise InvalidEvaluation(f"{name} holds no question for which a document is judged relevant.")
    return list(questions)


def _id(row: Mapping[str, Any], name: str, number: int) -> str:
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise _misformed(name, number, "“id” has to be text or a whole number")
    return _storable(str(value), "id", name, number)


def _string(row: Mapping[str, Any], key: str, name: str, number: int) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _misformed(name, number, f"“{key}” has to be text, and not blank")
    return _storable(value, key, name, number)


def _storable(value: str, key: str, name: str, number: int) -> str:
    """Return text that every database takes."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _misformed(name, number, f"“{key}” holds half of a surrogate pair at character {error.start}") from error
    if "\0" in value:
        raise _misformed(name, number, f"“{key}” holds a NUL at character {value.index(chr(0))}")
    return value


def _relevant(value: Any, name: str, number: int) -> dict[str, float]:
    if isinstance(value, list | dict) and all(isinstance(key, str) for key in value):
        for key in value:
            _storable(key, "relevant", name, number)
    if isinstance(value, list) and all(isinstance(key, str) for key in value):
        return dict.fromkeys(value, 1.0)
    if isinstance(value, dict):
        grades = {key: None if isinstance(grade, bool) else _number(grade) for key, grade in value.items()}
        if None not in grades.values():
            return {key: grade for key, grade in grades.items() if grade is not None and grade > 0}
    raise _misformed(name, number, "“relevant” has to be a list of document keys, or an object of keys and grades")


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _misformed(name: str, number: int, what: str) -> InvalidEvaluation:
    return InvalidEvaluation(f"{name}, line {number}: {what}.")
