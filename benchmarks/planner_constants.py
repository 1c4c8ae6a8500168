"""What the planner's costs are here: python -m benchmarks.planner_constants [--chunks 100000] [--folder FOLDER]

Each step of a search is timed at several sizes, and a line fitted through the least times. Prints what
`search_app.planner.Costs` are as measured and in force; the planner needs them right within a factor of two. With
--folder the data set of `benchmarks.filtered` is used again.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.filtered import Ours, site, wake
from benchmarks.filtered_data import DIMENSIONS, SHARES, DataSet, Filter, Test, make
from benchmarks.private_site import kept_folder
from tests.chroma_server import ChromaServer

if TYPE_CHECKING:
    from search_app.planner import Costs

ROUNDS = 25


def line(sizes: Sequence[int], act: Callable[[int], object]) -> tuple[float, float]:
    """Return the milliseconds that `act` takes at size 0 and per unit of size, by the least of ROUNDS in turn."""
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size in sizes:
            start = time.perf_counter()
            act(size)
            taken[size].append((time.perf_counter() - start) * 1000)
    each, base = np.polyfit(sizes, [min(taken[size]) for size in sizes], 1)
    return max(0.0, float(base)), max(0.0, float(each))


def measure(data: DataSet, ours: Ours) -> "Costs":
    from collections_app.projection import current_collection
    from collections_app.vectors import live_vectors
    from collections_app.vectorstores import load_vector_store
    from search_app import resident
    from search_app.memory_search import MemorySearch
    from search_app.planner import Costs
    from search_app.scope import Scope
    from search_app.stopwatch import Stopwatch
    from search_app.vector_memory import Selection

    question, watch = data.questions[0], Stopwatch()
    half = ours.expression(Filter("random", 0.5, (Test("kind", "eq", f"{SHARES[0]:g}"),)))
    scope = Scope(ours.index, None, half)
    view = resident.view_of(ours.index)
    assert view
    chunk_ids, documents = view.memory.chunk_ids, view.memory.document_ids

    compared = view.memory.compare(question, view.memory.select())

    def check(count: int) -> None:
        memory = MemorySearch(scope, question, view.memory, watch, offer=lambda *_: None)
        memory._rank(chunk_ids[:count], compared, None)

    def name(number: int) -> None:
        below = ours.never_asked(Filter("random", 0, (Test("x", "lt", number),)))
        anew = resident.view_of(ours.index)
        assert anew
        anew.kept(Scope(ours.index, None, ours.expression(below)).filter)

    @cache
    def first(rows: int) -> Selection:
        return view.memory.select(np.arange(view.memory.size) < rows)

    def compare(rows: int) -> None:
        view.memory.compare(question, first(rows))

    store, physical = load_vector_store(ours.index.store), current_collection(ours.index).name
    round_trip, per_checked = line((10, 100, 400), check)
    _base, per_named = line((data.size // 100, data.size // 4, data.size), name)
    _base, per_row = line((0, data.size // 8, data.size // 4), compare)
    _base, per_read = line((10, 500, 2000), lambda n: live_vectors(ours.index, document_ids=documents[:n].tolist()))
    base, per_fetched = line((50, 500, 2000), lambda n: store.query(physical, question, limit=n))
    return Costs(
        round_trip=round_trip,
        per_checked=per_checked,
        per_named=per_named,
        per_number=per_row / 4 / DIMENSIONS,
        per_number_read=per_read / DIMENSIONS,
        store=base,
        per_fetched=per_fetched,
    )


def run(chunks: int, folder: Path) -> None:
    data = make(chunks, 1)
    with ChromaServer(folder / "chroma") as server:
        index = site(folder, server.url, data)
        wake(index, data)
        from dataclasses import asdict

        from search_app import resident
        from search_app.planner import COSTS

        assert resident.build(index), "the index does not fit into VECTOR_MEMORY_MB"
        measured, in_force = asdict(measure(data, Ours(index))), asdict(COSTS)
        for name, milliseconds in measured.items():
            print(f"{name:16} {milliseconds:.2g} ms, in force {in_force[name]:.2g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with kept_folder(options.folder) as folder:
        run(options.chunks, folder)


if __name__ == "__main__":
    main()
