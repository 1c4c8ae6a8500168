"""Sets of documents, questions and judgements, and what a ranking of them is worth.

A set is a folder of corpus.jsonl, queries.jsonl and qrels.tsv (question, document and gain, by tabs, without a header).
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")

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


def recall(ranked: Sequence[str], gains: Mapping[str, float], *, depth: int = 100) -> float:
    return len(gains.keys() & set(ranked[:depth])) / len(gains)


def reciprocal_rank(ranked: Sequence[str], gains: Mapping[str, float], *, depth: int = 10) -> float:
    return next((1 / rank for rank, document in enumerate(ranked[:depth], start=1) if document in gains), 0.0)


def judged_questions(folder: Path, judged: Judgements) -> dict[str, str]:
    """Return the questions that have a relevant document, by their ids."""
    return {row["id"]: row["text"] for row in lines(folder / "queries.jsonl") if row["id"] in judged}
