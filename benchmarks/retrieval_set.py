"""Sets to be measured with: a folder of corpus.jsonl, queries.jsonl and qrels.tsv (see `evaluation.judged`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collections_app.evaluation.judged import QRELS, QUERIES

CORPUS = "corpus.jsonl"
FILES = (CORPUS, QUERIES, QRELS)


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of the corpus: "id", "text", and "title" where they have one."""
    with (folder / CORPUS).open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
