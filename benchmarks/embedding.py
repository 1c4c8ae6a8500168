"""How fast the local embedder is, beside its rivals: python -m benchmarks.embedding [--texts N] [--data FOLDER]

The texts are docstrings of the standard library of 20 to 250 tokens, in their natural mix of lengths. The rivals run
the same model: Chroma's default embedding function (its own code), sentence-transformers in float32 where it is
installed (requirements-bench.in), and our own float32. All are run in turn, several times, and compared by processor
time, which other programs on the machine disturb less than the clock. What loading the model takes, and the memory of a
process that has it, are those of fresh processes. Medians and their ratio are written to var/reports/bench.json.

With the folder of a judged set (corpus.jsonl, queries.jsonl, qrels.tsv) nDCG@10 by exact comparison is measured too, by
the runtime in use and in float32. `--documents N` takes the judged documents and of the others only as many.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np
import numpy.typing as npt

from benchmarks import report
from benchmarks.retrieval_set import documents
from collections_app.evaluation.judged import read_questions
from collections_app.evaluation.measures import ndcg

if TYPE_CHECKING:
    from collections_app.embeddings import Embedder

ROUNDS = 3
Embed = Callable[[list[str]], npt.NDArray[Any]]


def natural_texts(count: int) -> list[str]:
    """Return `count` docstrings of 20 to 250 tokens, spread evenly over the standard library."""
    from collections_app.demo import standard_library
    from collections_app.embeddings import load_embedder

    texts = [document.text for document in standard_library.read()]
    tokens = load_embedder("local").count_tokens(texts)
    texts = [text for text, length in zip(texts, tokens, strict=True) if 20 <= length <= 250]
    return texts[:: max(1, len(texts) // count)][:count]


def processor_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def rivals() -> dict[str, Embed]:
    """Return what the local embedder is compared with, by name, each ready to run."""
    from collections_app.embeddings.installed_model import installed_folder

    found: dict[str, Embed] = {name: one.embed_passages for name, one in _embedders().items() if name != "ours"}
    if find_spec("sentence_transformers"):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        model = SentenceTransformer(str(installed_folder()), device="cpu")
        found["sentence-transformers"] = lambda texts: np.asarray(model.encode(texts, normalize_embeddings=True))
    return found


def speed(count: int) -> None:
    from collections_app.embeddings import load_embedder

    texts = natural_texts(count)
    embedder = load_embedder("local")
    compared = rivals()
    vectors = embedder.embed_passages(texts)
    cosines = (vectors * compared["float32"](texts)).sum(axis=1)
    for embed in compared.values():
        embed(texts[:8])
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(ROUNDS):
        ours.append(len(texts) / processor_seconds(lambda: embedder.embed_passages(texts)))
        for name, embed in compared.items():
            theirs[name].append(len(texts) / processor_seconds(lambda embed=embed: embed(texts)))  # type: ignore[misc]
    tokens = float(np.mean(embedder.count_tokens(texts)))
    for name, rates in theirs.items():
        report.add(
            "embedding" if name == "Chroma's default" else f"embedding beside {name}",
            ours=statistics.median(ours),
            other=statistics.median(rates),
            unit="texts per second of one processor",
            ratio=report.median_ratio(ours, rates),
            conditions=(
                f"other: {name}; {len(texts)} docstrings, {tokens:.0f} tokens on average; medians of {ROUNDS} rounds "
                "in turn"
            ),
        )
    report.add(
        "cosine to float32",
        ours=float(cosines.mean()),
        other=None,
        unit="mean",
        conditions=f"{cosines.mean():.5f} on average, {cosines.min():.5f} at least",
    )


def query_time() -> None:
    from collections_app.embeddings import load_embedder

    embedder = load_embedder("local")
    text = "how do I compress a file"
    embedder.embed_query(text)
    clock: list[float] = []
    processor: list[float] = []
    for _ in range(100):
        start = time.perf_counter()
        processor.append(processor_seconds(lambda: embedder.embed_query(text)) * 1000)
        clock.append((time.perf_counter() - start) * 1000)
    report.add(
        "query",
        ours=statistics.median(clock),
        other=None,
        unit="ms",
        conditions=(
            f"one short question, p50 of {len(clock)}; processor time {statistics.median(processor):.1f} ms, "
            f"fastest {min(clock):.1f} ms"
        ),
    )


def loading(count: int) -> None:
    """Measure, in processes that do nothing else, what it takes until the first vector, and the memory after many."""
    names = list(_embedders())
    seconds: dict[str, list[float]] = {name: [] for name in names}
    clock: dict[str, list[float]] = {name: [] for name in names}
    memory: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            command = [sys.executable, "-m", "benchmarks.embedding", "--texts", str(count), "--load", name]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
            seconds[name].append(told["processor"])
            clock[name].append(told["clock"])
            memory[name].append(told["memory"])
    ours, chroma, exact = names
    conditions = f"fresh processes with Django, medians of {ROUNDS} in turn; other: {chroma}"
    report.add(
        "loading the model",
        ours=statistics.median(seconds[ours]),
        other=statistics.median(seconds[chroma]),
        unit="seconds of one processor until the first vector",
        ratio=report.median_ratio(seconds[ours], seconds[chroma]),
        conditions=(
            f"{conditions}; {statistics.median(clock[ours]):.1f} s by the clock; "
            f"{exact}: {statistics.median(seconds[exact]):.2f}"
        ),
    )
    report.add(
        "memory with the model",
        ours=statistics.median(memory[ours]),
        other=statistics.median(memory[chroma]),
        unit="MB resident",
        ratio=report.median_ratio(memory[ours], memory[chroma]),
        conditions=f"{conditions}; after {count} texts; {exact}: {statistics.median(memory[exact]):.0f}",
    )


def _embedders() -> "dict[str, Embedder]":
    """Return ours as it is used, and the rivals that need nothing else to be installed."""
    from collections_app.embeddings import load_embedder

    return {
        "ours": load_embedder("local"),
        "Chroma's default": load_embedder("chroma-default"),
        "float32": load_embedder("local", options={"runtime": "onnxruntime"}),
    }


def load(name: str, count: int) -> None:
    """Take one model into this process, and print as JSON what that took."""
    embedder = _embedders()[name]
    started = time.perf_counter()
    processor = processor_seconds(lambda: embedder.embed_query("how do I compress a file"))
    clock = time.perf_counter() - started
    embedder.embed_passages(["A sentence of some words that says how long texts may be. " * 9] * count)
    print(json.dumps({"processor": processor, "clock": clock, "memory": _resident_mb()}))


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


def quality(folder: Path, *, most: int | None) -> None:
    from collections_app.embeddings import load_embedder

    questions = read_questions(folder)
    relevant = {key for question in questions for key in question.relevant}
    rows = list(documents(folder))
    rows.sort(key=lambda row: row["id"] not in relevant)
    rows = rows[: None if most is None else len(relevant) + most]
    ids = [row["id"] for row in rows]
    texts = [f"{row.get('title', '')} {row['text']}".strip() for row in rows]

    def measured(runtime: str) -> float:
        embedder = load_embedder("local", options={"runtime": runtime})
        passages = embedder.embed_passages(texts)
        asked = embedder.embed_passages([question.text for question in questions])
        best = np.argsort(-(asked @ passages.T), axis=1, kind="stable")[:, :10]
        found = zip(questions, best, strict=True)
        return statistics.mean(ndcg([ids[row] for row in ranked], question.relevant) for question, ranked in found)

    report.add(
        f"nDCG@10 on {folder.name}",
        ours=measured("auto"),
        other=measured("onnxruntime"),
        unit="",
        conditions=f"{len(texts)} documents, {len(questions)} questions; other: float32",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a judged set, to measure nDCG@10 with")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(options.load, options.texts)
        return
    speed(options.texts)
    query_time()
    loading(options.texts)
    if options.data:
        quality(options.data, most=options.documents)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vectorsite.settings")
    django.setup()
    main()
