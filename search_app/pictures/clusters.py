"""Clusters as people see them: how many there are to choose from, and what each is about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from collections_app.lexical_reading import terms_in_use
from collections_app.models import Chunk
from search_app.pictures.present import Present

# Passages that are shown of a cluster, and words that name it where there is little room.
SHOWN, _NAMED_BY = 4, 3


@dataclass(frozen=True, slots=True)
class Count:
    """A number of clusters to choose, and its silhouette from -1 to 1. `is_best` is chosen unless somebody chooses."""

    number: int
    silhouette: float
    is_best: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ShownCluster:
    """A cluster: its number from 1 on, the passages on the map that it has, their share, and its typical words."""

    number: int
    size: int
    share: float
    words: Sequence[str]

    @property
    def name(self) -> str:
        """Return its first words, or its number where nothing is typical."""
        return " · ".join(self.words[:_NAMED_BY]) or _("Cluster %(number)s") % {"number": self.number}


@dataclass(frozen=True, slots=True, eq=False)
class ShownClusters:
    """One division: `labels` [n] has the cluster of each of the present places, counted from 0."""

    counts: Sequence[Count]
    clusters: Sequence[ShownCluster]
    labels: NDArray[np.int64]


def shown_clusters(present: Present, wanted: int | None) -> ShownClusters | None:
    """Return the division into `wanted` clusters, or the best one; None where there are too few passages to divide.

    A word that no live passage has any more is left out, whenever the picture was made.
    """
    findings = present.picture.findings
    if not findings.divisions:
        return None
    numbers = [len(division.clusters) for division in findings.divisions]
    chosen = numbers.index(wanted) if wanted in numbers else findings.chosen
    labels = present.picture.labels[chosen][present.places].astype(np.int64)
    division = findings.divisions[chosen]
    sizes = np.bincount(labels, minlength=len(division.clusters)).tolist()
    terms = {term.number for cluster in division.clusters for term in cluster.terms}
    used = terms if present.is_current else terms_in_use(present.index.pk, terms)
    return ShownClusters(
        counts=[
            Count(number, division.silhouette, place == findings.chosen, place == chosen)
            for place, (number, division) in enumerate(zip(numbers, findings.divisions, strict=True))
        ],
        clusters=[
            ShownCluster(
                number=place + 1,
                size=size,
                share=size / len(labels),
                words=[term.word for term in cluster.terms if term.number in used],
            )
            for place, (cluster, size) in enumerate(zip(division.clusters, sizes, strict=True))
        ],
        labels=labels,
    )


def nearest_passages(present: Present, clusters: ShownClusters) -> list[list[Chunk]]:
    """Return, of each cluster, the passages nearest to its centre, of different documents."""
    chosen = next(place for place, count in enumerate(clusters.counts) if count.is_chosen)
    division = present.picture.findings.divisions[chosen]
    places = [place for cluster in division.clusters for place in cluster.nearest]
    found = {chunk.pk: chunk for chunk in present.passages_at(places)}
    nearest = []
    for cluster in division.clusters:
        ids = [int(present.picture.chunks[place]) for place in cluster.nearest]
        by_document = {found[pk].document_id: found[pk] for pk in reversed(ids) if pk in found}
        nearest.append([found[pk] for pk in ids if pk in found and by_document[found[pk].document_id].pk == pk][:SHOWN])
    return nearest
