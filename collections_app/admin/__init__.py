"""The admin: one module per area. Importing this package registers every model."""

from collections_app.admin import (
    account,
    chunk,
    collection,
    comparison,
    document,
    embedding,
    entry,
    index,
    site,
    source,
)

__all__ = ["account", "chunk", "collection", "comparison", "document", "embedding", "entry", "index", "site", "source"]
