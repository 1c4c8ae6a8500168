"""From saving to searchable with the real model, beside the model alone: python -m benchmarks.end_to_end [--chunks N]

Ours: a real site (web, scheduler, workers, Redis, Chroma), documents saved as an import saves them, until the last one
is indexed. The rival: as many processes as there are workers, that do nothing but embed the very inputs that the
site has just embedded, all in memory, each its half at once. Beside both the least that any pipeline into this store
can do: the same processes embed their half and upsert the vectors by Chroma's own client, and keep nothing in SQL.
All three are run in turn.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.pool import Pool
from typing import Any
from urllib.parse import urlsplit

from benchmarks import report
from benchmarks.private_site import cpu_seconds, private_site, save_and_wait
from benchmarks.texts import natural_texts

# Per worker, so that each has claimed a batch, and loaded the model, before anything is measured.
WARM_UP = 150

# Chroma's own batches, as large as the site's.
UPSERT_RECORDS = 1000

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


def _embed_and_upsert(texts: Sequence[str]) -> int:
    import chromadb
    from django.conf import settings

    vectors = _embedder.embed_passages(texts)
    address = urlsplit(settings.CHROMA_URL)
    client = chromadb.HttpClient(address.hostname or "", address.port or 80)
    name = f"bare-{os.getpid()}"
    collection = client.create_collection(name, embedding_function=None)
    for first in range(0, len(texts), UPSERT_RECORDS):
        part = vectors[first : first + UPSERT_RECORDS]
        collection.upsert(ids=[str(first + row) for row in range(len(part))], embeddings=part)
    client.delete_collection(name)
    return len(texts)


def _embedded_inputs(prefix: str) -> list[str]:
    from collections_app.chunking import embedding_input
    from collections_app.models import Chunk, ChunkState

    chunks = Chunk.objects.filter(state=ChunkState.LIVE, document__key__startswith=f"{prefix}-").order_by("pk")
    return [embedding_input("", locator, text) for locator, text in chunks.values_list("locator", "text")]


class _Contender:
    """What each round took: seconds by the clock, and seconds of processor time."""

    def __init__(self, *processes: int) -> None:
        self._processes = processes
        self.seconds: list[float] = []
        self.cpu: list[float] = []

    def run(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Measure a round of `work`, which is done by the contender's processes."""
        before, start = cpu_seconds(*self._processes), time.perf_counter()
        work(*args, **kwargs)
        self.seconds.append(time.perf_counter() - start)
        self.cpu.append(cpu_seconds(*self._processes) - before)


def _in_parts(pool: Pool, work: Callable[[Sequence[str]], int], inputs: Sequence[str], *, processes: int) -> None:
    done = sum(pool.map(work, [inputs[part::processes] for part in range(processes)], chunksize=1))
    assert done == len(inputs)


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
        chunks = []
        with multiprocessing.get_context("spawn").Pool(
            options.workers, initializer=_load, initargs=(options.embedder,)
        ) as pool:
            embedding = [process.pid for process in multiprocessing.active_children() if process.pid]
            ours, alone = _Contender(site.pid, os.getpid()), _Contender(*embedding)
            bare = _Contender(site.pid, *embedding)
            for number in range(options.rounds):
                part = texts[number : options.chunks : options.rounds]
                ours.run(save_and_wait, collection, part, prefix=str(number))
                inputs = _embedded_inputs(str(number))
                chunks.append(len(inputs))
                alone.run(_in_parts, pool, _embed, inputs, processes=options.workers)
                bare.run(_in_parts, pool, _embed_and_upsert, inputs, processes=options.workers)
                speeds = [f"{len(inputs) / one.seconds[-1]:.1f}" for one in (ours, alone, bare)]
                print(f"round {number}: {', '.join(speeds)} chunks/s", flush=True)
    name = f"end to end, {options.chunks} documents"
    conditions = (
        f"embedder {options.embedder}, {options.workers} workers, {options.rounds} rounds in turn on one growing "
        f"collection, {sum(map(len, texts)) // len(texts)} characters on average; save to searchable in a real site on "
        f"SQLite and Chroma; ratio: median of rounds; other: {options.workers} processes that embed the same inputs"
    )
    _report(name, ours, alone, chunks=chunks, conditions=conditions)
    _report(
        f"{name}, beside embedding and a bare upsert",
        ours,
        bare,
        chunks=chunks,
        conditions="the same run; other: the same processes embed and upsert by Chroma's client, with nothing in SQL",
    )


def _report(name: str, ours: _Contender, other: _Contender, *, chunks: Sequence[int], conditions: str) -> None:
    report.add(
        name,
        ours=sum(chunks) / sum(ours.seconds),
        other=sum(chunks) / sum(other.seconds),
        unit="chunks/s",
        ratio=report.median_ratio(other.seconds, ours.seconds),
        conditions=conditions,
    )
    report.add(
        f"{name}, processor time",
        ours=1000 * sum(ours.cpu) / sum(chunks),
        other=1000 * sum(other.cpu) / sum(chunks),
        unit="ms of processor time per chunk",
        ratio=report.median_ratio(ours.cpu, other.cpu),
        conditions="the same run: all processes of the site and the one that saves; other: those of the rival",
    )


if __name__ == "__main__":
    main()
