"""What of a passage answers a question: its words, its sentences, and the part that shows most of the words. Pure.

Words are compared as the lexical index compares them (`collections_app.lexical`): whatever it finds a passage by is
marked, stems, accents and Chinese included. Text is cut into fragments for the template to escape; no markup is ever
made here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from collections_app.lexical import COMMON_WORDS, terms_of

Span = tuple[int, int]

# Scripts without spaces, of which every pair of neighbours is a term; whatever else is a letter or a number is a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
_UNSPACED += "\uf900-\ufaff\U00020000-\U0003ffff\u1100-\u11ff\uac00-\ud7ff"
_TOKEN = re.compile(rf"[{_UNSPACED}]+|(?:[^\W_{_UNSPACED}]|[\u0300-\u036f])+[+#]*|[\u2190-\u2bff\U0001f000-\U0001faff]")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_FIRST_UNSPACED = "\u0e00"
# A sentence ends at a stop before a gap, at a full-width stop, or with its paragraph: lines may be wrapped.
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？；…]+[”’」』）]*|\n[ \t]*\n\s*")
_MOST_TERMS = 40
_KEPT_TOKENS = 50_000


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stretch of text, marked if it is one of the question's words, and whether it is in the closest sentence."""

    text: str
    marked: bool
    close: bool = False


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Return words and where they begin; of scripts without spaces each pair of neighbours, or a single character."""
    for found in _TOKEN.finditer(text):
        token, start = found[0], found.start()
        # Compared first, because asking the pattern about every word takes a fifth of the time.
        if token >= _FIRST_UNSPACED and len(token) > 2 and _IS_UNSPACED.match(token):
            yield from ((token[at : at + 2], start + at) for at in range(len(token) - 1))
        else:
            yield token, start


class _Marked(dict[str, bool]):
    """Whether a token of a passage has one of these terms; it is worked out once."""

    def __init__(self, terms: frozenset[str]) -> None:
        super().__init__()
        self.terms = terms

    def __missing__(self, token: str) -> bool:
        marked = not self.terms.isdisjoint(_telling_terms(token))
        if len(self) < _KEPT_TOKENS:
            self[token] = marked
        return marked


@lru_cache(maxsize=16)
def _asked(query: str) -> _Marked:
    """Return what marks the question's words, the telling ones if there are any."""
    tokens = [token for token, _start in _tokens(query)]
    telling = [token for token in tokens if token.lower() not in COMMON_WORDS] or tokens
    return _Marked(frozenset(term for token in dict.fromkeys(telling[:_MOST_TERMS]) for term in _telling_terms(token)))


@lru_cache(maxsize=_KEPT_TOKENS)
def _telling_terms(token: str) -> frozenset[str]:
    """Return the terms of a token; of two characters without a space only the pair, since one alone means little."""
    terms = frozenset(terms_of(token))
    if len(token) == 2 and _IS_UNSPACED.match(token):
        return frozenset(term for term in terms if len(term) > 1) or terms
    return terms


def spans(text: str, query: str) -> list[Span]:
    """Return where the question's words are, as (start, end), in order, touching ones joined."""
    asked = _asked(query)
    found: list[Span] = []
    for token, start in _tokens(text) if asked.terms else ():
        if not asked[token]:
            continue
        end = start + len(token)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def sentences(text: str) -> list[Span]:
    """Return where the sentences of a text are, without the white space around them; together they hold all else."""
    found, start = [], 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        sentence = text[start:end]
        if sentence.strip():
            lead = len(sentence) - len(sentence.lstrip())
            found.append((start + lead, start + len(sentence.rstrip())))
        start = end
    return found


def fragments(text: str, marks: Iterable[Span], *, close: Span | None = None) -> list[Fragment]:
    """Cut `text` at the given spans, which are in order and do not overlap, and around the closest sentence."""
    pieces: list[Fragment] = []
    position = 0
    for start, end in marks:
        pieces += _cut(text, position, start, False, close) + _cut(text, start, end, True, close)
        position = end
    return pieces + _cut(text, position, len(text), False, close)


def _cut(text: str, start: int, end: int, marked: bool, close: Span | None) -> list[Fragment]:
    first, last = close or (start, start)
    bounds = sorted({start, end, min(max(first, start), end), min(max(last, start), end)})
    return [
        Fragment(text[left:right], marked, close is not None and first <= left and right <= last)
        for left, right in pairwise(bounds)
    ]


def excerpt(text: str, query: str, *, length: int) -> list[Fragment]:
    """Return about `length` characters of `text`, those with most of the question's words, with these marked."""
    text = text.strip()
    marks = spans(text, query)
    start, end = _window(text, marks, length)
    shown = text[start:end].strip()
    pieces = fragments(shown, marks if len(shown) == len(text) else spans(shown, query))
    before = [Fragment("… ", False)] if start > 0 else []
    after = [Fragment(" …", False)] if end < len(text) else []
    return before + pieces + after


def _window(text: str, marks: list[Span], length: int) -> Span:
    """Return the stretch of `length` characters that holds the most marks, beginning at a word."""
    if len(text) <= length:
        return 0, len(text)
    lead = length // 4
    starts = [0, *(max(0, mark[0] - lead) for mark in marks)]

    def count(start: int) -> int:
        return sum(start <= mark[0] and mark[1] <= start + length for mark in marks)

    start = min(max(starts, key=lambda at: (count(at), -at)), len(text) - length)
    return _at_a_word(text, start), _at_a_word(text, start + length)


def _at_a_word(text: str, position: int) -> int:
    """Return the next place within reach where a word begins, or `position` if there is none, as in Chinese."""
    if position in (0, len(text)):
        return position
    gap = re.compile(r"\s").search(text, position - 1, position + 20)
    return gap.end() if gap else position
