"""From the numbers of terms back to words: how they are mostly written in some texts."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from collections_app.lexical.analysis import terms_of
from collections_app.lexical.bags import number_of

_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")


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
        """Return the wanted terms of a word: the whole as it is written, parts of it as they are looked up."""
        terms = list(dict.fromkeys(terms_of(word)))
        folded = word.casefold()
        found = [
            (number_of(term), folded if place == 0 and word.isascii() else term) for place, term in enumerate(terms)
        ]
        return [(number, form) for number, form in found if number in self._wanted]


def telling_words(words: Sequence[str], *, most: int) -> list[str]:
    """Return at most `most` of the words that say something by themselves, in order.

    A single character and a number say little. Of scripts without spaces every pair of neighbours is a term, so what
    shares its end with the beginning of another one is left out: of 机器, 器学 and 学习 the middle one.
    """
    chosen: list[str] = []
    for word in words:
        if len(word) < 2 or word.replace(".", "").isnumeric():
            continue
        if not word.isascii() and len(word) == 2:
            pairs = [other for other in chosen if not other.isascii() and len(other) == 2]
            if any(other[1] == word[0] or other[0] == word[1] for other in pairs):
                continue
        chosen.append(word)
        if len(chosen) == most:
            break
    return chosen
