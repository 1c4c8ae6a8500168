"""The embedding port: text -> unit vectors, by one of several backends chosen by alias.

Importing this package imports no inference library and no client; each backend does so when it first embeds.
"""

from collections_app.embeddings.base import BatchLimits, Embedder
from collections_app.embeddings.registry import load_embedder, takes_key, vector_options

__all__ = ["BatchLimits", "Embedder", "load_embedder", "takes_key", "vector_options"]
