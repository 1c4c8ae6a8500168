"""What an index's vectors look like: computed by a worker, kept in SQL, read by pages."""

from collections_app.pictures.findings import Cluster, Clusters, Findings, Outlier, Pair, Term
from collections_app.pictures.making import (
    CLUSTER_COUNTS,
    MOST_COMPARED,
    MOST_ON_MAP,
    NEAR_DUPLICATE,
    NEIGHBOURS,
    make,
)
from collections_app.pictures.reading import Live, Picture, chunk_at, is_being_made, live_now, read

__all__ = [
    "CLUSTER_COUNTS",
    "MOST_COMPARED",
    "MOST_ON_MAP",
    "NEAR_DUPLICATE",
    "NEIGHBOURS",
    "Cluster",
    "Clusters",
    "Findings",
    "Live",
    "Outlier",
    "Pair",
    "Picture",
    "Term",
    "chunk_at",
    "is_being_made",
    "live_now",
    "make",
    "read",
]
