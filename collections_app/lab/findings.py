"""What is found out about embedded texts: scores, rankings, and how much of them shorter or coarser vectors keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collections_app import geometry
from collections_app.geometry import Move
from collections_app.lab.embedding import Embedded, Failed, Unsent, embed
from collections_app.lab.texts import Texts
from collections_app.models import EmbeddingProfile


@dataclass(frozen=True, slots=True)
class Trials:
    """What is tried on the vectors: other numbers of dimensions, a byte for each number, and the `k` of recall at k."""

    dimensions: tuple[int, ...] = ()
    quantise: bool = False
    k: int = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """One line of the ranking: two passages, or the query (`first` is None) and a passage; positions count from 1."""

    position: int
    first: int | None
    second: int
    cosine: float
    distance: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two rankings are: Spearman's ρ, Kendall's τ-b, the share of the `k` best; None: not defined."""

    spearman: float | None
    kendall: float | None
    recall: float | None
    k: int


@dataclass(frozen=True, slots=True)
class Variant:
    """Vectors kept otherwise: what they take, and what becomes of the ranking.

    `moves` number the items as `Finding.items` does. `largest_error` is that of a cosine.
    """

    dimensions: int
    is_quantised: bool
    bytes_per_vector: int
    agreement: Agreement
    moves: Sequence[Move]
    largest_error: float


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What one profile makes of the texts.

    `cosines` and `distances` [n, n] are of the passages among each other. `items` are what is ranked, in their own
    order (the passages for a query; else every two of them), `ranking` the same with the highest cosine first.
    `impossible` are those dimensions to be tried that the vectors do not have.
    """

    embedded: Embedded
    norms: NDArray[np.float64]
    cosines: NDArray[np.float64]
    distances: NDArray[np.float64]
    items: Sequence[Scored]
    ranking: Sequence[Scored]
    variants: Sequence[Variant]
    impossible: Sequence[int]

    @property
    def profile(self) -> EmbeddingProfile:
        return self.embedded.profile

    @property
    def scores(self) -> list[float]:
        return [item.cosine for item in self.items]


Result: TypeAlias = Finding | Failed | Unsent


def examine(embedded: Embedded, trials: Trials) -> Finding:
    """Measure the vectors, rank by cosine, and try what `trials` says against the full vectors."""
    vectors = embedded.vectors
    items = _items(vectors, embedded.query)
    full = vectors.shape[1]
    return Finding(
        embedded=embedded,
        norms=geometry.norms(vectors),
        cosines=geometry.cosines(vectors, vectors),
        distances=geometry.distances(vectors, vectors),
        items=items,
        ranking=sorted(items, key=lambda item: item.position),
        variants=_variants(embedded, [item.cosine for item in items], trials),
        impossible=[dimensions for dimensions in trials.dimensions if dimensions > full],
    )


def find(profile: EmbeddingProfile, texts: Texts, trials: Trials, *, may_send: bool) -> Result:
    """Embed `texts` by `profile`, see `embed`, and examine them."""
    outcome = embed(profile, texts, may_send=may_send)
    return examine(outcome, trials) if isinstance(outcome, Embedded) else outcome


def agreements(findings: Sequence[Finding], *, k: int) -> list[tuple[EmbeddingProfile, EmbeddingProfile, Agreement]]:
    """Return how alike every two profiles rank the same texts."""
    return [
        (one.profile, other.profile, _agreement(one.scores, other.scores, k))
        for one, other in combinations(findings, 2)
    ]


def _items(vectors: NDArray[np.float32], query: NDArray[np.float32] | None) -> list[Scored]:
    if query is None:
        first, second = np.triu_indices(len(vectors), k=1)
        cosines, distances = (
            measure(vectors, vectors)[first, second] for measure in (geometry.cosines, geometry.distances)
        )
        compared: list[tuple[int | None, int]] = [(int(a), int(b)) for a, b in zip(first, second, strict=True)]
    else:
        cosines, distances = (measure(query[None, :], vectors)[0] for measure in (geometry.cosines, geometry.distances))
        compared = [(None, row) for row in range(len(vectors))]
    return [
        Scored(position, first, second, float(cosine), float(distance))
        for position, (first, second), cosine, distance in zip(
            geometry.positions(cosines), compared, cosines, distances, strict=True
        )
    ]


def _variants(embedded: Embedded, scores: Sequence[float], trials: Trials) -> list[Variant]:
    """Return the full vectors' coarser form, and each shorter one as it is and coarser."""
    full = embedded.vectors.shape[1]
    wanted = [(full, True)] if trials.quantise else []
    for dimensions in trials.dimensions:
        if dimensions < full:
            wanted += [(dimensions, False), (dimensions, True)] if trials.quantise else [(dimensions, False)]
    return [_variant(embedded, scores, dimensions, quantise, trials.k) for dimensions, quantise in wanted]


def _variant(embedded: Embedded, scores: Sequence[float], dimensions: int, quantise: bool, k: int) -> Variant:
    vectors = _kept(embedded.vectors, dimensions, quantise)
    query = None if embedded.query is None else _kept(embedded.query[None, :], dimensions, quantise)[0]
    found = [item.cosine for item in _items(vectors, query)]
    return Variant(
        dimensions=dimensions,
        is_quantised=quantise,
        bytes_per_vector=geometry.bytes_per_vector(dimensions, quantised=quantise),
        agreement=_agreement(scores, found, k),
        moves=geometry.moves(scores, found),
        largest_error=max((abs(was - now) for was, now in zip(scores, found, strict=True)), default=0.0),
    )


def _kept(vectors: NDArray[np.float32], dimensions: int, quantise: bool) -> NDArray[np.float32]:
    shorter = geometry.shorten(vectors, dimensions) if dimensions < vectors.shape[1] else vectors
    return geometry.dequantise(*geometry.quantise(shorter)) if quantise else shorter


def _agreement(one: Sequence[float], other: Sequence[float], k: int) -> Agreement:
    return Agreement(
        spearman=geometry.spearman_rho(one, other),
        kendall=geometry.kendall_tau(one, other),
        recall=geometry.recall_at(k, one, other),
        k=k,
    )
