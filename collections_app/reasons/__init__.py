"""Why something failed, in the reader's language: what reads files, embeds, stores and checks writes English.

What failed is kept as it was written, for logs, programs and readers of any language. The modules beside this one hold
all that can reach a reader again as templates: what was kept is recognised by one, and told with the same values in
another language.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext

from collections_app.reasons import (
    collection_files,
    comparison,
    documents,
    embedding,
    files,
    indexes,
    kinds,
    requests,
    stores,
)

_MODULES = (files, kinds, documents, collection_files, comparison, embedding, indexes, requests, stores)
# Single words and names of figures, each only where it stands in for a place of this name.
_WORDS: Mapping[str, Mapping[str, str]] = {"type": documents.FIELD_TYPES, "findings": indexes.FINDINGS}
_PLACE = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with named places. `literals` stand before, between and behind them."""

    text: str
    literals: tuple[str, ...]
    places: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Template":
        parts = [part.replace("%%", "%") for part in _PLACE.split(text)]
        return cls(text, tuple(parts[::2]), tuple(parts[1::2]))

    def values_in(self, reason: str) -> dict[str, str] | None:
        """Return what stands in the places, each as short as can be and never empty; None if this is another sentence.

        Takes time that grows with the reason's length alone, whatever a server has written into it.
        """
        first, *between = self.literals
        if not self.places:
            return {} if reason == first else None
        last = between.pop()
        if not (reason.startswith(first) and reason.endswith(last)):
            return None
        values, at, end = {}, len(first), len(reason) - len(last)
        for place, literal in zip(self.places, between, strict=False):
            found = reason.find(literal, at + 1, end)
            if found < 0:
                return None
            values[place], at = reason[at:found], found + len(literal)
        values[self.places[-1]] = reason[at:end]
        return values if at < end else None


# Those that say most themselves come first: others begin or end like them and go on with anything.
TEMPLATES = tuple(
    sorted(
        (Template.of(text) for module in _MODULES for text in module.TEMPLATES),
        key=lambda template: -sum(map(len, template.literals)),
    )
)


def in_readers_language(reason: str) -> str:
    """Return a reason as it is told in the active language; one that is not known stays as it is."""
    for template, values in _fitting(reason):
        return gettext(template.text) % {place: _told(place, value) for place, value in values.items()}
    return reason


def explained(error: Exception) -> str:
    """Return what an error says as it is told in the active language."""
    return in_readers_language(str(error))


def is_known(reason: str) -> bool:
    """Return whether a reason can be told in other languages."""
    return any(True for _ in _fitting(reason))


def _fitting(reason: str) -> Iterator[tuple[Template, Mapping[str, str]]]:
    for template in TEMPLATES:
        if (values := template.values_in(reason)) is not None:
            yield template, values


def _told(place: str, value: str) -> str:
    words = _WORDS.get(place)
    if words is None:
        return in_readers_language(value)
    return re.sub("|".join(map(re.escape, words)), lambda found: gettext(words[found[0]]), value)
