"""How well the site finds: python -m benchmarks.quality --data FOLDER [--sets NAME …] [--queries N]

Every set of FOLDER (corpus.jsonl, queries.jsonl, qrels.tsv) is taken in by a real site: cut, embedded and written to
the store by its workers. Then each judged question is asked in every mode. Gains are linear, discounts log2; documents
without a judgement are not relevant. The milliseconds are without those of the model. Writes var/reports/quality.json:

    {set: {mode: {"ndcg@10", "recall@100", "mrr@10", "queries", "ms_per_query"}}}
"""

import argparse
import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.private_site import private_site, wait_until_indexed
from benchmarks.report import REPORTS

if TYPE_CHECKING:
    from collections_app.models import Collection

_LISTED = 100
_FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")

Judgements = Mapping[str, Mapping[str, float]]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def judgements(path: Path) -> Judgements:
    """Read gains by question and document; what is not relevant is left out."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        query, document, gain = line.split("\t")
        if float(gain) > 0:
            found[query][document] = float(gain)
    return found


def ndcg(ranked: Sequence[str], gains: Mapping[str, float], *, depth: int = 10) -> float:
    """Return nDCG with linear gains; `gains` has at least one relevant document."""
    found = sum(gains.get(document, 0.0) / math.log2(rank + 2) for rank, document in enumerate(ranked[:depth]))
    ideal = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(sorted(gains.values(), reverse=True)[:depth]))
    return found / ideal


def recall(ranked: Sequence[str], gains: Mapping[str, float]) -> float:
    return len(gains.keys() & set(ranked[:_LISTED])) / len(gains)


def reciprocal_rank(ranked: Sequence[str], gains: Mapping[str, float], *, depth: int = 10) -> float:
    return next((1 / rank for rank, document in enumerate(ranked[:depth], start=1) if document in gains), 0.0)


def take_in(folder: Path) -> "Collection":
    """Make a collection of a set's documents, and return when each of them can be found."""
    from collections_app import services

    collection = services.create_collection(folder.name)
    documents = (
        services.DocumentInput(key=str(row["id"]), title=row.get("title") or "", text=row["text"])
        for row in lines(folder / "corpus.jsonl")
    )
    failed = [saved.error for saved in services.save_documents(collection, documents) if saved.error]
    # A document of which nothing is left to be found has no place in any ranking.
    print(f"{folder.name}: saved; {len(failed)} could not be", flush=True)
    for reason in wait_until_indexed(collection):
        print(f"{folder.name}: not everything was indexed: {reason}", flush=True)
    return collection


def ask(collection: "Collection", questions: Mapping[str, str], judged: Judgements) -> dict[str, dict[str, float]]:
    """Ask every question in every mode, in turn, and return the averages by mode."""
    from search_app.query_vectors import query_vector
    from search_app.search import Mode, SearchRequest, clean_query, search

    assert collection.serving_index
    profile = collection.serving_index.profile
    sums: dict[str, dict[str, float]] = {mode: defaultdict(float) for mode in Mode}
    for identity, text in questions.items():
        # Remembered from here on, so that no mode pays for the others.
        query_vector(profile, clean_query(text))
        for mode in Mode:
            start = time.perf_counter()
            response = search(SearchRequest(query=text, collection=collection, mode=mode, limit=_LISTED))
            seconds = time.perf_counter() - start
            if response.degraded:
                raise SystemExit(f"Nothing is measured while the site is not well: {response.degraded[0].text}")
            ranked, gains = [hit.chunk.document.key for hit in response.hits], judged[identity]
            sums[mode]["ndcg@10"] += ndcg(ranked, gains)
            sums[mode]["recall@100"] += recall(ranked, gains)
            sums[mode]["mrr@10"] += reciprocal_rank(ranked, gains)
            sums[mode]["ms_per_query"] += 1000 * seconds
    count = len(questions)
    return {
        mode: {name: round(total / count, 4) for name, total in totals.items()} | {"queries": count}
        for mode, totals in sums.items()
    }


def measure(folder: Path, *, most: int) -> dict[str, dict[str, float]]:
    judged = judgements(folder / "qrels.tsv")
    questions = {row["id"]: row["text"] for row in lines(folder / "queries.jsonl") if row["id"] in judged}
    if most and most < len(questions):
        chosen = random.Random(1).sample(sorted(questions), most)
        questions = {identity: questions[identity] for identity in chosen}
    return ask(take_in(folder), questions, judged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of sets")
    parser.add_argument("--sets", nargs="+", default=[], metavar="NAME", help="these sets (default: all in the folder)")
    parser.add_argument("--queries", type=int, default=0, help="ask only so many questions of a set, chosen at random")
    options = parser.parse_args()
    found = sorted(folder.parent.name for folder in options.data.glob("*/corpus.jsonl"))
    missing = [
        name for name in options.sets or found if not all((options.data / name / file).exists() for file in _FILES)
    ]
    if missing or not found:
        named = ", ".join(missing) or "no set"
        parser.error(f"{options.data} holds {named} without {', '.join(_FILES)}. Its sets are: {', '.join(found)}.")
    path = REPORTS / "quality.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    with private_site(workers=2, embedder="local"):
        for name in options.sets or found:
            report[name] = measure(options.data / name, most=options.queries)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(report, indent=2) + "\n")
            for mode, figures in report[name].items():
                print(f"{name:16}{mode:10}" + "  ".join(f"{key} {value}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
