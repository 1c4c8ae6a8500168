"""The admin: one module per area. Importing this package registers every model."""

from collections_app.admin import (
    account,
    budget,
    chunk,
    collection,
    comparison,
    document,
    embedding,
    entry,
    index,
    site,
    source,
    usage,
)

__all__ = [
    "account",
    "budget",
    "chunk",
    "collection",
    "comparison",
    "document",
    "embedding",
    "entry",
    "index",
    "site",
    "source",
    "usage",
]
