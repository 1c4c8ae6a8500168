"""How fast the local embedder is, beside the same model used naively: python -m benchmarks.embedding [--texts N]

The texts are docstrings of the standard library in their natural mix of lengths. The rival is the same graph on the
same runtime and thread, but with every text padded to the model's 256 tokens and batches in the order they come, as
embedding functions without length sorting do. Both are run in turn, several times; the medians and their ratio are
written to var/reports/bench.json.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import django
import numpy as np

from benchmarks import report

ROUNDS = 5


def natural_texts(count: int) -> list[str]:
    """Return `count` docstrings of at least 20 words, spread evenly over the standard library."""
    from collections_app.demo import standard_library

    texts = [document.text for document in standard_library.read() if len(document.text.split()) >= 20]
    return texts[:: max(1, len(texts) // count)][:count]


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=128)
    texts = natural_texts(parser.parse_args().texts)

    from collections_app.embeddings import load_embedder

    embedder = load_embedder("local")
    filler = " padding" * embedder.max_tokens
    padded = [f"{text}{filler}" for text in texts]
    embedder.embed_passages(texts[:8])
    ours, naive = [], []
    for _ in range(ROUNDS):
        ours.append(len(texts) / seconds(lambda: embedder.embed_passages(texts)))
        naive.append(len(texts) / seconds(lambda: embedder.embed_passages(padded)))
    query = [seconds(lambda: embedder.embed_query("how do I compress a file")) * 1000 for _ in range(50)]
    tokens = float(np.mean(embedder.count_tokens(texts)))
    report.add(
        "embedding",
        ours=statistics.median(ours),
        other=statistics.median(naive),
        unit="texts/s",
        ratio=report.median_ratio(ours, naive),
        conditions=(
            f"{len(texts)} docstrings, {tokens:.0f} tokens on average; other: each filled to {embedder.max_tokens} "
            f"tokens; one process, one thread, medians of {ROUNDS} rounds in turn"
        ),
    )
    report.add(
        "query", ours=statistics.median(query), other=None, unit="ms", conditions="one short question, p50 of 50"
    )


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vectorsite.settings")
    django.setup()
    main()
