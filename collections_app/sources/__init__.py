"""Source files: bytes kept by their digest, read by workers, turned into documents."""

from collections_app.sources.deletion import delete_sources
from collections_app.sources.reading import document_of, extract
from collections_app.sources.stored_bytes import UNUSED_FOR, keep_bytes, local_path, sweep_unused_bytes
from collections_app.sources.uploads import (
    is_known,
    retry_sources,
    start_import,
    store_collection_file,
    store_upload,
)

__all__ = [
    "UNUSED_FOR",
    "delete_sources",
    "document_of",
    "extract",
    "is_known",
    "keep_bytes",
    "local_path",
    "retry_sources",
    "start_import",
    "store_collection_file",
    "store_upload",
    "sweep_unused_bytes",
]
