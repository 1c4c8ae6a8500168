"""What Chroma's answers mean for the port.

Chroma 1.5.9 answers nearly every failure with status 500 and a sentence; only the sentence tells a broken collection
from a full disk. The sentences are those of its Rust source (`local_compaction_manager.rs`, `local_hnsw.rs`,
`sqlite_log.rs`), and were seen by damaging a server's files and by filling its disk.
"""

from collections_app.exceptions import (
    RecordRefused,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
    VectorStoreUnavailable,
)

_OUTAGES = (
    "error returned from database",  # SQLite: disk is full, disk I/O error, database is locked
    "No space left",
    "Failed to apply logs to the metadata segment",  # SQLite again, its own reason swallowed; seen on a full disk
    "Error purging logs",
    "Failed to pull logs",
)
_UNSETTLED = (
    # The sign of a damaged graph, and also of a record that was deleted while it was read.
    "Error finding id",
    "Error getting embedding",
    # Also what a reader is told while the first records of a new collection are being written.
    "Nothing found on disk",
)
# What is said of a collection while it is being dropped; a moment later it does not exist.
_VANISHING = ("Missing field: [Missing metadata segment]", "Missing field: [Missing vector segment]")
_BROKEN = (
    *_UNSETTLED,
    "Failed to apply logs to the hnsw segment writer",
    "Failed to get hnsw segment writer",
    "Error constructing hnsw segment reader",
    "Error creating hnsw segment reader",
    "Error creating hnsw segment writer",
    "Error loading hnsw index",
    "Error querying knn",
    "pickle file",
    "Collection is missing HNSW configuration",
)


_PRECONDITION = 412
_REFUSED = (400, 409, 413, 422)
_MESSAGE_LENGTH = 300


class ChromaAnswerError(Exception):
    """An answer of the server other than success: its status, Chroma's name of the error, and its sentence."""

    def __init__(self, *, status: int, kind: str, message: str) -> None:
        super().__init__(f"{status} {kind}: {message}")
        self.status = status
        self.kind = kind
        self.message = message

    @property
    def is_unsettled(self) -> bool:
        """Whether the same request may well succeed in a moment."""
        return self.says(_UNSETTLED) or (self.status == _PRECONDITION and self.message in _VANISHING)

    @property
    def is_missing(self) -> bool:
        """Whether the collection, or the database it should be in, does not exist."""
        return self.kind == "NotFoundError" and self.message.startswith("Collection [")

    def says(self, sentences: tuple[str, ...]) -> bool:
        """Whether the server failed (5xx) with any of these sentences."""
        return self.status >= 500 and any(sentence in self.message for sentence in sentences)


def store_error(refusal: ChromaAnswerError, *, collection: str | None, writing: bool = False) -> VectorStoreError:
    """The port's error for an answer about `collection`, None where the request was about no single one."""
    said = f"Chroma said: {refusal.message[:_MESSAGE_LENGTH] or refusal.status}"
    if collection is not None and refusal.is_missing:
        return VectorStoreCollectionMissing(f"The store has no collection {collection}. Rebuild the index. {said}")
    if refusal.message.startswith(("Database [", "Tenant [")):
        return VectorStoreUnavailable(f"Create the database in the vector store, or configure another one. {said}")
    if refusal.kind and refusal.status in _REFUSED:
        if writing:
            return RecordRefused(f"The vector store refuses records for {collection}: check their metadata. {said}")
        return VectorStoreError(f"The vector store refuses the request about {collection or 'itself'}. {said}")
    if collection is not None and refusal.says(_BROKEN) and not refusal.says(_OUTAGES):
        return VectorStoreCollectionBroken(f"Collection {collection} is broken: drop and rebuild it. {said}")
    return VectorStoreUnavailable(
        f"The vector store cannot serve now. Check its log, its disk space and its address; if it stays so after that, "
        f"restart it. {said}"
    )
