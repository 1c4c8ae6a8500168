"""The projection of an index into the vector store: a physical collection per generation, and the records in it.

A name is committed to SQL before the collection is made, so whatever a crash leaves in the store is known. Store
records are write-once, and ids are never reused, so writing or deleting one again is always safe.
"""

from collections_app.projection.filling import fill
from collections_app.projection.inspection import (
    check_is_there,
    distrust_store,
    is_short,
    last_chunk_id,
    trusted_collection,
)
from collections_app.projection.peeking import PeekedRecord, peek
from collections_app.projection.physical import (
    current_collection,
    drop,
    plan_physical_collection,
    raise_generation,
    readable_collection,
    replace_lost_collection,
    store_of,
    writable_collection,
)
from collections_app.projection.records import record_metadata, records_of, storable
from collections_app.projection.tombstones import purge_tombstones, remove_ids, remove_retired

__all__ = [
    "PeekedRecord",
    "check_is_there",
    "current_collection",
    "distrust_store",
    "drop",
    "fill",
    "is_short",
    "last_chunk_id",
    "peek",
    "plan_physical_collection",
    "purge_tombstones",
    "raise_generation",
    "readable_collection",
    "record_metadata",
    "records_of",
    "remove_ids",
    "remove_retired",
    "replace_lost_collection",
    "storable",
    "store_of",
    "trusted_collection",
    "writable_collection",
]
