"""How well and how fast words alone find: python -m benchmarks.lexical [--chunks N] [--data FOLDER --sets NAME …]

Speed: passages made of sentences of the standard library's documentation, and natural questions with all their common
words, in a database of its own, SQLite or what DATABASE_URL names. Quality: every set of FOLDER that is named
(corpus.jsonl, queries.jsonl, qrels.tsv), each document as one passage, nDCG@10 with linear gain. The figures are
printed, and those of speed written to var/reports/lexical.json.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection

from benchmarks.retrieval_set import documents
from collections_app.evaluation.judged import read_questions
from collections_app.evaluation.measures import ndcg

QUESTIONS = [
    "How do I read a file line by line without loading all of it into memory?",
    "What is the difference between a process and a thread, and when should I use which of the two?",
    "Which function returns the number of seconds since the epoch as a floating point number?",
    "Is there a way to make the interpreter show a warning when a deprecated function is called?",
    "how to parse the arguments of a command that was given on the command line",
    "Can an object be compared with another object of a different type, and what is the result of it?",
    "What happens if the connection is closed by the server while the response is being read?",
    "os.path.join with an absolute path as the second argument",
    "the of and to a in is it that for",
    "compress bytes",
]
PASSAGE_SENTENCES = 5
WRITE_BATCH = 500
ROUNDS = 5


def sentences() -> list[str]:
    """Return the sentences of the standard library's documentation."""
    from collections_app.demo import standard_library

    texts = (document.text for document in standard_library.read())
    return [part.strip() for text in texts for part in text.replace("\n", " ").split(". ") if len(part.split()) > 3]


def passages(count: int) -> Iterator[str]:
    pool, choose = sentences(), random.Random(7)
    return (". ".join(choose.sample(pool, PASSAGE_SENTENCES)) for _ in range(count))


def fill(texts: Iterator[str]) -> Any:
    """Give a new index the texts as live chunks with their lexical rows; return the index and how long what took."""
    from collections_app import lexical_segments, services
    from collections_app.lexical_rows import row_of, write_rows
    from collections_app.models import Chunk, ChunkState, Document, DocumentText

    collection = services.create_collection(f"Benchmark {time.time()}")
    index = collection.serving_index
    assert index is not None
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, since: float) -> float:
        now = time.perf_counter()
        spent[name] += now - since
        return now

    number, batch = 0, list(_take(texts))
    while batch:
        documents = Document.objects.bulk_create(
            Document(collection=collection, key=str(number + offset)) for offset in range(len(batch))
        )
        sources = DocumentText.objects.bulk_create(
            DocumentText(document=document, revision=1, text="", digest="") for document in documents
        )
        chunks = Chunk.objects.bulk_create(
            Chunk(
                index=index, document=document, source_text=source, state=ChunkState.LIVE, revision=1, position=0,
                start=0, end=len(text), text=text,
            )
            for document, source, text in zip(documents, sources, batch, strict=True)
        )  # fmt: skip
        now = time.perf_counter()
        rows = [row_of(chunk, chunk.text) for chunk in chunks]
        now = timed("analysis", now)
        write_rows(rows)
        now = timed("rows", now)
        lexical_segments.keep_up(index.pk)
        timed("merging", now)
        number, batch = number + len(batch), list(_take(texts))
    return index, spent


def _take(texts: Iterator[str]) -> Iterator[str]:
    for _ in range(WRITE_BATCH):
        text = next(texts, None)
        if text is None:
            return
        yield text


def speed(count: int) -> dict[str, Any]:
    from collections_app.lexical_reading import search_words
    from collections_app.models import LexicalPostings, LexicalSegment

    index, spent = fill(passages(count))
    taken, used = [], []
    for question in QUESTIONS:
        search_words(index.pk, question)
    for _ in range(ROUNDS):
        for question in QUESTIONS:
            start, cpu = time.perf_counter(), time.process_time()
            search_words(index.pk, question).best(500)
            taken.append((time.perf_counter() - start) * 1000)
            used.append((time.process_time() - cpu) * 1000)
    per_question = {}
    for question in QUESTIONS:
        start = time.perf_counter()
        found = search_words(index.pk, question)
        found.best(500)
        per_question[question] = (round((time.perf_counter() - start) * 1000, 1), len(found))
    return {
        "database": connection.vendor,
        "chunks": count,
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 1),
        "most_ms": round(max(taken), 1),
        "cpu_p50_ms": round(statistics.median(used), 1),
        "cpu_p95_ms": round(statistics.quantiles(used, n=20)[-1], 1),
        "load": round(os.getloadavg()[0], 1),
        "questions": per_question,
        "segments": list(LexicalSegment.objects.values_list("size", "bits")),
        "buckets": LexicalPostings.objects.count(),
        "microseconds_per_chunk": {name: round(seconds / count * 1e6) for name, seconds in spent.items()},
    }


def quality(folder: Path) -> dict[str, Any]:
    from collections_app.lexical_reading import search_words
    from collections_app.models import Chunk

    corpus = list(documents(folder))
    index, _spent = fill(iter([f"{row['title'] or ''} {row['text']}" for row in corpus]))
    ids = list(Chunk.objects.filter(index=index).order_by("pk").values_list("pk", flat=True))
    names = dict(zip(ids, (row["id"] for row in corpus), strict=True))
    gains, taken = [], []
    for question in read_questions(folder):
        start = time.perf_counter()
        best = search_words(index.pk, question.text).best(10).chunks
        taken.append((time.perf_counter() - start) * 1000)
        gains.append(ndcg([names[int(pk)] for pk in best], question.relevant))
    return {
        "ndcg@10": round(statistics.mean(gains), 4),
        "queries": len(gains),
        "p50_ms": round(statistics.median(taken), 1),
    }


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """Make a database for the measurement alone, on disk, and drop it afterwards."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(folder / "benchmark.sqlite3")
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="*", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)):
        for name in options.sets:
            print(name, json.dumps(quality(options.data / name)), flush=True)
        if options.chunks:
            report = speed(options.chunks)
            path = Path(settings.VAR_DIR) / "reports" / "lexical.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(report, indent=2))
            print(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vectorsite.settings")
    django.setup()
    main()
