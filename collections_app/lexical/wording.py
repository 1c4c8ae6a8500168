"""From the numbers of terms back to words: how they are mostly written in some texts."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from collections_app.lexical.analysis import terms_of
from collections_app.lexical.bags import number_of
from collections_app.lexical.common import COMMON_IN_PROSE, COMMON_PAIRS, PARTICLES

_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
# Where a compound such as `os.path`, `snake_case` or `CamelCase` is joined.
_JOINT = re.compile(r"[._]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Wording:
    """Learns from texts how the terms of some numbers are written."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._wanted = frozenset(numbers)
        self._forms: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._known: dict[str, list[tuple[int, str]]] = {}

    def read(self, text: str) -> None:
        """Count how this text writes the terms."""
        for word in _WORD.findall(text):
            if word not in self._known:
                self._known[word] = self._written(word)
            for number, form in self._known[word]:
                self._forms[number][form] += 1

    def word_of(self, number: int) -> str | None:
        """Return the form that was met most often, of equally frequent ones the first in order; None if none was."""
        forms = self._forms.get(number)
        return min(forms, key=lambda form: (-forms[form], form)) if forms else None

    def _written(self, word: str) -> list[tuple[int, str]]:
        """Return the wanted terms of a word and of the parts of a compound, each with how it is written."""
        written = dict.fromkeys(terms_of(word), "")
        for part in {word, *_JOINT.split(word)} if word.isascii() else ():
            terms = list(terms_of(part))
            if terms:
                written[terms[0]] = part.casefold()
        found = [(number_of(term), form or term) for term, form in written.items()]
        return [(number, form) for number, form in found if number in self._wanted]


def telling_words(words: Sequence[str], *, most: int) -> list[str]:
    """Return at most `most` of the words that say something by themselves, in order.

    A single character, a number and what is common everywhere say little. Of scripts without spaces every pair of
    neighbours is a term, so what shares its end with the beginning of another one is left out: of 机器, 器学 and 学习
    the middle one.
    """
    chosen: list[str] = []
    for word in words:
        if len(word) < 2 or word.replace(".", "").isnumeric() or word in COMMON_IN_PROSE or word in COMMON_PAIRS:
            continue
        if not word.isascii() and len(word) == 2:
            if not PARTICLES.isdisjoint(word):
                continue
            pairs = [other for other in chosen if not other.isascii() and len(other) == 2]
            if any(other[1] == word[0] or other[0] == word[1] for other in pairs):
                continue
        chosen.append(word)
        if len(chosen) == most:
            break
    return chosen
