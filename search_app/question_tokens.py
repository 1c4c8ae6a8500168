"""A typed line -> tokens: filters, phrases, the words that join them, and everything else. Pure.

A token begins a word: after white space, an opening parenthesis, a leading minus or a closing quote. Everything that is
not a token of another kind is a WORD, and belongs to the question as it stands.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum
from unicodedata import category

from collections_app.metadata import FieldSpec, FieldType, normalise_name
from search_app import filter_errors
from search_app.filters import Condition, Expression, read_condition, read_phrase


class Kind(Enum):
    """What a token is."""

    WORD = "part of the question"
    FILTER = "a comparison of a field"
    PHRASE = "words in quotes"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    MINUS = "-"
    OPEN = "("
    CLOSE = ")"


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the line. `expression` is that of a FILTER or PHRASE.

    `field` is what stands in a WORD where the name of a field would be, if a comparison follows it: `foo` in `foo:bar`.
    """

    kind: Kind
    start: int
    end: int
    expression: Expression | None = None
    field: str = ""


CLOSING = {'"': '"', "＂": "＂", "“": "”", "「": "」", "『": "』"}
_JOINING = re.compile(r"(AND|OR|NOT)(?=[\s()（）]|$)")
NAME = r"[^\s:：=＝<＜>＞!！~～≥≤≠()（）,，、\"＂“”「」『』]+"
COMPARING = r"[>＞][=＝]|[<＜][=＝]|[!！][=＝]|[≥≤≠>＞<＜~～]|[=＝]{1,2}"
_COMPARISON = re.compile(rf"({NAME})(?:([:：]?(?:{COMPARING})|[:：])|\s+({COMPARING}))")
# The same in the keys of full-width keyboards.
NARROW = str.maketrans("：＝＜＞！～", ":=<>!~")
_OPERATORS = {
    "": "eq", "=": "eq", "==": "eq", "!=": "ne", "≠": "ne", ">=": "gte", "≥": "gte", "<=": "lte", "≤": "lte",
    ">": "gt", "<": "lt", "~": "contains",
}  # fmt: skip
_PLURAL = {"eq": "in", "ne": "nin"}
# Between a name that is not declared and a value, these are never anything but a filter.
_UNMISTAKABLE = frozenset({"gte", "lte", "ne"})
_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"[^\s,，、()（）]*")


def tokens(line: str, known: Mapping[str, FieldSpec], *, tz: tzinfo) -> list[Token]:
    """Cut a line into tokens. Raises InvalidFilter for a comparison that cannot be read."""
    return list(_Tokeniser(line, known, tz).run())


def settle(found: Sequence[Token], known: Mapping[str, FieldSpec]) -> list[Token]:
    """Make words of what joins nothing but words: parentheses without a filter in them, `AND` between words, ….

    What is left is balanced. Raises InvalidFilter for a parenthesis beside a filter that has no counterpart, and for
    what would be a filter where one has to be, if its field were declared.
    """
    settled = list(found)
    _settle_groups(settled)
    for at in reversed(range(len(settled))):
        if settled[at].kind in (Kind.NOT, Kind.MINUS) and not _is_one_of(settled, at + 1, _BEGINNING):
            _require_no_field(settled, at + 1, known)
            settled[at] = _as_word(settled[at])
    for at, token in enumerate(settled):
        if token.kind is Kind.AND:
            if _is_one_of(settled, at - 1, _ENDING) or _is_one_of(settled, at + 1, _BEGINNING):
                _require_no_field(settled, at - 1, known)
                _require_no_field(settled, at + 1, known)
            else:
                settled[at] = _as_word(token)
    return settled


_BEGINNING = frozenset({Kind.FILTER, Kind.PHRASE, Kind.OPEN, Kind.NOT, Kind.MINUS})
_ENDING = frozenset({Kind.FILTER, Kind.PHRASE, Kind.CLOSE})


