"""A typed line -> the question in it, its exact phrases, and its filters. Pure.

    line   = either
    either = every { "OR" every }
    every  = { ["AND"] unary | word }
    unary  = ("NOT" | "-") unary | "(" either ")" | filter | phrase

Words are no part of an expression: they stay in the question wherever they stand. So what joins words alone is a word
itself (`cats OR dogs`, `f(x)`, `NOT found`), and only what has a filter or a phrase in it is an expression.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from collections_app.extraction.characters import clean_text
from collections_app.metadata import FieldSpec
from search_app import filter_errors
from search_app.filters import (
    EVERYTHING,
    MAX_DEPTH,
    Expression,
    Not,
    Or,
    Phrase,
    all_of,
    by_name,
    check_size,
)
from search_app.question_tokens import Kind, Token, settle, tokens


@dataclass(frozen=True, slots=True)
class TypedFilter:
    """A filter of a line that can be taken out of it: how it was typed, what it means, and the line without it.

    A phrase that is wanted leaves its words in the line.
    """

    source: str
    expression: Expression
    line_without: str


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """What a line asks. `text` is the question, with the words of `phrases`, which are those that must be there.

    `expression` is what all of `filters` mean together, EVERYTHING where there is none.
    """

    text: str
    phrases: tuple[str, ...] = ()
    expression: Expression = EVERYTHING
    filters: tuple[TypedFilter, ...] = ()


def parse_question(line: str, fields: Sequence[FieldSpec], *, tz: tzinfo) -> ParsedQuestion:
    """Read a line such as `year>=2000 genre:Drama -author:Smith "exact phrase" why did they part`.

    What is no filter stays in the question as it is; a line without filters and phrases is the question. Naive
    date-times are read in `tz`. Raises InvalidFilter, naming field, operator and remedy.
    """
    line = clean_text(line).strip()
    known = by_name(fields)
    parts = _Parser(line, settle(tokens(line, known, tz=tz), known)).line()
    if not parts:
        return ParsedQuestion(line)
    expression = all_of(*(part.expression for part in parts))
    check_size(expression)
    cuts = [cut for part in parts for cut in part.cuts]
    return ParsedQuestion(
        text=_without(line, cuts),
        phrases=tuple(cut.stays for cut in cuts if cut.stays),
        expression=expression,
        filters=tuple(
            TypedFilter(
                source=_typed(line, part.cuts),
                expression=part.expression,
                line_without=_without(line, part.cuts),
            )
            for part in parts
        ),
    )


@dataclass(frozen=True, slots=True, order=True)
class _Cut:
    """A stretch that is taken out of the line, and what stays in its place."""

    start: int
    end: int
    stays: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """An expression, and all that was typed for it, in order."""

    expression: Expression
    cuts: Sequence[_Cut]


def _typed(line: str, cuts: Sequence[_Cut]) -> str:
    pieces, at = [], cuts[0].start
    for cut in cuts:
        pieces += [" " if cut.start > at else "", line[cut.start : cut.end]]
        at = cut.end
    return "".join(pieces).rstrip(",，、")


def _without(line: str, cuts: Sequence[_Cut]) -> str:
    pieces, at = [], 0
    for cut in cuts:
        pieces += [line[at : cut.start], cut.stays]
        at = cut.end
    return _spaced("".join([*pieces, line[at:]]))


def _spaced(text: str) -> str:
    """Return a text with one space wherever white space of any kind is, that which does not break included."""
    return " ".join(text.split())


@dataclass(slots=True)
class _Parser:
    """Recursive descent over tokens that `settle` has left."""

    line_: str
    tokens: Sequence[Token]
    at: int = 0

    def line(self) -> Sequence[_Part]:
        """Return the parts of the line that all hold; none where there is no filter."""
        return self._either(0, negated=False)

    def _either(self, depth: int, *, negated: bool) -> Sequence[_Part]:
        if depth > MAX_DEPTH:
            raise filter_errors.too_deep(most=MAX_DEPTH)
        operands, joining = [self._every(depth, negated=negated)], []
        starts = [0]
        while self._kind() is Kind.OR:
            joining.append(self._take())
            starts.append(self.at)
            operands.append(self._every(depth, negated=negated))
        if len(operands) == 1 or not any(operands):
            return [part for operand in operands for part in operand]
        for operand, start in zip(operands, starts, strict=True):
            if not operand:
                raise filter_errors.joins_words("OR", self._words(start))
        cuts = [*joining, *(cut for operand in operands for part in operand for cut in part.cuts)]
        every = (all_of(*(part.expression for part in operand)) for operand in operands)
        return [_Part(Or(tuple(every)), sorted(cuts))]

    def _every(self, depth: int, *, negated: bool) -> Sequence[_Part]:
        parts: list[_Part] = []
        joining: list[_Cut] = []
        while self._kind() not in (None, Kind.OR, Kind.CLOSE):
            if self._kind() is Kind.WORD:
                self.at += 1
            elif self._kind() is Kind.AND:
                joining.append(self._take())
            else:
                part = self._unary(depth, negated=negated)
                parts.append(replace(part, cuts=sorted([*joining, *part.cuts])))
                joining = []
        if joining and parts:
            parts[-1] = replace(parts[-1], cuts=[*parts[-1].cuts, *joining])
        return parts

    def _unary(self, depth: int, *, negated: bool) -> _Part:
        cuts: list[_Cut] = []
        while self._kind() in (Kind.NOT, Kind.MINUS):
            cuts.append(self._take())
        is_negation = len(cuts) % 2 == 1
        token = self.tokens[self.at]
        if token.kind is Kind.OPEN:
            cuts.append(self._take())
            inner = self._either(depth + 1, negated=negated != is_negation)
            cuts += [cut for part in inner for cut in part.cuts]
            cuts.append(self._take())
            expression = all_of(*(part.expression for part in inner))
        else:
            stays = _spaced(" ".join(token.expression.words)) if isinstance(token.expression, Phrase) else ""
            cuts.append(self._take(stays="" if negated != is_negation else stays))
            expression = token.expression or EVERYTHING
        return _Part(Not(expression) if is_negation else expression, cuts)

    def _kind(self) -> Kind | None:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else None

    def _take(self, *, stays: str = "") -> _Cut:
        token = self.tokens[self.at]
        self.at += 1
        return _Cut(token.start, token.end, stays)

    def _words(self, start: int) -> str:
        """Return the words from a token on that are followed by no filter."""
        words = []
        for token in self.tokens[start:]:
            if token.kind is not Kind.WORD:
                break
            words.append(self.line_[token.start : token.end])
        return " ".join(words)
