"""What was found out about an index's vectors, as values and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from collections_app.geometry import Histogram


@dataclass(frozen=True, slots=True)
class Term:
    """A word that is typical of a cluster, and the number of its term in the lexical index."""

    word: str
    number: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is typical of a cluster: words, the most typical first, and the places on the map nearest to its centre."""

    terms: Sequence[Term]
    nearest: Sequence[int]


@dataclass(frozen=True, slots=True)
class Clusters:
    """One way to divide the passages on the map, with the silhouette that it has."""

    silhouette: float
    clusters: Sequence[Cluster]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two chunks of different documents by their ids, the earlier one first, and the cosine of their vectors."""

    earlier: int
    later: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """A chunk by its id, and its mean cosine with those of other documents that are nearest to it."""

    chunk: int
    closeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All of it. `compared` passages had a vector; `explained` is the share of variance along each axis of the map.

    `chosen` is the place of the best of `divisions`, 0 without any; `pairs` are some of `pair_count`.
    """

    compared: int
    explained: Sequence[float]
    divisions: Sequence[Clusters]
    chosen: int
    pairs: Sequence[Pair]
    pair_count: int
    outliers: Sequence[Outlier]
    random_pairs: Histogram

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(
            compared=found["compared"],
            explained=found["explained"],
            divisions=[
                Clusters(
                    division["silhouette"],
                    [
                        Cluster([Term(**term) for term in cluster["terms"]], cluster["nearest"])
                        for cluster in division["clusters"]
                    ],
                )
                for division in found["divisions"]
            ],
            chosen=found["chosen"],
            pairs=[Pair(**pair) for pair in found["pairs"]],
            pair_count=found["pair_count"],
            outliers=[Outlier(**outlier) for outlier in found["outliers"]],
            random_pairs=Histogram(**found["random_pairs"]),
        )
