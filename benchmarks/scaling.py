"""How our own cost of a chunk grows: python -m benchmarks.scaling [--sizes 1000 10000 100000] [--workers 2]

A real site with an embedder that costs next to nothing. Its collection is grown from each size to the next, and what
a chunk costs the workers is taken for each step: their processor time, and their time by the clock without that spent
waiting for Chroma. Linear growth of the whole means that the cost of a chunk stays what it was in the first step.
"""

import argparse
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.private_site import cpu_seconds, private_site, save_and_wait
from benchmarks.texts import short_texts

if TYPE_CHECKING:
    from collections_app.models import Collection
    from tests.site_process import SiteProcess


@dataclass(frozen=True, slots=True)
class Step:
    """Growth from one size to the next; milliseconds per chunk added, all workers together."""

    chunks: int
    by_clock: float
    own_by_clock: float
    own_cpu: float


def _grow(site: "SiteProcess", collection: "Collection", texts: list[str], *, workers: int, prefix: str) -> Step:
    from benchmarks.timed_store import seconds_in_store

    in_store, cpu = seconds_in_store(), cpu_seconds(site.pid_of("worker"))
    seconds = save_and_wait(collection, texts, prefix=prefix)
    in_store, cpu = seconds_in_store() - in_store, cpu_seconds(site.pid_of("worker")) - cpu
    scale = 1000 / len(texts)
    return Step(len(texts), seconds * scale, (seconds * workers - in_store) * scale, cpu * scale)


def _measure(sizes: list[int], *, workers: int) -> list[Step]:
    texts = short_texts(sizes[-1] + 200)
    with private_site(workers=workers, embedder="meaningless") as site:
        from collections_app import services

        collection = services.create_collection("Growth")
        save_and_wait(collection, texts[sizes[-1] :], prefix="warm-up")
        steps = []
        for start, end in itertools.pairwise([0, *sizes]):
            steps.append(_grow(site, collection, texts[start:end], workers=workers, prefix=str(end)))
            print(f"{workers} workers, to {end} chunks: {steps[-1]}", flush=True)
            time.sleep(1)
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--workers", type=int, default=1, help="processes of the worker")
    options = parser.parse_args()
    workers = options.workers
    steps = _measure(options.sizes, workers=workers)
    for size, step in list(zip(options.sizes, steps, strict=True))[1:]:
        conditions = (
            f"the last {step.chunks} of them, 12 words each, in batches of up to 64 documents; {step.by_clock:.2f} ms "
            f"by the clock from save to searchable; other: the first {steps[0].chunks} of the same run"
        )
        report.add(
            f"own processor time, {workers} workers, {size} chunks",
            ours=step.own_cpu,
            other=steps[0].own_cpu,
            unit="ms per chunk",
            conditions=conditions,
        )
        report.add(
            f"own time without Chroma's, {workers} workers, {size} chunks",
            ours=step.own_by_clock,
            other=steps[0].own_by_clock,
            unit="ms per chunk",
            conditions=conditions,
        )


if __name__ == "__main__":
    main()
