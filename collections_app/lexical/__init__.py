"""Full text: what terms a text has, and what BM25 makes of them. Pure; the rows in SQL are `lexical_rows`."""

from collections_app.lexical.analysis import ANALYZER_VERSION, terms_of
from collections_app.lexical.bags import Bag, bag_of, number_of
from collections_app.lexical.bm25 import Part, Scores, score
from collections_app.lexical.postings import MOST_BITS, Bucket, Postings, bits_for, bucket_of

__all__ = [
    "ANALYZER_VERSION",
    "MOST_BITS",
    "Bag",
    "Bucket",
    "Part",
    "Postings",
    "Scores",
    "bag_of",
    "bits_for",
    "bucket_of",
    "number_of",
    "score",
    "terms_of",
]
