"""Typical words of clusters, from the lexical rows of their passages."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from collections_app.lexical import Bag, Wording, keyness, telling_words
from collections_app.models import Chunk, LexicalRow
from collections_app.pictures.findings import Term

MOST_TERMS = 10
# Terms that are tried for words that say something, and in how many passages of all each has to be at least.
_TRIED, _FEWEST = 60, 3
# How many standard deviations a term has to stand above what chance makes: one of a thousand does by chance.
_SIGNIFICANT = 3.1
_AT_ONCE = 1000

Ids = NDArray[np.int64]


def typical_terms(
    chunk_ids: Ids, divisions: Sequence[NDArray[np.int64]], breathe: Callable[[], None]
) -> list[list[list[Term]]]:
    """Return the terms of each cluster of each division, the most typical first.

    A division has the cluster of each chunk, int64 [n]. A chunk without a lexical row counts as one without words.
    """
    places, numbers = _postings(chunk_ids, breathe)
    terms, inverse, everywhere = np.unique(numbers, return_inverse=True, return_counts=True)
    common = everywhere >= _FEWEST
    kept = common[inverse]
    places, inverse = places[kept], (np.cumsum(common) - 1)[inverse[kept]]
    terms, everywhere = terms[common], everywhere[common]
    tried = [
        [_most_typical(inverse[labels[places] == number], everywhere) for number in range(int(labels.max()) + 1)]
        for labels in divisions
    ]
    wording = Wording(int(terms[at]) for division in tried for cluster in division for at in cluster)
    for part in _slices(chunk_ids):
        breathe()
        texts = Chunk.objects.filter(pk__in=part).order_by().values_list("document__title", "text")
        for title, text in texts:
            wording.read(title)
            wording.read(text)
    return [[_in_words([int(terms[at]) for at in cluster], wording) for cluster in division] for division in tried]


def _postings(chunk_ids: Ids, breathe: Callable[[], None]) -> tuple[Ids, NDArray[np.uint64]]:
    """Return which chunk, by its place, has which term, by its number: each pair once."""
    places: list[Ids] = [np.empty(0, dtype=np.int64)]
    numbers: list[NDArray[np.uint64]] = [np.empty(0, dtype=np.uint64)]
    for part in _slices(chunk_ids):
        breathe()
        rows = LexicalRow.objects.filter(pk__in=part).order_by("pk").values_list("pk", "length", "terms")
        for pk, length, raw in rows:
            bag = Bag.from_bytes(raw, length)
            places.append(np.full(len(bag.terms), np.searchsorted(chunk_ids, pk), dtype=np.int64))
            numbers.append(bag.terms)
    return np.concatenate(places), np.concatenate(numbers)


def _most_typical(inside: Ids, everywhere: Ids) -> list[int]:
    scores = keyness(np.bincount(inside, minlength=len(everywhere)), everywhere)
    order = np.argsort(-scores, kind="stable")[:_TRIED]
    return [int(at) for at in order if scores[at] > _SIGNIFICANT]


def _in_words(numbers: Sequence[int], wording: Wording) -> list[Term]:
    words = {word: number for number in reversed(numbers) if (word := wording.word_of(number))}
    in_order = [word for number in numbers if (word := wording.word_of(number)) and words[word] == number]
    return [Term(word, words[word]) for word in telling_words(in_order, most=MOST_TERMS)]


def _slices(chunk_ids: Ids) -> list[list[int]]:
    return [chunk_ids[start : start + _AT_ONCE].tolist() for start in range(0, len(chunk_ids), _AT_ONCE)]
