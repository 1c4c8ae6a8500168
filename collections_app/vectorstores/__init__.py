"""The port to vector stores. Adapters are modules of this package and are named in `settings.VECTOR_STORES`."""

from collections_app.vectorstores.base import Capabilities, CollectionSpec, HnswSettings, StoredCollection, VectorStore
from collections_app.vectorstores.loading import load_vector_store
from collections_app.vectorstores.records import Match, Record, Vector
from collections_app.vectorstores.values import MetadataValue, Scalar
from collections_app.vectorstores.where import And, Comparison, Not, Operator, Or, Where

__all__ = [
    "And",
    "Capabilities",
    "CollectionSpec",
    "Comparison",
    "HnswSettings",
    "Match",
    "MetadataValue",
    "Not",
    "Operator",
    "Or",
    "Record",
    "Scalar",
    "StoredCollection",
    "Vector",
    "VectorStore",
    "Where",
    "load_vector_store",
]
