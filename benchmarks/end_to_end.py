"""From saving to searchable with the real model, beside the model alone: python -m benchmarks.end_to_end [--chunks N]

Ours: a real site (web, scheduler, workers, Redis, Chroma), documents saved as an import saves them, until the last one
is indexed. The rival: as many processes as there are workers, that do nothing but embed the very inputs that the
site has just embedded, all in memory, each its half at once. Both are run in turn.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Sequence
from multiprocessing.pool import Pool
from typing import Any

from benchmarks import report
from benchmarks.private_site import cpu_seconds, private_site, save_and_wait
from benchmarks.texts import natural_texts

# Per worker, so that each has claimed a batch, and loaded the model, before anything is measured.
WARM_UP = 150

_embedder: Any = None


def _load(alias: str) -> None:
    global _embedder  # noqa: PLW0603 - each process has its own, loaded before anything is measured
    import django

    django.setup()
    from collections_app.embeddings import load_embedder

    _embedder = load_embedder(alias)
    _embedder.embed_passages(["The model is loaded by its first text."])


def _embed(texts: Sequence[str]) -> int:
    return len(_embedder.embed_passages(texts))


def _embedded_inputs(prefix: str) -> list[str]:
    from collections_app.chunking import embedding_input
    from collections_app.models import Chunk, ChunkState

    chunks = Chunk.objects.filter(state=ChunkState.LIVE, document__key__startswith=f"{prefix}-").order_by("pk")
    return [embedding_input("", locator, text) for locator, text in chunks.values_list("locator", "text")]


def _alone(pool: Pool, inputs: Sequence[str], *, processes: int) -> float:
    start = time.perf_counter()
    done = sum(pool.map(_embed, [inputs[part::processes] for part in range(processes)], chunksize=1))
    assert done == len(inputs)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=2000, help="in all rounds together")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--embedder", default="local", help="an alias of EMBEDDERS")
    parser.add_argument("--texts", default="", help="a file with a text per line, instead of the generated ones")
    options = parser.parse_args()

    texts = natural_texts(options.chunks + WARM_UP * options.workers, file=options.texts)
    with private_site(workers=options.workers, embedder=options.embedder) as site:
        from collections_app import services

        collection = services.create_collection("Throughput")
        save_and_wait(collection, texts[options.chunks :], prefix="warm-up")
        ours, alone, our_cpu, its_cpu = [], [], [], []
        with multiprocessing.get_context("spawn").Pool(
            options.workers, initializer=_load, initargs=(options.embedder,)
        ) as pool:
            processes = [process.pid for process in multiprocessing.active_children() if process.pid]
            for number in range(options.rounds):
                before = cpu_seconds(site.pid, os.getpid())
                seconds = save_and_wait(collection, texts[number : options.chunks : options.rounds], prefix=str(number))
                our_cpu.append(cpu_seconds(site.pid, os.getpid()) - before)
                inputs = _embedded_inputs(str(number))
                ours.append(len(inputs) / seconds)
                before = cpu_seconds(*processes)
                alone.append(len(inputs) / _alone(pool, inputs, processes=options.workers))
                its_cpu.append(cpu_seconds(*processes) - before)
                print(f"round {number}: {ours[-1]:.1f} and {alone[-1]:.1f} chunks/s", flush=True)
    total = options.chunks
    report.add(
        f"end to end, {total} documents",
        ours=total / sum(total / options.rounds / speed for speed in ours),
        other=total / sum(total / options.rounds / speed for speed in alone),
        unit="chunks/s",
        ratio=report.median_ratio(ours, alone),
        conditions=(
            f"embedder {options.embedder}, {options.workers} workers, {options.rounds} rounds in turn on one growing "
            "collection, "
            f"{sum(map(len, texts)) // len(texts)} characters on average; save to searchable in a real site on SQLite "
            f"and Chroma; other: {options.workers} processes that only embed the same inputs; ratio: median of rounds"
        ),
    )
    report.add(
        f"end to end, {total} documents, processor time",
        ours=1000 * sum(our_cpu) / total,
        other=1000 * sum(its_cpu) / total,
        unit="ms of processor time per chunk",
        ratio=report.median_ratio(our_cpu, its_cpu),
        conditions="the same run: all processes of the site and the one that saves; other: the embedding processes",
    )


if __name__ == "__main__":
    main()
