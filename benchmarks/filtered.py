"""Filtered search beside others: python -m benchmarks.filtered [--chunks 100000] [--rivals chroma lancedb pgvector]

The nearest ten of so many vectors of 384 dimensions, of those that a filter keeps: shares of 50 % to 0.01 %, by one
filter or two, which have nothing to do with the question, keep what is near to it, or what is far. Ours is the whole
semantic leg: counting, planning, the store, memory, and every check in SQL; the database is SQLite or what DATABASE_URL
names. Everybody is asked each question, one after the other. `cold` is ours with a filter that it has never been asked
before, `no memory` ours with VECTOR_MEMORY_MB=0; `memory` and `store` take that way whatever the planner thinks.

Figures go to var/reports/bench.json, all of them to var/reports/filtered.json, from which `benchmarks.filtered_chart`
draws docs/images/filtered-search.svg. Processor time, that of the servers included, is firmer than the clock where
other things run. What is not asked keeps the figures of its last run. With --folder the data set is kept there and used
again.
"""

import argparse
import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.filtered_data import DIMENSIONS, DataSet, Filter, K, fill_store, make, save
from benchmarks.private_site import kept_folder
from tests.chroma_server import ChromaServer

if TYPE_CHECKING:
    from collections_app.models import VectorIndex
    from search_app.filters import Expression

Find = Callable[[NDArray[np.float32], Filter], list[int]]
REPORT = report.REPORTS / "filtered.json"
OURS = ("ours", "cold", "no memory", "memory", "store")
_WARM_UP = 2


class Ours:
    """The semantic leg of one index, asked as the search asks it, with the vector of the question."""

    def __init__(self, index: "VectorIndex") -> None:
        from collections_app.models import Document, MetadataField

        self.index = index
        self.fields = {field.name: field.spec for field in MetadataField.objects.filter(collection=index.collection_id)}
        first = Document.objects.filter(collection=index.collection_id).order_by("pk").first()
        assert first is not None
        self.first_id = first.pk
        self.plans: list[str] = []
        self.asked = 0

    def find(self, question: NDArray[np.float32], filter_: Filter) -> list[int]:
        from search_app import resident
        from search_app.degradation import Code
        from search_app.lexical import LexicalLeg
        from search_app.scope import Scope
        from search_app.semantic import SemanticLeg
        from search_app.stopwatch import Stopwatch

        scope, watch = Scope(self.index, None, self.expression(filter_)), Stopwatch()
        view = resident.view_of(self.index)
        found = SemanticLeg(scope, question, watch, LexicalLeg(scope, "", watch), view).run(wanted=K)
        if not all(reason.code is Code.PARTIAL for reason in found.degraded):
            raise SystemExit(f"The answer is degraded, so nothing was measured: {found.degraded}")
        self.plans.append(found.plan.strategy.value)
        return [candidate.document_id - self.first_id for candidate in found.ranking.slice(0, K)]

    def find_cold(self, question: NDArray[np.float32], filter_: Filter) -> list[int]:
        return self.find(question, self.never_asked(filter_))

    def never_asked(self, filter_: Filter) -> Filter:
        """Return a filter that keeps the same, and that nobody has asked for yet."""
        self.asked += 1
        return filter_.never_asked(self.asked)

    def find_without_memory(self, question: NDArray[np.float32], filter_: Filter) -> list[int]:
        from django.conf import settings

        before, settings.VECTOR_MEMORY_MB = settings.VECTOR_MEMORY_MB, 0
        try:
            return self.find(question, filter_)
        finally:
            settings.VECTOR_MEMORY_MB = before

    def find_in_memory(self, question: NDArray[np.float32], filter_: Filter) -> list[int]:
        with _first_fetch(lambda *_args, **_more: (None, 1.0)):
            return self.find(question, filter_)

    def find_by_store(self, question: NDArray[np.float32], filter_: Filter) -> list[int]:
        from dataclasses import replace

        from search_app import planner

        genuine = planner._first_fetch

        def always(memory: Any, **more: Any) -> tuple[int | None, float]:
            return genuine(replace(memory, kept=None), **more)[0], -1e6

        with _first_fetch(always):
            return self.find(question, filter_)

    def expression(self, filter_: Filter) -> "Expression":
        from search_app.filters import And, Condition

        tests = [
            Condition(
                self.fields[test.field],
                test.operator,
                test.value if isinstance(test.value, tuple) else (test.value,),
            )
            for test in filter_.tests
        ]
        return And(tuple(tests))


@contextmanager
def _first_fetch(instead: Callable[..., Any]) -> Iterator[None]:
    from search_app import planner

    genuine = planner._first_fetch
    planner._first_fetch = instead
    try:
        yield
    finally:
        planner._first_fetch = genuine


