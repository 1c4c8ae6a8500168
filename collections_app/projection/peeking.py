"""What the store really holds: a few records as they come back from it, each beside what SQL says of its id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collections_app.models import Chunk, VectorIndex
from collections_app.projection.physical import current_collection, store_of
from collections_app.vectors import as_vector, is_usable
from collections_app.vectorstores import Record

# Who looks waits no longer than this for one answer.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class PeekedRecord:
    """A record of the store. `chunk` is SQL's row of that id, None where SQL has none; `cosine` is that of the two
    vectors, None where SQL's cannot be compared.
    """

    id: int
    metadata: Mapping[str, Any]
    vector: NDArray[np.float32]
    chunk: Chunk | None
    cosine: float | None


def peek(index: VectorIndex, ids: Sequence[int] = (), *, limit: int) -> list[PeekedRecord]:
    """Return the records of these ids, or those that were stored last, of the collection that is written and read.

    Ids that are not in the store are left out. Raises VectorStoreError.
    """
    name, store = current_collection(index).name, store_of(index).within(PATIENCE)
    chosen = list(ids)[:limit] or sorted(store.newest_ids(name, limit=limit), reverse=True)
    records = store.fetch(name, chosen)
    chunks = Chunk.objects.filter(index=index, pk__in=[record.id for record in records])
    known = {chunk.pk: chunk for chunk in chunks.select_related("document", "embedding").defer("document__metadata")}
    return [_beside(record, known.get(record.id)) for record in records]


def _beside(record: Record, chunk: Chunk | None) -> PeekedRecord:
    cosine = None
    if chunk and chunk.embedding and is_usable(chunk.embedding.vector, dimensions=len(record.vector)):
        lengths = float(np.linalg.norm(record.vector)) * float(np.linalg.norm(as_vector(chunk.embedding.vector)))
        cosine = float(as_vector(chunk.embedding.vector) @ record.vector) / lengths if lengths else None
    return PeekedRecord(record.id, record.metadata, record.vector, chunk, cosine)
