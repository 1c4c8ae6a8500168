"""Text -> terms, the same for passages and questions. Never raises, whatever the text.

Words are folded (width, case, Latin accents) and stemmed as English. Scripts that write no spaces give every character
and every pair of neighbours: that needs no dictionary and knows no unknown word. A compound such as `os.path.join`,
`snake_case`, `CamelCase` or an e-mail address is a term, and so is each of its parts.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from collections_app.lexical.stemming import stem

# Raised with whatever changes the terms of any passage: an index is asked by the analysis that its rows were made with.
ANALYZER_VERSION = 2

# Nobody asks for a longer word; base64 has no end.
LONGEST_WORD = 100
_KEPT_WORDS = 50_000

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u1100-\u11ff\uac00-\ud7ff"  # Hangul: it has spaces, but its endings are seen through by pairs alone
)
# Accents, points and vowel signs, which are parts of words although `\w` leaves them out.
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u200c\u200d"
# Emoji and other pictures, without box drawings and without what only modifies a picture (skin, variation, joiner).
_PICTURES = (
    "\u203c\u2049\u2190-\u22ff\u2300-\u23ff\u25a0-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
)
_LETTER = rf"(?:[^\W{_UNSPACED}]|[{_MARKS}])"

_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    # A dot may begin a name (.NET), joins hold it together, signs may end it (C++, C#). An English genitive is dropped.
    rf"|(?P<word>(?:(?<![\w.])\.(?=[A-Za-z]))?{_LETTER}+(?:(?:[.@]|::|,(?=\d{{3}}(?!\d))){_LETTER}+)*[+#]*)"
    r"(?:['’][sS]\b)?"
    rf"|(?P<picture>[\U0001f1e6-\U0001f1ff]{{2}}|[{_PICTURES}])"
)
_PARTS = re.compile(rf"(?:[^\W_{_UNSPACED}]|[{_MARKS}])+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LATIN_ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d)")


def terms_of(text: str) -> Iterator[str]:
    """Return the terms of a text in order, as often as they occur."""
    for found in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        token = found[found.lastgroup or 0]
        match found.lastgroup:
            case "word":
                yield from _word_terms(token) if len(token) <= LONGEST_WORD else _long_word_terms(token)
            case "unspaced":
                token = token.casefold()
                yield from token
                yield from map(str.__add__, token, token[1:])
            case _:
                yield token


@lru_cache(maxsize=_KEPT_WORDS)
def _word_terms(word: str) -> tuple[str, ...]:
    """Return the term of a word, or of a compound and of each of its parts."""
    word = _THOUSANDS.sub("", word)
    parts = [hump for part in _PARTS.findall(word) for hump in _HUMPS.split(part)]
    if not parts:
        return ()
    whole = _fold(word.strip("_"))
    if len(parts) == 1:
        part = _fold(parts[0])
        return (_stemmed(part),) if part == whole else (whole, _stemmed(part))
    return (_stemmed(whole), *(_stemmed(_fold(part)) for part in parts))


def _long_word_terms(word: str) -> tuple[str, ...]:
    """Return the terms of the parts of what is too long to be a word; what is longer still ends where words do."""
    return tuple(_stemmed(_fold(part[:LONGEST_WORD])) for part in _PARTS.findall(word))


def _fold(word: str) -> str:
    word = word.casefold()
    if word.isascii():
        return word
    return unicodedata.normalize("NFKC", _LATIN_ACCENTS.sub("", unicodedata.normalize("NFD", word)))


def _stemmed(word: str) -> str:
    return stem(word) if word.isascii() and word.isalpha() else word