def measure(
    data: DataSet, contenders: dict[str, Find], ours: Ours, servers: dict[str, list[int]]
) -> list[dict[str, Any]]:
    """Ask everybody every question under every filter, in turn; return a row per contender and filter.

    `servers` are the processes that answer besides this one, by contender.
    """
    rows: list[dict[str, Any]] = []
    for filter_ in data.filters():
        kept = data.mask(filter_)
        truth = [_nearest(data, kept, question) for question in data.questions]
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        right: dict[str, list[float]] = {name: [] for name in contenders}
        used: dict[str, list[float]] = {name: [] for name in contenders}
        plans: dict[str, list[str]] = {name: [] for name in contenders}
        for find in contenders.values():
            for question in data.questions[:_WARM_UP]:
                find(question, filter_)
        for number, question in enumerate(data.questions):
            # In another order each time, the same in every run: who comes after whom decides whose data are in the
            # caches, and ours that asks the store would warm the store up for who asks it next.
            for name in random.Random(number).sample(list(contenders), len(contenders)):
                ours.plans.clear()
                worked, start = _processor_ms(servers[name]), time.perf_counter()
                found = contenders[name](question, filter_)
                taken[name].append((time.perf_counter() - start) * 1000)
                used[name].append(_processor_ms(servers[name]) - worked)
                plans[name] += ours.plans
                wanted = truth[number]
                right[name].append(len(wanted & set(found[:K])) / len(wanted) if wanted else float(not found))
        rows += [
            {
                "contender": name,
                "relation": filter_.relation,
                "share": filter_.share,
                "filters": len(filter_.tests),
                "kept": int(kept.sum()),
                "p50_ms": round(float(np.percentile(taken[name], 50)), 2),
                "p95_ms": round(float(np.percentile(taken[name], 95)), 2),
                "cpu_ms": round(float(np.percentile(used[name], 50)), 2),
                "recall": round(float(np.mean(right[name])), 4),
                "strategies": sorted(set(plans[name])),
            }
            for name in contenders
        ]
        told = ", ".join(map(_in_short, rows[-len(contenders) :]))
        print(f"{filter_.name}: {told}", flush=True)
    return rows


def _in_short(row: dict[str, Any]) -> str:
    recall = f" ({row['recall']})" if row["recall"] < 1 else ""
    return f"{row['contender']} {row['p50_ms']}/{row['p95_ms']}/{row['cpu_ms']}{recall}"


def _processor_ms(servers: Sequence[int]) -> float:
    """Return the processor time of this process and of `servers` so far, all threads together."""
    total = time.process_time() * 1000
    for pid in servers:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(thread.read_text().split()[0]) / 1e6
    return total


def _nearest(data: DataSet, kept: NDArray[np.bool_], question: NDArray[np.float32]) -> set[int]:
    rows = np.flatnonzero(kept)
    similarities = data.vectors @ question if len(rows) > data.size / 4 else None
    scores = similarities[rows] if similarities is not None else data.vectors[rows] @ question
    return set(rows[np.argsort(-scores, kind="stable")[:K]].tolist())


def figures(rows: Sequence[dict[str, Any]], *, chunks: int, vendor: str, conditions: str) -> None:
    """Add the worst ratio of each promise to the common report."""
    by = {(row["contender"], row["relation"], row["share"], row["filters"]): row for row in rows}

    def worst(
        rival: str, chosen: Callable[[dict[str, Any]], bool], measured: str
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        pairs = [
            (row, by[rival, *rest])
            for (contender, *rest), row in by.items()
            if contender == "ours" and row["filters"] and (rival, *rest) in by and chosen(row)
        ]
        return max(pairs, key=lambda pair: pair[0][measured] / pair[1][measured], default=None)

    def related(row: dict[str, Any]) -> bool:
        return bool(row["relation"] != "anti-correlated" and row["kept"])

    promises: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
        "chroma_above_1_percent": ("chroma", lambda row: related(row) and row["share"] > 0.01),
        "chroma_1_percent_and_below": ("chroma", lambda row: related(row) and row["share"] <= 0.01),
        "chroma_anti_correlated": ("chroma", lambda row: row["relation"] == "anti-correlated"),
        "lancedb": ("lancedb", lambda row: row["kept"] > 0),
        "pgvector": ("pgvector", lambda row: row["kept"] > 0),
    }
    size = report.sized(chunks, vendor)
    units = {"p95_ms": "ms, p95", "p50_ms": "ms, median", "cpu_ms": "ms of processor time, median"}
    for (name, (rival, chosen)), (measured, unit) in itertools.product(promises.items(), units.items()):
        if pair := worst(rival, chosen, measured):
            mine, other = pair
            report.add(
                f"filtered_{size}_{name}_{measured.removesuffix('_ms')}",
                ours=mine[measured],
                other=other[measured],
                unit=unit,
                conditions=f"worst ratio: {mine['share']:g} {mine['relation']}, {mine['filters']} filters, "
                f"recall {mine['recall']} against {other['recall']}; {conditions}",
            )
    lowest = min((row for row in rows if row["contender"] == "ours"), key=lambda row: row["recall"])
    report.add(f"filtered_{size}_recall", ours=lowest["recall"], other=None, unit="recall@10", conditions=conditions)


