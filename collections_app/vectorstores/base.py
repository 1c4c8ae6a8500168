"""The port to a vector store: a disposable projection of what SQL holds.

`VectorStore` does once what every adapter needs: it checks records and query vectors, cuts work into batches and puts
answers in order. An adapter supplies the methods that begin with an underscore, and the few that need no such work.

Every method may raise VectorStoreUnavailable. An error does not mean that nothing was applied: a timeout may follow a
write that the store completed. Every write can be repeated.
"""

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from collections_app.exceptions import ConfigurationError, RecordsExist
from collections_app.vectorstores.records import (
    Match,
    Record,
    Vector,
    checked_query_vector,
    checked_records,
    in_batches,
)
from collections_app.vectorstores.where import Where

_NAME = re.compile(r"[a-zA-Z0-9](?!.*\.\.)[a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswSettings:
    """Parameters of the graph that approximates the nearest neighbours; an exact store ignores them.

    `sync_threshold` is the number of changes between two saves of the whole graph to disk. What lies between is
    replayed after a restart, and a kill during a save can break the collection: fewer saves are faster and safer.
    """

    ef_construction: int = 200
    ef_search: int = 100
    max_neighbors: int = 32
    batch_size: int = 100
    sync_threshold: int = 5000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 2:
                raise ConfigurationError(f"HNSW setting {name} is {getattr(self, name)}; set it to 2 or more.")
        if self.batch_size > self.sync_threshold:
            raise ConfigurationError("HNSW setting batch_size is above sync_threshold; lower it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSpec:
    """What a collection is made of. `site_id` marks it as belonging to one site among those that share a store.

    A name has 3 to 512 characters of `[a-zA-Z0-9._-]`, alphanumeric ends, no `..`, and is no IP address.
    """

    name: str
    dimensions: int
    site_id: str
    hnsw: HnswSettings = field(default_factory=HnswSettings)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or _is_address(self.name):
            raise ConfigurationError(
                f"{self.name!r} cannot name a collection: use 3 to 512 letters, digits and single . _ - between them."
            )
        if self.dimensions < 1:
            raise ConfigurationError(
                f"Collection {self.name} has {self.dimensions} dimensions; use a model that has some."
            )


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection that the store holds. `site_id` is None where no site has marked it."""

    name: str
    site_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Where adapters differ."""

    exact: bool
    """A query compares with every vector: it finds the true nearest ones, and always `limit` of them if there are."""
    durable: bool
    """Collections outlive the process, and other processes see them."""
    compares_text: bool
    """`where` takes `ne`, `nin` and the four orders for text."""


class VectorStore(ABC):
    """Collections of vectors that are compared by cosine, each vector with an id and metadata.

    Safe to use from several threads, and in a child process after a fork. Every method that takes the name of a
    collection raises VectorStoreCollectionMissing where the store has none of that name, and
    VectorStoreCollectionBroken where it has one that no longer answers and must be dropped and rebuilt.
    """

    capabilities: ClassVar[Capabilities]
    max_batch_records: int = 1000
    max_batch_bytes: int = 32 * 1024 * 1024
    fetch_batch: int = 1000

    @abstractmethod
    def create(self, spec: CollectionSpec) -> None:
        """Make an empty collection. Raises VectorStoreError if the name is taken: nothing is ever adopted."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Remove a collection without loading it, so that a broken one goes too. One that is not there is fine."""

    @abstractmethod
    def count(self, name: str) -> int:
        """Number of records in a collection."""

    @abstractmethod
    def ids(self, name: str) -> Iterator[int]:
        """Every id in a collection, page by page in constant memory, in no particular order.

        While others write, an id that is there from beginning to end is never left out; one that is added or deleted
        meanwhile may or may not come. None comes twice, unless more than a page is deleted between two pages.
        """

    @abstractmethod
    def newest_ids(self, name: str, *, limit: int) -> list[int]:
        """The ids of the at most `limit` records that were first stored last, in no particular order."""

    @abstractmethod
    def collections(self) -> list[StoredCollection]:
        """Every collection of the store, those of other sites too, by name. Loads none of them."""

    def version(self) -> str:
        """What the server calls itself, "" where there is none."""
        return ""

    @abstractmethod
    def health(self) -> None:
        """Return if the store answers from its disk, else raise VectorStoreUnavailable. Loads no collection."""

    def within(self, seconds: float) -> "VectorStore":
        """Return this store for somebody who waits: no request takes longer than `seconds`, where it can be limited."""
        return self

    def upsert(self, name: str, records: Iterable[Record]) -> None:
        """Store records, replacing vector and metadata as a whole where an id is there already.

        Raises RecordRefused before anything is sent if a record is one that no store may be given. Batches are
        applied one after the other; after an error some may be.
        """
        checked = checked_records(records, dimensions=self._dimensions(name))
        for batch in in_batches(checked, max_records=self.max_batch_records, max_bytes=self.max_batch_bytes):
            self._upsert_batch(name, batch)

    def add(self, name: str, records: Iterable[Record]) -> None:
        """Store records under ids that are new to the collection.

        Raises what `upsert` raises, and RecordsExist, with nothing written of that batch, if one of its ids is there.
        """
        checked = checked_records(records, dimensions=self._dimensions(name))
        for batch in in_batches(checked, max_records=self.max_batch_records, max_bytes=self.max_batch_bytes):
            if taken := self._fetch_batch(name, [record.id for record in batch], vectors=False):
                raise RecordsExist(
                    f"Collection {name} holds records under ids that were only just given out, such as "
                    f"{min(taken)}: the database is older than the store. Rebuild the index."
                )
            self._add_batch(name, batch)

    def copy(self, name: str, records: Iterable[Record]) -> None:
        """Store records of which those that are there already are the same; to repeat it changes nothing.

        Raises what `upsert` raises. Spares the look at what is there that `upsert` and `add` need.
        """
        checked = checked_records(records, dimensions=self._dimensions(name))
        for batch in in_batches(checked, max_records=self.max_batch_records, max_bytes=self.max_batch_bytes):
            self._add_batch(name, batch)

    def delete(self, name: str, ids: Collection[int]) -> None:
        """Remove records; ids that are not there are fine."""
        for batch in _slices(list(ids), self.max_batch_records):
            self._delete_batch(name, batch)

    def query(self, name: str, vector: Vector, *, limit: int, where: Where | None = None) -> list[Match]:
        """The at most `limit` records most similar to `vector` (float32, shape [d]), most similar first, then by id.

        `where` keeps the records whose metadata, as the store has it (see `fetch`), matches. Raises FilterNotSupported
        for what the store cannot express, ProfileMismatch for another dimension, EmbeddingResponseInvalid for a vector
        without a direction.
        """
        if limit < 1:
            raise ValueError(f"limit is {limit}; ask for at least one record")
        query = checked_query_vector(vector, dimensions=self._dimensions(name), name=name)
        found = self._query(name, query, limit=limit, where=where)
        return sorted(found, key=lambda match: (-match.similarity, match.id))

    def can_filter(self, where: Where) -> bool:
        """Say whether `query` takes this expression; it raises FilterNotSupported otherwise."""
        return True

    def fetch(self, name: str, ids: Iterable[int], *, vectors: bool = True) -> list[Record]:
        """The records with these ids in the order asked for; ids that are not there are left out.

        Vectors come back as they were stored up to rounding: Chroma keeps a unit vector and a length, and multiplies
        them, so that a number may differ in its last bits. So may one of the metadata, see `values.are_kept`. Without
        `vectors` the arrays are empty.
        """
        found: list[Record] = []
        for batch in _slices(list(dict.fromkeys(ids)), self.fetch_batch):
            by_id = self._fetch_batch(name, batch, vectors=vectors)
            found.extend(by_id[record_id] for record_id in batch if record_id in by_id)
        return found

    @abstractmethod
    def _dimensions(self, name: str) -> int | None:
        """Dimension that the collection was created with, None where it does not say."""

    @abstractmethod
    def _upsert_batch(self, name: str, records: Sequence[Record]) -> None: ...

    @abstractmethod
    def _add_batch(self, name: str, records: Sequence[Record]) -> None:
        """Store records of which none is there, or the same: to repeat it is harmless."""

    @abstractmethod
    def _delete_batch(self, name: str, ids: Sequence[int]) -> None: ...

    @abstractmethod
    def _query(self, name: str, vector: Vector, *, limit: int, where: Where | None) -> list[Match]:
        """At most `limit` matches in any order."""

    @abstractmethod
    def _fetch_batch(self, name: str, ids: Sequence[int], *, vectors: bool) -> Mapping[int, Record]: ...


def _slices(ids: list[int], size: int) -> Iterator[list[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