def _settle_groups(settled: list[Token]) -> None:
    """Leave the parentheses that have a filter or a phrase between them, and make words of the others."""
    # Of every open group: where it opens, and whether it has a filter.
    groups: list[tuple[int, bool]] = []
    for at, token in enumerate(list(settled)):
        match token.kind:
            case Kind.OPEN:
                groups.append((at, False))
            case Kind.FILTER | Kind.PHRASE if groups:
                groups[-1] = (groups[-1][0], True)
            case Kind.CLOSE if groups:
                opening, is_filter = groups.pop()
                if is_filter and groups:
                    groups[-1] = (groups[-1][0], True)
                if not is_filter:
                    settled[opening], settled[at] = _as_word(settled[opening]), _as_word(token)
            case Kind.CLOSE:
                if _is_one_of(settled, at - 1, {Kind.FILTER}) and settled[at - 1].end == token.start:
                    raise filter_errors.lonely_parenthesis(")")
                settled[at] = _as_word(token)
    for opening, _is_filter in groups:
        if _is_one_of(settled, opening + 1, {Kind.FILTER}) and settled[opening].end == settled[opening + 1].start:
            raise filter_errors.lonely_parenthesis("(")
        settled[opening] = _as_word(settled[opening])


def _as_word(token: Token) -> Token:
    return Token(Kind.WORD, token.start, token.end)


def _is_one_of(found: Sequence[Token], at: int, kinds: Container[Kind]) -> bool:
    return 0 <= at < len(found) and found[at].kind in kinds


def _require_no_field(found: Sequence[Token], at: int, known: Mapping[str, FieldSpec]) -> None:
    if _is_one_of(found, at, {Kind.WORD}) and found[at].field:
        raise filter_errors.unknown_field_in_line(found[at].field, known)


