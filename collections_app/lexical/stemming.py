"""English words without their endings."""

from functools import lru_cache

import Stemmer


# Few words make up most of any text, and finding an ending costs ten times what remembering it costs.
@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """Return the stem of a word in small ASCII letters: "indexes", "indexing" -> "index"."""
    # An instance keeps the word that it works on, so threads must not share one; making one costs next to nothing.
    return str(Stemmer.Stemmer("english", 0).stemWord(word))
