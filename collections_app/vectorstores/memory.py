"""A vector store in this process: exact, gone when the process ends. For tests, and as the reference for others."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from collections_app.exceptions import VectorStoreCollectionMissing, VectorStoreError
from collections_app.vectorstores.base import Capabilities, CollectionSpec, StoredCollection, VectorStore
from collections_app.vectorstores.records import Match, Record, Vector
from collections_app.vectorstores.where import Where, matches


@dataclass(slots=True)
class _Collection:
    spec: CollectionSpec
    records: dict[int, Record] = field(default_factory=dict)


class InMemoryVectorStore(VectorStore):
    """Keeps every record in a dict and compares a query with all of them."""

    capabilities: ClassVar[Capabilities] = Capabilities(exact=True, durable=False, compares_text=True)

    def __init__(self) -> None:
        self._collections: dict[str, _Collection] = {}
        self._lock = threading.RLock()

    def create(self, spec: CollectionSpec) -> None:
        with self._lock:
            if spec.name in self._collections:
                raise VectorStoreError(f"Collection {spec.name} exists already. Create it under another name.")
            self._collections[spec.name] = _Collection(spec)

    def drop(self, name: str) -> None:
        with self._lock:
            self._collections.pop(name, None)

    def count(self, name: str) -> int:
        with self._lock:
            return len(self._collection(name).records)

    def ids(self, name: str) -> Iterator[int]:
        with self._lock:
            return iter(list(self._collection(name).records))

    def newest_ids(self, name: str, *, limit: int) -> list[int]:
        return list(self.ids(name))[-limit:]

    def collections(self) -> list[StoredCollection]:
        with self._lock:
            stored = [StoredCollection(name, held.spec.site_id) for name, held in self._collections.items()]
        return sorted(stored, key=lambda collection: collection.name)

    def health(self) -> None:
        return None

    def _collection(self, name: str) -> _Collection:
        try:
            return self._collections[name]
        except KeyError:
            raise VectorStoreCollectionMissing(f"The store has no collection {name}. Rebuild the index.") from None

    def _dimensions(self, name: str) -> int:
        with self._lock:
            return self._collection(name).spec.dimensions

    def _upsert_batch(self, name: str, records: Sequence[Record]) -> None:
        with self._lock:
            held = self._collection(name).records
            held.update((record.id, _own(record)) for record in records)

    def _add_batch(self, name: str, records: Sequence[Record]) -> None:
        self._upsert_batch(name, records)

    def _delete_batch(self, name: str, ids: Sequence[int]) -> None:
        with self._lock:
            held = self._collection(name).records
            for record_id in ids:
                held.pop(record_id, None)

    def _query(self, name: str, vector: Vector, *, limit: int, where: Where | None) -> list[Match]:
        with self._lock:
            held = self._collection(name).records
            candidates = [record for record in held.values() if where is None or matches(where, record.metadata)]
        if not candidates:
            return []
        similarities = _cosines(np.stack([record.vector for record in candidates]), vector)
        nearest = np.argsort(-similarities, kind="stable")[:limit]
        return [Match(candidates[row].id, float(similarities[row])) for row in nearest]

    def _fetch_batch(self, name: str, ids: Sequence[int], *, vectors: bool) -> Mapping[int, Record]:
        with self._lock:
            held = self._collection(name).records
            found = [held[record_id] for record_id in ids if record_id in held]
        return {record.id: _own(record, vector=vectors) for record in found}


def _own(record: Record, *, vector: bool = True) -> Record:
    """The record with objects of its own, as if it had been sent over a wire."""
    return Record(record.id, record.vector.copy() if vector else record.vector[:0], deepcopy(record.metadata))


def _cosines(matrix: Vector, query: Vector) -> Vector:
    """Cosine of each row of `matrix` [n, d] with `query` [d], in [-1, 1]."""
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(query)
    cosines: Vector = np.clip((matrix @ query) / lengths, -1.0, 1.0)
    return cosines
