"""What vectors look like together: axes, clusters, neighbours, samples. NumPy alone; no ORM, no clock, no chance."""

from collections_app.geometry.axes import Axes, Moments
from collections_app.geometry.clusters import Clustering, choose_clustering, cluster, simplified_silhouette
from collections_app.geometry.histogram import Histogram, random_pairs
from collections_app.geometry.neighbourhood import Neighbourhood, Pair
from collections_app.geometry.sampling import sample, usable

__all__ = [
    "Axes",
    "Clustering",
    "Histogram",
    "Moments",
    "Neighbourhood",
    "Pair",
    "choose_clustering",
    "cluster",
    "random_pairs",
    "sample",
    "simplified_silhouette",
    "usable",
]
