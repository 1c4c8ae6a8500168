"""The vector store in a Chroma server, reached over HTTP.

Facts about Chroma 1.5.9 that shape this module:

* `chromadb.HttpClient` talks to the server while it is being constructed, and always without a time limit. The API
  object beneath it is therefore taken directly, and its HTTP session given limits before the first request.
* A collection is addressed by a UUID that changes when it is dropped and made again under the same name.
* `upsert` merges metadata: a key goes away only when it is sent as None.
* `get(ids=…)` ignores the order, and binds at most 32,766 values.
* `get` with vectors looks them up one by one after the metadata, and fails as a whole on one that was deleted since.
* One request takes 5,461 records and 40 MiB: `max_batch_records` and `max_batch_bytes` stay well below.
* The documents' text is not stored: it is in SQL, and storing it costs a third to a half of the upsert speed.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar
from urllib.parse import urlsplit

import numpy as np

from collections_app.exceptions import (
    ConfigurationError,
    FilterNotSupported,
    VectorStoreCollectionBroken,
    VectorStoreCollectionMissing,
    VectorStoreUnavailable,
    VectorStoreWentDown,
)
from collections_app.vectorstores.base import Capabilities, CollectionSpec, StoredCollection, VectorStore
from collections_app.vectorstores.chroma_errors import ChromaAnswerError, store_error
from collections_app.vectorstores.chroma_folder import remove_leftovers
from collections_app.vectorstores.chroma_where import compile_where
from collections_app.vectorstores.records import Match, Record, Vector
from collections_app.vectorstores.where import Where

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

# chromadb's annotations leave out what it accepts: plain float32 arrays, and None as the metadata of a record.
ChromaServer: TypeAlias = Any
ChromaCollection: TypeAlias = Any

SITE_KEY = "vectorsite:site"
DIMENSIONS_KEY = "vectorsite:dimensions"

CONNECT_SECONDS = 5.0
UNSETTLED_PAUSES = (0.02, 0.05, 0.1, 0.3, 0.6, 1.5)
"""Seconds before each repetition of a request that failed over what others were just writing, deleting or dropping."""


@dataclass(slots=True)
class _Connection:
    """What one process shares with no other: the HTTP session in `server`, and the collections looked up by it."""

    pid: int
    server: ChromaServer
    collections: dict[str, ChromaCollection] = field(default_factory=dict)


class ChromaVectorStore(VectorStore):
    """Chroma at `url`. `timeout` is the time in seconds that one request may take.

    `folder` is where the server keeps its data, if it is ours to clean: Chroma leaves the files of what was dropped.

    Raises ConfigurationError for a URL that is not one of HTTP. Connects at the first call.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(exact=False, durable=True, compares_text=False)
    id_page: int = 10_000

    def __init__(
        self,
        *,
        url: str,
        timeout: float = 30.0,
        folder: str | Path | None = None,
        tenant: str = "default_tenant",
        database: str = "default_database",
    ) -> None:
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigurationError(f"{url!r} is no address of a Chroma server. Write it as http://host:port.")
        if timeout <= 0:
            raise ConfigurationError(f"The timeout of the vector store is {timeout} seconds; set it above 0.")
        self.url = url
        self.timeout = timeout
        self.folder = Path(folder) if folder else None
        self.tenant = tenant
        self.database = database
        self._connected: _Connection | None = None
        self._hurried: dict[float, ChromaVectorStore] = {}

    def within(self, seconds: float) -> "ChromaVectorStore":
        if seconds >= self.timeout:
            return self
        if seconds not in self._hurried:
            self._hurried[seconds] = ChromaVectorStore(
                url=self.url, timeout=seconds, folder=self.folder, tenant=self.tenant, database=self.database
            )
        return self._hurried[seconds]

    def create(self, spec: CollectionSpec) -> None:
        with self._errors(spec.name):
            self._server.create_collection(
                spec.name,
                configuration={"hnsw": {"space": "cosine", **asdict(spec.hnsw)}},
                metadata={SITE_KEY: spec.site_id, DIMENSIONS_KEY: spec.dimensions},
                get_or_create=False,
                tenant=self.tenant,
                database=self.database,
            )

    def drop(self, name: str) -> None:
        try:
            with self._errors(name):
                self._server.delete_collection(name, tenant=self.tenant, database=self.database)
        except VectorStoreCollectionMissing:
            self._require_database()
        finally:
            self._connection.collections.pop(name, None)
        if self.folder:
            remove_leftovers(self.folder)

    def count(self, name: str) -> int:
        return int(self._on(name, lambda collection: collection.count()))

    def ids(self, name: str) -> Iterator[int]:
        # Chroma pages by position, and new records come last. Read from the end, a deletion moves records that are
        # still to be read only towards pages that are still to be read; read from the start it would hide some.
        previous: set[int] = set()
        for start in range(self.count(name) // self.id_page * self.id_page, -1, -self.id_page):
            page = self._id_page(name, start, limit=self.id_page)
            yield from (record_id for record_id in page if record_id not in previous)
            previous = set(page)

    def newest_ids(self, name: str, *, limit: int) -> list[int]:
        start = max(0, self.count(name) - limit)
        return self._id_page(name, start, limit=limit)

    def collections(self) -> list[StoredCollection]:
        with self._errors():
            models = self._server.list_collections(tenant=self.tenant, database=self.database)
        stored = [StoredCollection(model.name, (model.metadata or {}).get(SITE_KEY)) for model in models]
        return sorted(stored, key=lambda collection: collection.name)

    def version(self) -> str:
        with self._errors():
            return f"Chroma {self._server.get_version()}"

    def health(self) -> None:
        self._require_database()

    def can_filter(self, where: Where) -> bool:
        try:
            compile_where(where)
        except FilterNotSupported:
            return False
        return True

    def _dimensions(self, name: str) -> int | None:
        metadata = self._on(name, lambda collection: collection.metadata)
        return (metadata or {}).get(DIMENSIONS_KEY)

    def _upsert_batch(self, name: str, records: Sequence[Record]) -> None:
        ids = [str(record.id) for record in records]

        def upsert(collection: ChromaCollection) -> None:
            stored = collection.get(ids=ids, include=["metadatas"])
            replaced = dict(zip(stored["ids"], stored["metadatas"], strict=True))
            collection.upsert(
                ids=ids,
                embeddings=[record.vector for record in records],
                metadatas=[_replacing(replaced.get(str(record.id)), record.metadata) for record in records],
            )

        self._on(name, upsert, writing=True)

    def _add_batch(self, name: str, records: Sequence[Record]) -> None:
        ids = [str(record.id) for record in records]
        vectors = [record.vector for record in records]
        metadatas = [dict(record.metadata) or None for record in records]
        # Not Chroma's `add`, which ignores an id that is there without a word: a repetition has to be harmless.
        self._on(
            name,
            lambda collection: collection.upsert(ids=ids, embeddings=vectors, metadatas=metadatas),
            writing=True,
        )

    def _delete_batch(self, name: str, ids: Sequence[int]) -> None:
        self._on(name, lambda collection: collection.delete(ids=list(map(str, ids))))

    def _query(self, name: str, vector: Vector, *, limit: int, where: Where | None) -> list[Match]:
        question = {"query_embeddings": [vector], "n_results": limit, "include": ["distances"]}
        if where is not None:
            question["where"] = compile_where(where)
        answer = self._on(name, lambda collection: collection.query(**question))
        return [
            Match(_record_id(text, name), max(-1.0, min(1.0, 1.0 - distance)))
            for text, distance in zip(answer["ids"][0], answer["distances"][0], strict=True)
        ]

    def _fetch_batch(self, name: str, ids: Sequence[int], *, vectors: bool) -> Mapping[int, Record]:
        include = ["metadatas", "embeddings"] if vectors else ["metadatas"]
        found = self._on(name, lambda collection: _whole(collection.get(ids=list(map(str, ids)), include=include)))
        matrix = np.empty((len(found["ids"]), 0)) if not vectors else np.asarray(found["embeddings"])
        matrix = matrix.astype(np.float32)
        if not np.isfinite(matrix).all():
            raise VectorStoreCollectionBroken(
                f"Collection {name} is broken: it answers with vectors that are not finite. Drop and rebuild it."
            )
        keys = [_record_id(text, name) for text in found["ids"]]
        return {
            key: Record(key, vector, metadata or {})
            for key, vector, metadata in zip(keys, matrix, found["metadatas"], strict=True)
        }

    def _id_page(self, name: str, start: int, *, limit: int) -> list[int]:
        page = self._on(name, lambda collection: collection.get(limit=limit, offset=start, include=[]))
        return [_record_id(text, name) for text in page["ids"]]

    def _on(self, name: str, operation: Callable[[ChromaCollection], T], *, writing: bool = False) -> T:
        """What `operation` answers about a collection, with every failure as an error of the port."""
        try:
            with self._errors(name, writing=writing):
                return _settled(lambda: self._with_current_uuid(name, operation))
        except VectorStoreCollectionMissing:
            # Chroma says the same where the whole database is missing, and that no rebuild can help.
            self._require_database()
            raise

    def _with_current_uuid(self, name: str, operation: Callable[[ChromaCollection], T]) -> T:
        if name in self._connection.collections:
            try:
                return operation(self._collection(name))
            except ChromaAnswerError as refusal:
                if not refusal.is_missing:
                    raise
                self._connection.collections.pop(name, None)
        return operation(self._collection(name))

    def _collection(self, name: str) -> ChromaCollection:
        from chromadb import Collection

        connection = self._connection
        found = connection.collections.get(name)
        if found is None:
            model = connection.server.get_collection(name, tenant=self.tenant, database=self.database)
            found = connection.collections[name] = Collection(connection.server, model, embedding_function=None)
        return found

    def _require_database(self) -> None:
        with self._errors():
            self._server.get_database(self.database, tenant=self.tenant)

    @property
    def _connection(self) -> _Connection:
        # A forked child must not share its parent's sockets. Two threads may both connect: that costs nothing but the
        # second object, while a lock held during a fork would stop the child for ever.
        connected = self._connected
        if connected is None or connected.pid != os.getpid():
            connected = self._connected = _Connection(os.getpid(), _connect(self.url, self.timeout))
        return connected

    @property
    def _server(self) -> ChromaServer:
        return self._connection.server

    @contextmanager
    def _errors(self, collection: str | None = None, *, writing: bool = False) -> Iterator[None]:
        import httpx

        try:
            yield
        except ChromaAnswerError as refusal:
            raise store_error(refusal, collection=collection, writing=writing) from refusal
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            raise VectorStoreWentDown(
                f"The vector store at {self.url} hung up ({type(error).__name__}: {error}). Look whether it runs, and "
                "at the end of its log.",
                collection=collection or "",
            ) from error
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise VectorStoreWentDown(
                f"The vector store at {self.url} was silent for {self.timeout:g} s. Look at its disk space and its "
                "log, and restart it if it stays so.",
                collection=collection or "",
                is_silent=True,
            ) from error
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise VectorStoreUnavailable(
                f"The vector store at {self.url} did not answer ({type(error).__name__}: {error}). "
                f"Start it, or correct its address."
            ) from error


def _connect(url: str, timeout: float) -> ChromaServer:
    import httpx
    from chromadb.api import ServerAPI
    from chromadb.config import Settings, System

    # Without `_env_file` the client reads settings of its own from any `.env` in the working directory.
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host=url,
        chroma_server_http_port=urlsplit(url).port or 80,  # required, and ignored where the host is a URL
        anonymized_telemetry=False,
    )
    server: ChromaServer = System(settings).instance(ServerAPI)  # type: ignore[type-abstract]
    session: httpx.Client = server._session
    session.timeout = httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS))
    session.event_hooks = {"response": [_raise_for_answer]}
    return server