@dataclass(slots=True)
class _Tokeniser:
    line: str
    known: Mapping[str, FieldSpec]
    tz: tzinfo
    at: int = 0
    open: int = 0

    def run(self) -> Iterator[Token]:
        while (start := self._after_space(self.at)) < len(self.line):
            self.at = start
            token = self._token()
            self.open += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE and self.open > 0)
            self.at = token.end
            yield token

    def _token(self) -> Token:
        start, letter = self.at, self.line[self.at]
        if letter in "(（":
            return Token(Kind.OPEN, start, start + 1)
        if letter in ")）":
            return Token(Kind.CLOSE, start, start + 1)
        if letter in "-－" and self._begins_filter(start + 1):
            return Token(Kind.MINUS, start, start + 1)
        if joining := _JOINING.match(self.line, start):
            return Token(Kind[joining[1]], start, joining.end())
        return self._phrase() or self._filter() or self._word(start, "")

    def _begins_filter(self, start: int) -> bool:
        """Say whether a minus before `start` takes something away: a phrase, a group or a declared field follows."""
        following = self.line[start : start + 1]
        if following in CLOSING:
            return self._closing(start) > 0
        found = _COMPARISON.match(self.line, start)
        return following in ("(", "（") or bool(found and found[2] and (self._field(found[1]) or self._near(found[1])))

    def _phrase(self) -> Token | None:
        end = self._closing(self.at)
        if not end:
            return None
        phrase = read_phrase(_unquoted(self.line[self.at : end]))
        # Quotes without anything in them are what the eye skips.
        return Token(Kind.PHRASE if phrase else Kind.WORD, self.at, end, phrase)

    def _closing(self, start: int) -> int:
        """Return where the quotes that open at `start` are over, 0 where none open or they stay open."""
        closing = CLOSING.get(self.line[start : start + 1], "")
        at = start + 1
        while closing and (at := self.line.find(closing, at)) >= 0:
            if not self.line.startswith(closing * 2, at):
                return at + 1
            at += 2
        return 0

    # --- comparisons ----------------------------------------------------------------------------------------------

    def _filter(self) -> Token | None:
        found = _COMPARISON.match(self.line, self.at)
        if not found:
            return None
        name, is_spaced = found[1], found[2] is None
        sign = (found[2] or found[3]).translate(NARROW)
        field, operator = self._field(name), _OPERATORS[sign.removeprefix(":")]
        following = self.line[found.end() : found.end() + 1]
        begins_value = bool(following.strip()) and following not in ")）"
        if sign == ":" and (not begins_value or self.line.startswith((":", "：", "//"), found.end())):
            return None
        if field is None:
            return self._undeclared(name, operator, is_spaced=is_spaced or not begins_value)
        values, is_bare, end = self._values(self._after_space(found.end()))
        condition = self._read(field, operator, values, is_bare=is_bare)
        return Token(Kind.FILTER, self.at, end, condition)

    def _field(self, name: str) -> FieldSpec | None:
        """Return the declared field of a name, as it is or as a field is named after such a heading: File-Type."""
        return self.known.get(name) or (self.known.get(normalise_name(name)) if name[0].isalpha() else None)

    def _near(self, name: str) -> str | None:
        return filter_errors.nearest(name.lower(), self.known) if _looks_like_a_name(name) else None

    def _undeclared(self, name: str, operator: str, *, is_spaced: bool) -> Token | None:
        if is_spaced or not self.known or not _looks_like_a_name(name):
            return None
        if operator in _UNMISTAKABLE or self._near(name):
            raise filter_errors.unknown_field_in_line(name, self.known)
        return self._word(self.at, name)

    def _values(self, start: int) -> tuple[list[str], bool, int]:
        """Return the values from `start` on, whether they are one that is not in quotes, and where they end."""
        values, is_bare, at = [], False, start
        while True:
            if end := self._closing(at):
                values.append(_unquoted(self.line[at:end]))
                is_bare = False
            else:
                end = self._bare(at)
                is_bare = not values
                values += [self.line[at:end]] if end > at else []
            if self.line[end : end + 1] not in (",", "，", "、") or not self.line[end : end + 1]:
                return values, is_bare and len(values) == 1, end
            at = end + 1
            if at == self._after_space(at) and (found := _COMPARISON.match(self.line, at)) and self._field(found[1]):
                # A comma between two filters, where no space is usual.
                return values, is_bare and len(values) == 1, at

    def _read(self, field: FieldSpec, operator: str, values: list[str], *, is_bare: bool) -> Condition:
        if is_bare and operator == "eq":
            if values == ["*"]:
                return read_condition(field, "exists", ["true"], tz=self.tz)
            first, dots, last = values[0].partition("..")
            if dots and field.type is not FieldType.TEXT:
                if first and last:
                    return read_condition(field, "between", [first, last], tz=self.tz)
                return read_condition(field, "gte" if first else "lte", [first or last], tz=self.tz)
        if len(values) > 1:
            operator = _PLURAL.get(operator, operator)
        return read_condition(field, operator, values, tz=self.tz)

    # --- stretches ------------------------------------------------------------------------------------------------

    def _word(self, start: int, field: str) -> Token:
        """Return what is left of a word from `start` on, without a parenthesis that closes an open group."""
        at, depth = start, 0
        while at < len(self.line) and not self.line[at].isspace():
            depth += self.line[at] in "(（"
            depth -= self.line[at] in ")）"
            if depth < 0 and self.open:
                break
            at += 1
        return Token(Kind.WORD, start, max(at, start + 1), field=field)

    def _bare(self, start: int) -> int:
        """Return where a value without quotes ends: at white space, a comma, or a parenthesis that it did not open."""
        at, depth = start, 0
        while True:
            match = _BARE.match(self.line, at)
            at = match.end() if match else at
            letter = self.line[at : at + 1]
            if letter in ("(", "（"):
                depth += 1
            elif letter in (")", "）") and depth:
                depth -= 1
            else:
                return at
            at += 1

    def _after_space(self, start: int) -> int:
        match = _SPACE.match(self.line, start)
        return match.end() if match else start


def _looks_like_a_name(text: str) -> bool:
    return text[0].isalpha() and all(letter in "_-." or category(letter)[0] in "LMN" for letter in text)


def _unquoted(quoted: str) -> str:
    closing = quoted[-1]
    return quoted[1:-1].replace(closing * 2, closing)
