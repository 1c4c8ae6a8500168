"""What a request costs beyond its parts: python -m benchmarks.serving [--chunks 100000] [--clients 1 2 4 8]

A site of so many passages, with words, five fields and vectors of 384 dimensions, is asked through Django: the API
(hybrid), the API with two filters and facets, the page, which always counts facets. In turn with each of them come the
parts that it cannot do without, each alone and with the same question: embedding it, Chroma's own client asking its
server for the ten nearest, and the words' BM25 scores from SQL. What is left of a request without these is ours.
Both are taken by the clock and in processor time of this process, which what else runs on the machine hardly touches;
Chroma's server is another process, so its work is in the first alone.

Then as many clients at once as `--clients` says ask the real web server, each without a pause, beside as many that ask
Chroma's server alone. No question is asked twice, so that each is embedded. The database is SQLite or what DATABASE_URL
names; with --folder the site is kept there and used again. Figures go to var/reports/bench.json.
"""

import argparse
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks import report, rivals
from benchmarks.filtered import site
from benchmarks.filtered_data import DIMENSIONS, Filter, K, make
from benchmarks.private_site import cpu_seconds, kept_folder
from benchmarks.texts import natural_texts
from tests.chroma_server import ChromaServer
from tests.site_process import free_port

if TYPE_CHECKING:
    from django.test import Client

    from collections_app.models import VectorIndex

Ask = Callable[[str], Any]
_REPOSITORY = Path(__file__).parent.parent
_WARM_UP = 8
_POOL = 100
_START_SECONDS = 120.0
_UNFILTERED = Filter("random", 1.0, ())
_SIGNS = re.compile(r'[<>=:!~"]')