def _raise_for_answer(response: "httpx.Response") -> None:
    """Raise ChromaAnswerError for Chroma's own errors, and for the pages of whoever else answers at its address."""
    if response.is_success and "json" in response.headers.get("content-type", ""):
        return
    response.read()
    try:
        body = json.loads(response.text)
    except json.JSONDecodeError:
        body = None
    if isinstance(body, dict) and "error" in body:
        raise ChromaAnswerError(
            status=response.status_code, kind=str(body["error"]), message=str(body.get("message", ""))
        )
    raise ChromaAnswerError(status=response.status_code, kind="", message=response.text)


def _whole(found: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as it is. One that lacks what was just being deleted or dropped is to be asked for again."""
    for part in ("metadatas", "embeddings"):
        if found[part] is not None and len(found[part]) != len(found["ids"]):
            raise ChromaAnswerError(status=500, kind="", message=f"Error finding id: {part} are missing in the answer")
    return found


def _settled(operation: Callable[[], T]) -> T:
    for pause in UNSETTLED_PAUSES:
        try:
            return operation()
        except ChromaAnswerError as refusal:
            if not refusal.is_unsettled:
                raise
        time.sleep(pause)
    return operation()


def _replacing(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metadata to send so that `new` is all that stays."""
    return {**dict.fromkeys(old or ()), **new} or None


def _record_id(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or text != str(int(text)):
        raise VectorStoreCollectionBroken(
            f"Collection {name} holds the id {text!r}, which is not of this site's making. Drop and rebuild it."
        )
    return int(text)
