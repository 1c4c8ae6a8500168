"""How well the site finds: python -m benchmarks.quality --data FOLDER [--sets NAME …] [--queries N]

Every set of FOLDER (corpus.jsonl, queries.jsonl, qrels.tsv) is taken in by a real site: cut, embedded and written to
the store by its workers, and what meaning weighs is learned. Then each judged question is asked in every mode. Gains
are linear, discounts log2; documents without a judgement are not relevant. The milliseconds are without those of the
model. Writes var/reports/quality.json:

    {set: {mode: {"ndcg@10", "recall@100", "mrr@10", "queries", "ms_per_query"}}}
"""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.private_site import private_site, wait_until_indexed
from benchmarks.report import REPORTS
from benchmarks.retrieval_set import FILES, documents
from collections_app.evaluation.judged import JudgedQuestion, read_questions
from collections_app.evaluation.measures import ndcg, recall, reciprocal_rank

if TYPE_CHECKING:
    from collections_app.models import Collection

_LISTED = 100


def take_in(folder: Path) -> "Collection":
    """Make a collection of a set's documents, and return when each of them can be found."""
    from collections_app import services

    collection = services.create_collection(folder.name)
    rows = (
        services.DocumentInput(key=str(row["id"]), title=row.get("title") or "", text=row["text"])
        for row in documents(folder)
    )
    failed = [saved.error for saved in services.save_documents(collection, rows) if saved.error]
    # A document of which nothing is left to be found has no place in any ranking.
    print(f"{folder.name}: saved; {len(failed)} could not be", flush=True)
    for reason in wait_until_indexed(collection):
        print(f"{folder.name}: not everything was indexed: {reason}", flush=True)
    calibrate(collection)
    return collection


def calibrate(collection: "Collection") -> None:
    """Let the collection's weight be learned here and now; a worker may be at it already."""
    from collections_app import calibration
    from collections_app.models import VectorIndex

    index = VectorIndex.objects.select_related("profile").get(pk=collection.serving_index_id or 0)
    while not index.calibrated_at or index.calibration["documents"] < index.entries.count():
        calibration.calibrate(index)
        time.sleep(0.1)
        index.refresh_from_db()
    weight = "as by default" if index.semantic_weight is None else index.semantic_weight
    print(f"{collection}: meaning weighs {weight}: {json.dumps(index.calibration)}", flush=True)


def ask(collection: "Collection", questions: Sequence[JudgedQuestion]) -> dict[str, dict[str, float]]:
    """Ask every question in every mode, in turn, and return the averages by mode."""
    from search_app.query_vectors import query_vector
    from search_app.search import Mode, SearchRequest, clean_query, search

    assert collection.serving_index
    sums: dict[str, dict[str, float]] = {mode: defaultdict(float) for mode in Mode}
    for question in questions:
        # Remembered from here on, so that no mode pays for the others.
        query_vector(collection.serving_index, clean_query(question.text))
        for mode in Mode:
            start = time.perf_counter()
            response = search(SearchRequest(query=question.text, collections=(collection,), mode=mode, limit=_LISTED))
            seconds = time.perf_counter() - start
            if response.degraded:
                raise SystemExit(f"Nothing is measured while the site is not well: {response.degraded[0].text}")
            ranked, gains = [hit.chunk.document.key for hit in response.hits], question.relevant
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
    questions = read_questions(folder)
    if most and most < len(questions):
        questions = random.Random(1).sample(sorted(questions, key=lambda question: question.id), most)
    return ask(take_in(folder), questions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of sets")
    parser.add_argument("--sets", nargs="+", default=[], metavar="NAME", help="these sets (default: all in the folder)")
    parser.add_argument("--queries", type=int, default=0, help="ask only so many questions of a set, chosen at random")
    options = parser.parse_args()
    found = sorted(folder.parent.name for folder in options.data.glob("*/corpus.jsonl"))
    missing = [
        name for name in options.sets or found if not all((options.data / name / file).exists() for file in FILES)
    ]
    if missing or not found:
        named = ", ".join(missing) or "no set"
        parser.error(f"{options.data} holds {named} without {', '.join(FILES)}. Its sets are: {', '.join(found)}.")
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
