"""What Chroma's answers mean, told by their status and their sentences."""

import pytest

from collections_app.exceptions import (
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreError,
    VectorStoreUnavailable,
)
from collections_app.vectorstores.chroma_errors import ChromaAnswerError, store_error

COMPACTION = "Error in compaction: "
BACKFILL = "Error executing plan: Error sending backfill request to compactor: "
READER = "Error constructing hnsw segment reader: Error creating hnsw segment reader: "


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (
            500,
            "InternalError",
            COMPACTION + "Failed to apply logs to the hnsw segment writer",
            VectorStoreCollectionBroken,
        ),
        (
            500,
            "InternalError",
            BACKFILL + "Failed to apply logs to the hnsw segment writer",
            VectorStoreCollectionBroken,
        ),
        (500, "InternalError", BACKFILL + "Failed to get hnsw segment writer", VectorStoreCollectionBroken),
        (500, "InternalError", BACKFILL + READER + "Error loading hnsw index", VectorStoreCollectionBroken),
        (500, "InternalError", BACKFILL + READER + "Error deserializing pickle file: EOF", VectorStoreCollectionBroken),
        (
            500,
            "InternalError",
            "Error executing plan: Internal error: Error creating hnsw segment reader: Nothing found on disk",
            VectorStoreCollectionBroken,
        ),
        (500, "InternalError", "Error executing plan: Internal error: Error querying knn", VectorStoreCollectionBroken),
        (
            500,
            "InternalError",
            BACKFILL + READER + "Error reading from sqlite: error returned from database: (code: 5) database is locked",
            VectorStoreUnavailable,
        ),
        (
            500,
            "InternalError",
            "Query error: Database error: error returned from database: (code: 13) database or disk is full",
            VectorStoreUnavailable,
        ),
        (500, "InternalError", COMPACTION + "Failed to apply logs to the metadata segment", VectorStoreUnavailable),
        (500, "InternalError", BACKFILL + "Error purging logs", VectorStoreUnavailable),
        (500, "InternalError", "No space left on device", VectorStoreUnavailable),
        (500, "InternalError", "something new", VectorStoreUnavailable),
        (503, "", "Service Unavailable", VectorStoreUnavailable),
        (429, "RateLimitError", "slow down", VectorStoreUnavailable),
        (401, "AuthError", "Forbidden", VectorStoreUnavailable),
        (404, "NotFoundError", "Collection [x] does not exist.", VectorStoreCollectionMissing),
        (404, "NotFoundError", "Database [x] not found", VectorStoreUnavailable),
        (404, "", "", VectorStoreUnavailable),
        (400, "InvalidArgumentError", "Validation error: name", VectorStoreError),
        (409, "ChromaError", "Collection [x] already exists", VectorStoreError),
    ],
)
def test_an_answer_means_what_its_sentence_says(
    status: int, kind: str, message: str, expected: type[VectorStoreError]
) -> None:
    error = store_error(ChromaAnswerError(status=status, kind=kind, message=message), collection="mine")

    assert type(error) is expected
    assert (message or str(status)) in str(error)


def test_a_sentence_about_a_graph_without_a_collection_is_an_outage() -> None:
    answer = ChromaAnswerError(status=500, kind="InternalError", message="Error loading hnsw index")

    assert type(store_error(answer, collection=None)) is VectorStoreUnavailable
