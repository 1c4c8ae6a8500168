"""Full text: what terms a text has, and what BM25 makes of them. Pure; the rows in SQL are `lexical_rows`."""

from collections_app.lexical.analysis import ANALYZER_VERSION, terms_of
from collections_app.lexical.bags import Bag, bag_of, number_of
from collections_app.lexical.bm25 import Part, Scores, holders, score
from collections_app.lexical.common import COMMON_WORDS
from collections_app.lexical.keyness import keyness
from collections_app.lexical.postings import MOST_BITS, Bucket, Postings, bits_for, bucket_of
from collections_app.lexical.wording import Wording, telling_words

__all__ = [
    "ANALYZER_VERSION",
    "COMMON_WORDS",
    "MOST_BITS",
    "Bag",
    "Bucket",
    "Part",
    "Postings",
    "Scores",
    "Wording",
    "bag_of",
    "bits_for",
    "bucket_of",
    "holders",
    "keyness",
    "number_of",
    "score",
    "telling_words",
    "terms_of",
]
