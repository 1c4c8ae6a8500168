"""Makes the picture of an index and stores it: all that takes longer than somebody should wait for a page.

What is compared comes from SQL, whatever the vector store does. However large the collection is, the memory is that of
MOST_ON_MAP vectors and two blocks of _BLOCK, and the time that of MOST_COMPARED² products.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db.models import Q
from django.db.models.functions import Now
from numpy.typing import NDArray

from collections_app.geometry import (
    Axes,
    Clustering,
    Histogram,
    Moments,
    Neighbourhood,
    choose_clustering,
    random_pairs,
    sample,
    usable,
)
from collections_app.ledger import in_future
from collections_app.models import IndexPicture, VectorIndex
from collections_app.pictures.findings import Cluster, Clusters, Findings, Outlier, Pair
from collections_app.pictures.reading import Live
from collections_app.pictures.words import typical_terms
from collections_app.vectors import vectors_of

# Passages that are drawn and divided into clusters.
MOST_ON_MAP = 10_000
# Passages of which each is compared with each.
MOST_COMPARED = 100_000
# How many clusters may be chosen from. Above, a name for each is no help any more.
CLUSTER_COUNTS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 30)
# From which cosine on two passages are noted as nearly the same; pages show those above a higher one unless asked.
NEAR_DUPLICATE = 0.9
# How many neighbours have to be near a passage for it to be none that lies apart.
NEIGHBOURS = 5
_MOST_PAIRS, _MOST_OUTLIERS = 500, 100
_RANDOM_PAIRS = 20_000
_NEAREST = 12
_BLOCK = 4096
_TERM = timedelta(minutes=5)
_FREE = Q(maker_expires_at=None) | Q(maker_expires_at__lt=Now())

Ids = NDArray[np.int64]
Matrix = NDArray[np.float32]
Breathe = Callable[[], None]


def make(index: VectorIndex, *, breathe: Breathe = lambda: None) -> bool:
    """Make and store the picture of an index; False at once where another worker is at it.

    `breathe` is called every second or so, and may raise to end the work; then nothing is stored.
    """
    IndexPicture.objects.get_or_create(index=index)
    picture = IndexPicture.objects.filter(pk=index.pk)
    if not picture.filter(_FREE).update(maker_expires_at=in_future(_TERM)):
        return False

    def hold() -> None:
        breathe()
        picture.update(maker_expires_at=in_future(_TERM))

    start = time.monotonic()
    live = Live.of(index)
    shown, axes, clusterings, findings = _look(index, live.ids, hold)
    picture.update(
        made_as=uuid.uuid4(),
        made_at=Now(),
        seconds=time.monotonic() - start,
        maker_expires_at=None,
        live_passages=live.count,
        live_sum=live.sum,
        chunks=shown.ids.astype("<i8").tobytes(),
        coordinates=axes.project(shown.matrix).astype("<f4").tobytes(),
        labels=b"".join(clustering.labels.astype("u1").tobytes() for clustering in clusterings),
        axes=np.concatenate([axes.mean[None, :], axes.directions]).astype("<f4").tobytes(),
        findings=findings.to_json(),
    )
    return True


@dataclass(frozen=True, slots=True, eq=False)
class _Vectors:
    """Passages whose vectors can be used: ids and document ids int64 [n], matrix float32 [n, d]."""

    ids: Ids
    documents: Ids
    matrix: Matrix


def _look(index: VectorIndex, live: Ids, breathe: Breathe) -> tuple[_Vectors, Axes, list[Clustering], Findings]:
    moments = Moments(index.profile.dimensions)
    on_map = sample(live, MOST_ON_MAP)
    shown: list[_Vectors] = []
    ids: list[Ids] = []
    documents: list[Ids] = []
    for block in _blocks(sample(live, MOST_COMPARED)):
        breathe()
        vectors = _read(index, block)
        moments.add(vectors.matrix)
        ids.append(vectors.ids)
        documents.append(vectors.documents)
        drawn = np.isin(vectors.ids, on_map)
        shown.append(_Vectors(vectors.ids[drawn], vectors.documents[drawn], vectors.matrix[drawn]))
    every = _joined(shown, index.profile.dimensions)
    axes = moments.axes()
    clusterings, chosen = choose_clustering(every.matrix, CLUSTER_COUNTS, breathe)
    terms = typical_terms(every.ids, [clustering.labels for clustering in clusterings], breathe)
    compared, groups = _concatenated(ids), _concatenated(documents)
    neighbourhood = _neighbourhood(index, compared, groups, every, breathe)
    findings = Findings(
        compared=len(compared),
        explained=axes.explained.tolist(),
        divisions=[
            Clusters(
                clustering.score,
                [
                    Cluster(terms[place][number], clustering.nearest(number, _NEAREST).tolist())
                    for number in range(clustering.count)
                ],
            )
            for place, clustering in enumerate(clusterings)
        ],
        chosen=chosen,
        pairs=[
            Pair(int(compared[pair.earlier]), int(compared[pair.later]), pair.cosine)
            for pair in neighbourhood.alike(_MOST_PAIRS)
        ],
        pair_count=neighbourhood.pairs,
        outliers=_outliers(neighbourhood, compared),
        random_pairs=Histogram.of(random_pairs(every.matrix, _RANDOM_PAIRS)),
    )
    return every, axes, clusterings, findings


def _neighbourhood(
    index: VectorIndex, compared: Ids, documents: Ids, shown: _Vectors, breathe: Breathe
) -> Neighbourhood:
    """Compare every passage with every one of other documents; in a single document, with every other one."""
    is_one_document = len(np.unique(documents)) == 1
    groups = np.arange(len(documents)) if is_one_document else documents
    neighbourhood = Neighbourhood(groups, neighbours=NEIGHBOURS, floor=np.inf if is_one_document else NEAR_DUPLICATE)

    def block_of(start: int) -> Matrix:
        ids = compared[start : start + _BLOCK]
        if len(shown.ids) == len(compared):
            return shown.matrix[start : start + _BLOCK]
        # What was purged meanwhile has no direction any more, and is near to nothing.
        matrix = np.zeros((len(ids), index.profile.dimensions), dtype=np.float32)
        found = _read(index, ids)
        matrix[np.searchsorted(ids, found.ids)] = found.matrix
        return matrix

    for start in range(0, len(compared), _BLOCK):
        block = block_of(start)
        for other_start in range(start, len(compared), _BLOCK):
            breathe()
            neighbourhood.compare(start, block, other_start, block if other_start == start else block_of(other_start))
    return neighbourhood


def _outliers(neighbourhood: Neighbourhood, compared: Ids) -> list[Outlier]:
    closeness = neighbourhood.isolation()
    order = np.lexsort((compared, closeness))[:_MOST_OUTLIERS]
    return [Outlier(int(compared[at]), float(closeness[at])) for at in order.tolist() if np.isfinite(closeness[at])]


def _blocks(ids: Ids) -> Sequence[Ids]:
    return [ids[start : start + _BLOCK] for start in range(0, len(ids), _BLOCK)]


def _read(index: VectorIndex, ids: Ids) -> _Vectors:
    found = vectors_of(index, ids.tolist())
    good = usable(found.matrix)
    return _Vectors(found.ids[good], found.document_ids[good], found.matrix[good])


def _joined(parts: Sequence[_Vectors], dimensions: int) -> _Vectors:
    return _Vectors(
        _concatenated([part.ids for part in parts]),
        _concatenated([part.documents for part in parts]),
        np.concatenate([np.empty((0, dimensions), dtype=np.float32), *(part.matrix for part in parts)]),
    )


def _concatenated(parts: Sequence[Ids]) -> Ids:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