@dataclass(slots=True)
class Taken:
    """Milliseconds of each time that something was done, by the clock and of this process's processor time."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def time(self, work: Ask, question: str) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        work(question)
        self.clock.append((time.perf_counter() - clock) * 1000)
        self.processor.append((time.process_time() - processor) * 1000)


def questions(texts: Sequence[str]) -> Iterator[str]:
    """Return stretches of four to ten words out of the documents, without end and hardly any twice.

    None of them has a sign that could make a filter or a phrase of it.
    """
    choose = random.Random(11)
    while True:
        words = choose.choice(texts).split()
        start = choose.randrange(max(1, len(words) - 10))
        question = " ".join(words[start : start + choose.randint(4, 10)]).strip('.,:;"()')
        if not _SIGNS.search(question):
            yield question


# --- one request --------------------------------------------------------------------------------------------------


def requests_of(client: "Client", slug: str, size: int) -> dict[str, Ask]:
    """Return what is measured by name. The filters keep a half and a fifth of the documents, a tenth together."""

    def get(path: str, question: str) -> bytes:
        return _sound(client.get(path, {"q": question, "collection": slug}))

    def filtered(question: str) -> bytes:
        filter_ = {"x": {"lt": size // 2}, "y": {"lt": size // 5}}
        content = {"query": question, "collections": [slug], "filter": filter_, "facets": True}
        return _sound(client.post("/api/v1/search", json.dumps(content), content_type="application/json"))

    return {
        "api": lambda question: get("/api/v1/search", question),
        "api_two_filters_facets": filtered,
        "page_with_facets": lambda question: get("/", question),
    }


def _sound(response: Any) -> bytes:
    content: bytes = response.content
    if response.status_code != 200 or b'"degraded": [' in content:
        raise SystemExit(f"Nothing was measured, because the answer is not sound: {content[:500]!r}")
    return content


def parts_of(index: "VectorIndex", chroma: rivals.Chroma) -> dict[str, Ask]:
    """Return what a request cannot do without, each part as it is done alone."""
    from collections_app.lexical_reading import search_words
    from collections_app.profiles import embedder_for

    vectors: dict[str, NDArray[np.float32]] = {}

    def embed(question: str) -> None:
        vectors[question] = embedder_for(index.profile).embed_query(question)

    return {
        "embed": embed,
        "store": lambda question: chroma.find(vectors[question], _UNFILTERED, K),
        "words": lambda question: search_words(index.pk, question).best(_POOL),
    }


def latency(asked: dict[str, Ask], parts: dict[str, Ask], ask: Iterator[str], rounds: int) -> dict[str, Any]:
    """Ask every question for every request and its parts in turn; return medians and those beyond the parts, in ms."""
    for question in itertools.islice(ask, _WARM_UP):
        for work in [*parts.values(), *asked.values()]:
            work(question)
    found: dict[str, Any] = {}
    taken = {name: Taken() for name in asked}
    beside = {name: {part: Taken() for part in parts} for name in asked}
    for _round in range(rounds):
        for name, work in asked.items():
            # One of its own each time: a question that was embedded a moment ago is remembered.
            question = next(ask)
            for part, alone in parts.items():
                beside[name][part].time(alone, question)
            taken[name].time(work, question)
    for name in asked:
        found[name] = {
            way: {
                "p50": statistics.median(of(taken[name])),
                "p95": float(np.percentile(of(taken[name]), 95)),
                "beyond": statistics.median(
                    whole - sum(alone)
                    for whole, *alone in zip(of(taken[name]), *map(of, beside[name].values()), strict=True)
                ),
                "parts": {part: statistics.median(of(alone)) for part, alone in beside[name].items()},
            }
            for way, of in {"clock": _clock, "processor": _processor}.items()
        }
    return found


def _clock(taken: Taken) -> list[float]:
    return taken.clock


def _processor(taken: Taken) -> list[float]:
    return taken.processor


def add_latency(found: dict[str, Any], size: str, conditions: str) -> None:
    for name, ways in found.items():
        for way, row in ways.items():
            parts = ", ".join(f"{part} {milliseconds:.1f}" for part, milliseconds in row["parts"].items())
            report.add(
                f"serving_{size}_{name}_{way}",
                ours=row["p50"],
                other=sum(row["parts"].values()),
                unit="ms p50",
                conditions=f"{row['beyond']:.1f} ms beyond its parts (median of the differences; {parts}), "
                f"p95 {row['p95']:.1f}; {conditions}",
            )


# --- many at once -------------------------------------------------------------------------------------------------


@contextmanager
def web_server(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the site's web server as the supervisor does, without workers; return its address and process."""
    from django.conf import settings

    from vectorsite.private import endpoints
    from vectorsite.supervisor.site import Site, programs

    described = Site(
        base_dir=_REPOSITORY, var_dir=folder, host="127.0.0.1", port=free_port(), workers=1,
        web_threads=settings.WEB_THREADS, log_level="WARNING", has_private_redis=False, has_private_chroma=False,
        chroma_file_limit=0,
    )  # fmt: skip
    needed = programs(described, endpoints(folder), greeting=(), with_demo=False)
    command = next(program.command for program in needed if program.name == "web")
    with (folder / "web.log").open("w") as log:
        process = subprocess.Popen(command, cwd=_REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(described.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The web server did not start:\n{(folder / 'web.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield described.url, process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}healthz", timeout=10).is_success
    except httpx.TransportError:
        return False


def per_second(clients: Sequence[Callable[[], Any]], seconds: float) -> float:
    """Have every client ask without a pause for so long; return answers per second of all together."""
    counts = [0] * len(clients)
    start = time.perf_counter()
    end = start + seconds

    def run(number: int) -> None:
        while time.perf_counter() < end:
            clients[number]()
            counts[number] += 1

    with ThreadPoolExecutor(len(clients)) as threads:
        # Taken one by one, so that what fails in a thread fails here.
        list(threads.map(run, range(len(clients))))
    # Until the last answer came, and not until no more were asked for.
    return sum(counts) / (time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Throughput:
    """Answers per second in each round, and the processor time of an answer in the site's and Chroma's processes."""

    site: list[float]
    store: list[float]
    site_ms: float
    store_ms: float


def throughput(
    address: str, slug: str, stores: Sequence[Ask], ask: Iterator[str], *, pids: dict[str, int], seconds: float
) -> Throughput:
    """Let as many clients as `stores` ask the site and Chroma alone in turn, for `seconds` each, three times."""
    guard = threading.Lock()

    def ask_site(web: httpx.Client) -> None:
        with guard:
            question = next(ask)
        _sound(web.get(address, params={"q": question, "collection": slug}))

    rates: dict[str, list[float]] = {"site": [], "store": []}
    used, answered = {"site": 0.0, "store": 0.0}, {"site": 0.0, "store": 0.0}
    with ExitStack() as stack:
        webs = [stack.enter_context(httpx.Client(timeout=60)) for _ in stores]
        asking: dict[str, list[Callable[[], Any]]] = {
            "site": [partial(ask_site, web) for web in webs],
            "store": [partial(store, "") for store in stores],
        }
        for _round in range(3):
            for name, every in asking.items():
                before, start = cpu_seconds(pids[name]), time.perf_counter()
                rates[name].append(per_second(every, seconds))
                used[name] += cpu_seconds(pids[name]) - before
                answered[name] += rates[name][-1] * (time.perf_counter() - start)
    return Throughput(
        rates["site"],
        rates["store"],
        used["site"] / answered["site"] * 1000,
        used["store"] / answered["store"] * 1000,
    )


# --- all of it ----------------------------------------------------------------------------------------------------


def run(options: argparse.Namespace, folder: Path) -> None:
    data = make(options.chunks, 200)
    texts = natural_texts(options.chunks)
    ask = questions(texts)
    with ChromaServer(folder / "chroma") as server:
        index = site(folder, server.url, data, texts, embedder=options.embedder)
        from django.core.management import call_command
        from django.db import connection
        from django.test import Client

        from collections_app import projection
        from collections_app.models import Chunk
        from search_app import resident

        call_command("collectstatic", interactive=False, verbosity=0)
        assert resident.build(index), "the index does not fit into VECTOR_MEMORY_MB"
        name = projection.current_collection(index).name
        first = Chunk.objects.filter(index=index).earliest("pk").pk
        slug = index.collection.slug
        conditions = f"{options.chunks} x {DIMENSIONS}, {options.embedder} embedder, {connection.vendor}"
        size = report.sized(options.chunks, connection.vendor)
        asked = requests_of(Client(headers={"host": "localhost"}), slug, options.chunks)
        chroma = rivals.Chroma(server.url, name, first)
        found = latency(asked, parts_of(index, chroma), ask, options.rounds)
        add_latency(found, size, f"{options.rounds} questions; {conditions}")
        if not options.clients:
            return
        vectors = itertools.cycle(data.questions)

        def store() -> Ask:
            own = rivals.Chroma(server.url, name, first)
            return lambda _question: own.find(next(vectors), _UNFILTERED, K)

        stores = [store() for _ in range(max(options.clients))]
        with web_server(folder) as (url, pid):
            pids = {"site": pid, "store": server.pid}
            address = f"{url}api/v1/search"
            throughput(address, slug, stores, ask, pids=pids, seconds=1.0)
            for clients in options.clients:
                rates = throughput(address, slug, stores[:clients], ask, pids=pids, seconds=options.seconds)
                report.add(
                    f"serving_{size}_{clients}_clients",
                    ours=statistics.median(rates.site),
                    other=statistics.median(rates.store),
                    ratio=report.median_ratio(rates.site, rates.store),
                    unit="answers/s",
                    conditions=f"hybrid API against bare Chroma queries; processor time of an answer "
                    f"{rates.site_ms:.1f} ms in the web server, {rates.store_ms:.1f} in Chroma's; {conditions}",
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=20, help="questions that each request is asked")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=2.0, help="for which clients ask, three times")
    parser.add_argument("--embedder", default="local", choices=["local", "meaningless"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    with kept_folder(options.folder) as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
