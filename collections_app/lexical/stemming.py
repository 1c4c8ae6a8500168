"""English words without their endings."""

from snowballstemmer.english_stemmer import EnglishStemmer


def stem(word: str) -> str:
    """Return the stem of a word in small ASCII letters: "indexes", "indexing" -> "index"."""
    # An instance keeps the word that it works on, so threads must not share one.
    return str(EnglishStemmer().stemWord(word))
