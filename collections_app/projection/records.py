"""Chunks as records of a vector store."""

from collections.abc import Collection as Sized
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collections_app.models import Chunk, MetadataValue
from collections_app.vectorstores import Record

Vector = NDArray[np.float32]


def record_metadata(document_ids: Sized[int]) -> dict[int, dict[str, Any]]:
    """Return the filterable values of documents as the store keeps them, by document id and field name."""
    metadata: dict[int, dict[str, Any]] = {document_id: {} for document_id in document_ids}
    values = MetadataValue.objects.filter(document__in=document_ids).select_related("field").order_by("position")
    for value in values:
        bag = metadata[value.document_id]
        if value.field.is_list:
            bag.setdefault(value.field.name, []).append(storable(value.value))
        else:
            bag[value.field.name] = storable(value.value)
    return metadata


def storable(value: Any) -> str | int | float | bool:
    """Return a value in a form that a store can compare: dates as numbers (YYYYMMDD), date-times as seconds UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).timestamp()
    if isinstance(value, date):
        return value.year * 10000 + value.month * 100 + value.day
    return value  # type: ignore[no-any-return]


def records_of(chunks: Sequence[tuple[Chunk, Vector]]) -> list[Record]:
    """Return the store records of chunks, each with its vector."""
    metadata = record_metadata({chunk.document_id for chunk, _ in chunks})
    return [
        Record(
            id=chunk.pk,
            vector=vector,
            metadata={
                **metadata[chunk.document_id],
                "_document": chunk.document_id,
                "_revision": chunk.revision,
                "_language": chunk.language,
            },
        )
        for chunk, vector in chunks
    ]
