"""Texts to measure with: any number, all different, of natural lengths, the same in every run."""

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SENTENCE_END = re.compile(r"(?<=[.:])\s+")
# A passage has 20 to 250 tokens; an English word has 1.4 of them in technical prose.
FEWEST_WORDS, MOST_WORDS = 15, 140


def natural_texts(count: int, *, seed: int = 1, file: str = "") -> list[str]:
    """Return texts made of whole sentences of the standard library's documentation, or of the lines of a file."""
    if file:
        lines = [line for line in Path(file).read_text(errors="replace").splitlines() if len(line.split()) > 4]
        if len(lines) < count:
            raise SystemExit(f"{file} has {len(lines)} texts (lines); {count} are needed.")
        return lines[:count]
    return list(_composed(count, random.Random(seed)))


def short_texts(count: int, *, seed: int = 1) -> list[str]:
    """Return texts of a dozen words, one passage each."""
    chance = random.Random(seed)
    words = sorted({word for sentence in _sentences() for word in sentence.split()})
    return [f"{number} {' '.join(chance.choices(words, k=12))}" for number in range(count)]


def _composed(count: int, chance: random.Random) -> Iterator[str]:
    for number in range(count):
        wanted = int(chance.triangular(FEWEST_WORDS, MOST_WORDS, 50))
        parts = [f"Note {number}."]
        while (words := sum(len(part.split()) for part in parts)) < wanted:
            sentence = chance.choice(_sentences())
            parts.append(" ".join(sentence.split()[: MOST_WORDS - words]))
        yield " ".join(parts)


@cache
def _sentences() -> list[str]:
    from collections_app.demo import standard_library

    texts = [document.text for document in standard_library.read()]
    sentences = [" ".join(part.split()) for text in texts for part in _SENTENCE_END.split(text)]
    return sorted({sentence for sentence in sentences if 5 <= len(sentence.split()) <= 60 and sentence.isascii()})
