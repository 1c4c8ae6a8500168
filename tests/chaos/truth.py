"""The database and the vector store as they are, read directly: with SQL and plain HTTP, without the site's code."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import httpx
import psycopg

_PAGE = 1000
_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


class Database:
    """Reads one database, SQLite's file or PostgreSQL's URL, each time in a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a query with `?` for values."""
        if self._address.startswith("postgres"):
            with psycopg.connect(self._address) as connection:
                return connection.execute(query.replace("?", "%s"), values).fetchall()
        with closing(sqlite3.connect(self._address, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """Return the only value of the only row."""
        return self.rows(query, *values)[0][0]

    def seconds_since(self, column: str) -> str:
        """Return an expression: how long ago, by the database's clock, the time in `column` was."""
        if self._address.startswith("postgres"):
            return f"EXTRACT(EPOCH FROM now() - {column})"
        return f"((julianday('now') - julianday({column})) * 86400)"


class Store:
    """Reads a Chroma server over its HTTP interface, and makes drift in it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def collections(self) -> dict[str, str]:
        """Return the ids of all collections by name."""
        with httpx.Client(base_url=self._url, timeout=60) as client:
            found = client.get(_COLLECTIONS, params={"limit": 10_000}).raise_for_status().json()
        return {collection["name"]: collection["id"] for collection in found}

    def records(self, collection_id: str) -> Iterator[tuple[int, list[float], dict[str, Any]]]:
        """Yield id, vector and metadata of every record. Nobody may be writing."""
        with httpx.Client(base_url=self._url, timeout=60) as client:
            offset = 0
            while True:
                asked = {"limit": _PAGE, "offset": offset, "include": ["metadatas", "embeddings"]}
                page = client.post(f"{_COLLECTIONS}/{collection_id}/get", json=asked).raise_for_status().json()
                columns = zip(page["ids"], page["embeddings"], page["metadatas"], strict=True)
                yield from ((int(record_id), vector, metadata or {}) for record_id, vector, metadata in columns)
                if len(page["ids"]) < _PAGE:
                    return
                offset += _PAGE

    def delete(self, collection_id: str, ids: Sequence[int]) -> None:
        """Take records away behind the site's back."""
        self._change(collection_id, "delete", {"ids": list(map(str, ids))})

    def add(self, collection_id: str, vectors: Mapping[int, Sequence[float]]) -> None:
        """Put records in behind the site's back."""
        self._change(
            collection_id,
            "add",
            {"ids": list(map(str, vectors)), "embeddings": list(map(list, vectors.values()))},
        )

    def _change(self, collection_id: str, what: str, asked: dict[str, Any]) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            client.post(f"{_COLLECTIONS}/{collection_id}/{what}", json=asked).raise_for_status()
