"""What is put on the table: texts to compare with each other, or a query and the passages to rank for it."""

import hashlib
import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from collections_app.exceptions import VectorsiteError

MOST_TEXTS = 40
# Of one text, and of all together: some seconds of a CPU for each model.
MOST_CHARACTERS, MOST_CHARACTERS_IN_ALL = 4_000, 40_000
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


class TooMuch(VectorsiteError):
    """More texts, or longer ones, than a page answers for."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Passages in their order, and the query that they are ranked for, "" where they are compared with each other."""

    passages: tuple[str, ...]
    query: str = ""

    def __post_init__(self) -> None:
        everything = (*self.passages, self.query)
        if len(self.passages) > MOST_TEXTS:
            raise TooMuch(
                _("These are %(count)d texts; at most %(most)d are compared. Leave some out.")
                % {"count": len(self.passages), "most": MOST_TEXTS}
            )
        for number, text in enumerate(self.passages, start=1):
            if len(text) > MOST_CHARACTERS:
                raise TooMuch(
                    _("Text %(number)d has %(count)d characters; at most %(most)d are taken. Shorten it.")
                    % {"number": number, "count": len(text), "most": MOST_CHARACTERS}
                )
        if len(self.query) > MOST_CHARACTERS:
            raise TooMuch(
                _("The query has %(count)d characters; at most %(most)d are taken. Shorten it.")
                % {"count": len(self.query), "most": MOST_CHARACTERS}
            )
        if (total := sum(map(len, everything))) > MOST_CHARACTERS_IN_ALL:
            raise TooMuch(
                _("The texts have %(count)d characters together; at most %(most)d are taken. Leave some out.")
                % {"count": total, "most": MOST_CHARACTERS_IN_ALL}
            )

    @property
    def digest(self) -> str:
        """The sha256 (hex) of the texts: another one for other texts, or the same in another order."""
        framed = b"".join(b"%d:%b" % (len(raw := text.encode()), raw) for text in (self.query, *self.passages))
        return hashlib.sha256(framed).hexdigest()


def split(raw: str, *, paragraphs: bool) -> tuple[str, ...]:
    """Return the texts of what was typed: one a line, or one a paragraph, blank lines between them.

    White space around each is left out, and so are blank ones.
    """
    lines = raw.replace("\r\n", "\n").replace("\r", "\n")
    parts = _BLANK_LINES.split(lines) if paragraphs else lines.split("\n")
    return tuple(part.strip() for part in parts if part.strip())
