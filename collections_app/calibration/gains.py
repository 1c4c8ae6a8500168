"""What each weight gains: how well both legs, fused by it, find the documents that questions were taken from.

For either leg a question's passage stands in the index without the question.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collections_app.accounting import Account
from collections_app.calibration.questions import Question
from collections_app.embeddings import Embedder
from collections_app.evaluation.measures import discount
from collections_app.evaluation.nearest import NearestDocuments
from collections_app.fusion import WEIGHTS, fuse_scores, ranks
from collections_app.lexical_reading import search_words_instead
from collections_app.models import Chunk, ChunkState, IndexEntry, Purpose, VectorIndex
from collections_app.vectors import LiveVectors, live_vectors

# As in a search: how many documents each leg names, and by how many passages they are found.
_POOL, _PASSAGES_PER_DOCUMENT = 100, 3
# Of long documents fewer are compared, so that a question reads no more vectors than this.
_MOST_COMPARED = 5000
_DEPTH = 10
# Questions between two breaths, and passages read at once.
_SLICE, _PAGE = 16, 5000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its vector and that of what is left of its passage, float32 [d]."""

    question: Question
    vector: NDArray[np.float32]
    rest: NDArray[np.float32]


def gains_of(
    index: VectorIndex, questions: Sequence[Question], embedder: Embedder, breathe: Callable[[], None]
) -> NDArray[np.float64]:
    """Return the nDCG@10 of each question by each of WEIGHTS, [n, len(WEIGHTS)].

    Raises BudgetUsedUp where a budget has no room for embedding them.
    """
    account = Account(index.profile, index.collection, Purpose.UPKEEP)
    asked = list(_embed(account, questions, embedder, breathe))
    pool = _pool(index)
    near = _nearest(index, asked, pool, breathe)
    gains = np.zeros((len(questions), len(WEIGHTS)))
    for row, one in enumerate(asked):
        if row % _SLICE == 0:
            breathe()
        similarities, words = _scores(index, one, near[row], pool)
        for column, weight in enumerate(WEIGHTS):
            gains[row, column] = _gain(_ranked(similarities, words, weight), one.question.document_id)
    return gains


def _embed(
    account: Account, questions: Sequence[Question], embedder: Embedder, breathe: Callable[[], None]
) -> Iterator[_Asked]:
    for start in range(0, len(questions), _SLICE):
        breathe()
        part = questions[start : start + _SLICE]
        rests = [question.rest for question in part]
        call = account.reserve(embedder, [*rests, *(question.text for question in part)], whole=True)
        with call:
            vectors = embedder.embed_passages(rests)
            asked = [embedder.embed_query(question.text) for question in part]
        call.settle()
        yield from map(_Asked, part, asked, vectors)


def _pool(index: VectorIndex) -> int:
    """Return how many documents each leg names."""
    documents = IndexEntry.objects.filter(index=index).count()
    passages = Chunk.objects.filter(index=index, state=ChunkState.LIVE).count()
    return max(_DEPTH, min(_POOL, _MOST_COMPARED * documents // max(1, passages)))


def _nearest(index: VectorIndex, asked: Sequence[_Asked], pool: int, breathe: Callable[[], None]) -> list[list[int]]:
    """Return for each question the documents of the passages nearest to it, the nearest first, at most `pool`."""
    own = {one.question.chunk_id: row for row, one in enumerate(asked)}
    questions = np.stack([one.vector for one in asked], axis=1)
    near = NearestDocuments(len(asked), pool)
    for page in _pages(index):
        breathe()
        similarities = page.matrix @ questions
        for place in np.flatnonzero(np.isin(page.ids, list(own))):
            row = own[int(page.ids[place])]
            similarities[place, row] = asked[row].rest @ asked[row].vector
        # A damaged vector may hold anything; the audit finds it.
        similarities[~np.isfinite(similarities)] = -1.0
        near.add(similarities, page.document_ids)
    return near.ranked()


def _pages(index: VectorIndex) -> Iterator[LiveVectors]:
    after = 0
    while len((page := live_vectors(index, after=after, limit=_PAGE)).ids):
        yield page
        after = int(page.ids[-1])


def _scores(
    index: VectorIndex, one: _Asked, near: Sequence[int], pool: int
) -> tuple[dict[int, float], dict[int, float]]:
    """Return cosines and BM25 scores of the documents that either leg names, each by its best passage."""
    question = one.question
    scores = search_words_instead(index.pk, question.text, chunk_id=question.chunk_id, text=question.rest_words)
    named = scores.best(pool * _PASSAGES_PER_DOCUMENT)
    chunks = Chunk.objects.filter(pk__in=named.chunks.tolist(), state=ChunkState.LIVE)
    documents = dict(chunks.values_list("pk", "document"))
    found = [documents[chunk_id] for chunk_id in named.chunks.tolist() if chunk_id in documents]
    live = live_vectors(index, document_ids={*near, *list(dict.fromkeys(found))[:pool]})
    cosines = np.where(live.ids == question.chunk_id, one.rest @ one.vector, live.matrix @ one.vector)
    among = scores.among(live.ids)
    bm25 = dict(zip(among.chunks.tolist(), among.scores.tolist(), strict=True))
    similarities: dict[int, float] = {}
    words: dict[int, float] = {}
    for chunk_id, document_id, cosine in zip(
        live.ids.tolist(), live.document_ids.tolist(), cosines.tolist(), strict=True
    ):
        if math.isfinite(cosine):
            similarities[document_id] = max(cosine, similarities.get(document_id, -1.0))
        if chunk_id in bm25:
            words[document_id] = max(bm25[chunk_id], words.get(document_id, 0.0))
    return similarities, words


def _ranked(similarities: dict[int, float], words: dict[int, float], weight: float) -> dict[int, int]:
    """Return the ranks of documents; at the ends of the scale those of one leg, which knows nothing of the other."""
    if weight in {WEIGHTS[0], WEIGHTS[-1]}:
        return ranks(similarities if weight else words)
    return ranks(fuse_scores(similarities, words, weight=weight))


def _gain(ranked: dict[int, int], document_id: int) -> float:
    rank = ranked.get(document_id, _DEPTH + 1)
    return discount(rank) if rank <= _DEPTH else 0.0
