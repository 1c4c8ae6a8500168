"""A question among a collection's vectors: where it is on the map, what it finds, and how near all the rest is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collections_app.geometry import Histogram, usable
from collections_app.models import Collection
from collections_app.vectors import LiveVectors, vectors_of
from search_app.asking import Asker
from search_app.degradation import because
from search_app.pictures.present import Present
from search_app.query_vectors import QuestionNotEmbedded, query_vector
from search_app.request import PAGE_SIZE, SearchRequest, clean_query
from search_app.response import Hit
from search_app.search import search

_AT_ONCE = 4000


@dataclass(frozen=True, slots=True)
class ShownHit:
    """A hit of the search, its place on the map, and the cosine of question and passage, None without a vector."""

    rank: int
    hit: Hit
    x: float | None
    y: float | None
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, where it is on the map, None if it could not be embedded, and its hits in the usual order.

    `problems` are sentences: why this is less than it should be.
    """

    query: str
    x: float | None
    y: float | None
    hits: Sequence[ShownHit]
    problems: Sequence[str]
    vector: NDArray[np.float32] | None


def asked(present: Present, collection: Collection, query: str, user: Asker) -> Asked | None:
    """Ask the search of the site; None without a question."""
    query = clean_query(query)
    if not query:
        return None
    response = search(SearchRequest(collections=(collection,), query=query, limit=PAGE_SIZE, user=user))
    problems = [str(reason.text) for reason in response.degraded]
    vector = None
    try:
        vector = query_vector(present.index, query)
    except QuestionNotEmbedded as error:
        problems = problems or [str(because(error.code).text)]
    place = _project(present, vector[None, :])[0] if vector is not None else None
    return Asked(
        query=query,
        x=place and place[0],
        y=place and place[1],
        hits=_shown(present, response.hits, vector),
        problems=problems,
        vector=vector,
    )


def _shown(present: Present, hits: Sequence[Hit], vector: NDArray[np.float32] | None) -> list[ShownHit]:
    found = _usable(vectors_of(present.index, [hit.chunk.pk for hit in hits if hit.chunk.pk]))
    places = dict(zip(found.ids.tolist(), _project(present, found.matrix), strict=True))
    cosines: dict[int, float] = {}
    if vector is not None:
        cosines = dict(zip(found.ids.tolist(), (found.matrix @ vector).tolist(), strict=True))
    shown = []
    for rank, hit in enumerate(hits, start=1):
        x, y = places.get(hit.chunk.pk, (None, None))
        shown.append(ShownHit(rank, hit, x, y, cosines.get(hit.chunk.pk)))
    return shown


def _project(present: Present, matrix: NDArray[np.float32]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in present.picture.axes.project(matrix).tolist()]


def cosines_of_all(present: Present, vector: NDArray[np.float32]) -> Histogram:
    """Return how the cosines of a question with all passages on the map that are present are distributed."""
    chunk_ids = present.picture.chunks[present.places]
    cosines = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(chunk_ids), _AT_ONCE):
        found = _usable(vectors_of(present.index, chunk_ids[start : start + _AT_ONCE].tolist()))
        cosines.append(found.matrix @ vector)
    return Histogram.of(np.concatenate(cosines))


def _usable(found: LiveVectors) -> LiveVectors:
    good = usable(found.matrix)
    return LiveVectors(found.ids[good], found.document_ids[good], found.matrix[good], found.last_id)