def run(options: argparse.Namespace, folder: Path) -> None:
    data = make(options.chunks, options.questions)
    with ExitStack() as stack:
        server = stack.enter_context(ChromaServer(folder / "chroma"))
        index = site(folder, server.url, data)
        from django.db import connection

        from collections_app import projection
        from search_app import resident

        ours = Ours(index)
        wake(index, data)
        assert resident.build(index), "the index does not fit into VECTOR_MEMORY_MB"
        known: dict[str, Find] = {
            "ours": ours.find,
            "cold": ours.find_cold,
            "no memory": ours.find_without_memory,
            "memory": ours.find_in_memory,
            "store": ours.find_by_store,
        }
        contenders = {name: known[name] for name in options.ours}
        servers = {name: [server.pid] for name in (*OURS, "chroma")} | {"lancedb": []}
        from benchmarks import rivals

        if "chroma" in options.rivals:
            chroma = rivals.Chroma(server.url, projection.current_collection(index).name, _first_chunk(index))
            contenders["chroma"] = lambda question, filter_: chroma.find(question, filter_, K)
        if "lancedb" in options.rivals:
            lance = rivals.LanceDB(folder, data)
            contenders["lancedb"] = lambda question, filter_: lance.find(question, filter_, K)
        if "pgvector" in options.rivals:
            vector = rivals.PgVector(stack.enter_context(rivals.postgres(folder)), data)
            contenders["pgvector"] = lambda question, filter_: vector.find(question, filter_, K)
            servers["pgvector"] = [vector.pid]
        print(
            f"{options.chunks:,} passages are there; p50/p95/processor time in ms (recall where below 1):", flush=True
        )
        rows = measure(data, contenders, ours, servers)
        memory = sum(residence.nbytes for residence in resident.residences())
    conditions = (
        f"{options.chunks} x {DIMENSIONS}, k={K}, {options.questions} questions, {connection.vendor}, "
        f"{memory / 2**20:.0f} MB in memory"
    )
    reports = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    name = f"{options.chunks} {connection.vendor}"
    if "ours" not in contenders and name in reports:
        conditions = reports[name]["conditions"]
    others = [row for row in reports.get(name, {"rows": []})["rows"] if row["contender"] not in contenders]
    reports[name] = {"conditions": conditions, "rows": rows + others}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(reports, indent=1) + "\n")
    if "ours" in contenders:
        figures(rows, chunks=options.chunks, vendor=connection.vendor, conditions=conditions)


def site(
    folder: Path, chroma_url: str, data: DataSet, texts: Sequence[str] | None = None, *, embedder: str = "meaningless"
) -> "VectorIndex":
    """Make this process a site of its own with the data set in it, with `texts` or without; return its index."""
    os.environ |= {"VAR_DIR": str(folder), "CHROMA_URL": chroma_url, "REDIS_URL": "redis://127.0.0.1:9/0"}
    os.environ |= {"EMBEDDING_BACKEND": embedder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
    os.environ["VECTOR_MEMORY_MB"] = str(2 * data.size * DIMENSIONS // 2**20 + 64)
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from collections_app import table_statistics
    from collections_app.models import Chunk, VectorIndex

    # A machine that is busy otherwise should not break the filling off.
    settings.VECTOR_STORES["default"]["OPTIONS"]["timeout"] = 120.0
    call_command("migrate", verbosity=0)
    index = VectorIndex.objects.select_related("profile").order_by("pk").last()
    start = time.monotonic()
    if index is None or Chunk.objects.filter(index=index).count() != data.size:
        index = save(data, texts)
    fill_store(index)
    table_statistics.renew()
    print(f"In SQL and in Chroma after {time.monotonic() - start:.0f} s.", flush=True)
    return VectorIndex.objects.select_related("profile").get(pk=index.pk)


def wake(index: "VectorIndex", data: DataSet) -> None:
    """Have Chroma read its graph, which takes longer than a search waits, and forget that it was slow before."""
    from collections_app.models import VectorStoreStatus
    from collections_app.projection import current_collection
    from collections_app.vectorstores import load_vector_store

    load_vector_store(index.store).query(current_collection(index).name, data.questions[0], limit=K)
    VectorStoreStatus.objects.all().delete()


def _first_chunk(index: "VectorIndex") -> int:
    from collections_app.models import Chunk

    first: int = Chunk.objects.filter(index=index).order_by("pk").values_list("pk", flat=True)[0]
    return first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--ours", nargs="*", choices=OURS, default=OURS)
    parser.add_argument("--rivals", nargs="*", default=["chroma", "lancedb", "pgvector"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with kept_folder(options.folder) as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
