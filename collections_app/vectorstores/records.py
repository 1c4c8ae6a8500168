"""What crosses the port: records on their way in and out, and the checks that every record passes."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collections_app.exceptions import EmbeddingResponseInvalid, ProfileMismatch, RecordRefused
from collections_app.vectorstores.values import INT64, MetadataValue, key_problem, value_problem

Vector: TypeAlias = NDArray[np.float32]

MAX_ID = INT64[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One stored vector: a float32 array of shape [d] that is finite and not of length zero.

    What is fetched without vectors has an array of shape [0].
    """

    id: int
    vector: Vector
    metadata: Mapping[str, MetadataValue]


@dataclass(frozen=True, slots=True)
class Match:
    """One found record. `similarity` is the cosine in [-1, 1]."""

    id: int
    similarity: float


def checked_records(records: Iterable[Record], *, dimensions: int | None) -> list[Record]:
    """The records as every store can keep them: contiguous vectors, metadata without None.

    Raises RecordRefused, naming the id (and the key), at the first record that no store may be given.
    `dimensions` is None where the collection does not say.
    """
    checked: list[Record] = []
    seen: set[int] = set()
    for record in records:
        _check_id(record.id, seen)
        vector = _checked_vector(record, dimensions)
        checked.append(Record(record.id, vector, _checked_metadata(record)))
    return checked


def checked_query_vector(vector: Vector, *, dimensions: int | None, name: str) -> Vector:
    """`vector` as contiguous float32 of shape [d].

    Raises ProfileMismatch where the collection has another dimension, EmbeddingResponseInvalid where a cosine with the
    vector is undefined.
    """
    if vector.ndim != 1 or (dimensions is not None and vector.shape[0] != dimensions):
        raise ProfileMismatch(
            f"The query's vector has the shape {list(vector.shape)}, but collection {name} holds vectors of "
            f"{dimensions} numbers. Search it with the embedding profile that it was built from."
        )
    query = np.ascontiguousarray(vector, dtype=np.float32)
    if not has_direction(query):
        raise EmbeddingResponseInvalid(
            "The query's vector is not finite or has length zero. Check what the embedder answers to this question."
        )
    return query


def has_direction(vector: Vector) -> bool:
    """Whether a cosine with the vector is defined: every number finite, and a length that is neither 0 nor infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        square = float(vector @ vector)
    return math.isfinite(square) and square > 0


def in_batches(records: Sequence[Record], *, max_records: int, max_bytes: int) -> Iterator[list[Record]]:
    """Consecutive batches of at most `max_records` records and `max_bytes` bytes of request body.

    Raises RecordRefused for a record that is too large alone.
    """
    batch: list[Record] = []
    size = 0
    for record in records:
        record_size = encoded_size(record)
        if record_size > max_bytes:
            raise RecordRefused(
                f"Record {record.id} takes {record_size} bytes, the store accepts {max_bytes}. Shorten its metadata."
            )
        if batch and (len(batch) == max_records or size + record_size > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += record_size
    if batch:
        yield batch


def encoded_size(record: Record) -> int:
    """Bytes of a record in a JSON body, its vector as base64 (4 bytes for 3)."""
    metadata = json.dumps(record.metadata, ensure_ascii=False).encode()
    return len(metadata) + 4 * math.ceil(record.vector.nbytes / 3) + 32


def _check_id(record_id: int, seen: set[int]) -> None:
    if type(record_id) is not int or not 0 <= record_id <= MAX_ID:
        raise RecordRefused(f"Record {record_id!r} is refused: an id is a whole number from 0 to {MAX_ID}.")
    if record_id in seen:
        raise RecordRefused(f"Record {record_id} is given twice in one call. Send each id once.")
    seen.add(record_id)


def _checked_vector(record: Record, dimensions: int | None) -> Vector:
    vector = record.vector
    if vector.ndim != 1 or not vector.size or (dimensions is not None and vector.size != dimensions):
        raise RecordRefused(
            f"Record {record.id} is refused: its vector has the shape {list(vector.shape)}, the collection holds "
            f"vectors of {dimensions or 'd'} numbers. Embed it with the collection's profile."
        )
    if vector.dtype != np.float32:
        raise RecordRefused(f"Record {record.id} is refused: its vector is {vector.dtype}. Convert it to float32.")
    if not has_direction(vector):
        raise RecordRefused(
            f"Record {record.id} is refused: its vector is not finite or has length zero. Embed its text again."
        )
    return np.ascontiguousarray(vector)


def _checked_metadata(record: Record) -> dict[str, MetadataValue]:
    checked: dict[str, MetadataValue] = {}
    for key, value in record.metadata.items():
        if value is None:
            continue
        problem = key_problem(key) or value_problem(value)
        if problem:
            raise RecordRefused(f"Record {record.id} is refused for its metadata key {key!r}, which {problem}.")
        checked[key] = value
    return checked
