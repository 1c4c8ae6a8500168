"""Documents of known passages: paragraphs of which each is one passage and no two fit into one.

The passages are therefore known without asking the site how it cuts: `passages_of(text)` are the paragraphs.
"""

import random
import secrets

CHUNK_SIZE = 16
"""Words of a passage at most. A paragraph has 9 to 14, so that it fits and a second one does not."""

_WORDS = """
harbour lantern ledger winter orchard signal copper violet meadow anchor barrel candle river thunder pocket window
garden mirror planet silver engine bridge castle desert forest island jacket kettle
"""
_ENGLISH = _WORDS.split()
_CHINESE = "山水天地风云雨雪日月星辰春夏秋冬花草树木江河湖海东西南北"
_EMOJI = "🌊🏮📒❄️🍎🚦🥉🪻🌾⚓"


def paragraph(rng: random.Random) -> str:
    """Return a sentence that no other document holds, in English or Chinese, with or without emoji."""
    marker = f"m{secrets.token_hex(6)}"
    count = rng.randint(8, 12)
    if rng.random() < 0.4:
        return f"{''.join(rng.choices(_CHINESE, k=count))} {marker}。"
    words = rng.choices(_ENGLISH, k=count)
    words.insert(rng.randrange(count), marker)
    smile = f" {rng.choice(_EMOJI)}" if rng.random() < 0.4 else ""
    return f"{' '.join(words)}{smile}."


def text_of(rng: random.Random, *, paragraphs: int) -> str:
    return "\n\n".join(paragraph(rng) for _ in range(paragraphs))


def passages_of(text: str) -> list[str]:
    return text.split("\n\n")


def with_one_changed(rng: random.Random, text: str) -> str:
    """Return `text` with one of its paragraphs replaced."""
    parts = passages_of(text)
    parts[rng.randrange(len(parts))] = paragraph(rng)
    return "\n\n".join(parts)
