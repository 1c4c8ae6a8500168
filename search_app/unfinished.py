"""What is being typed at the end of a line: the name of a field, or a value after a name and a sign. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from collections_app.metadata import FieldSpec, normalise_name
from search_app.question_tokens import CLOSING, COMPARING, NAME, NARROW

_BEGINS_WORD = r"(?<![^\s(（])[-－]?"
_OPENING = "".join(CLOSING)
_BARE = rf"[^\s,，、()（）{_OPENING}]*"
_QUOTED = r"\"(?:[^\"]|\"\")*\"|“[^”]*”|「[^」]*」|『[^』]*』"
_WORD = re.compile(rf"{_BEGINS_WORD}({NAME})$")
_VALUE = re.compile(
    rf"{_BEGINS_WORD}({NAME})([:：]?(?:{COMPARING})|[:：])((?:(?:{_QUOTED}|{_BARE})[,，、])*)"
    rf"(?:([{_OPENING}])([^\"”」』＂]*)|({_BARE}))$"
)


class Part(Enum):
    """Which part of a filter is being typed."""

    NAME = "name"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The end of a line, from character `start` on: `text`, as far as it is typed.

    For a VALUE, `field` is what it is compared with and `sign` how, in half-width; `text` is without its opening quote,
    which stands at `start`.
    """

    part: Part
    start: int
    text: str
    field: FieldSpec | None = None
    sign: str = ""


def unfinished(line: str, known: Mapping[str, FieldSpec]) -> Unfinished | None:
    """Return what is being typed at the end of `line`; None where it is neither, or inside of an exact phrase.

    `known` are the declared fields by name.
    """
    found = _VALUE.search(line)
    if found:
        field = known.get(found[1]) or known.get(normalise_name(found[1]))
        if field is None:
            return None
        start = found.start(4) if found[4] else found.start(6)
        text = found[5] if found[4] else found[6]
        return Unfinished(Part.VALUE, start, text, field, found[2].translate(NARROW))
    word = _WORD.search(line)
    if word is None or line.count('"') % 2:
        return None
    return Unfinished(Part.NAME, word.start(1), word[1])
