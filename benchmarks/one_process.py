"""What a passage costs in one process, beside the model alone: python -m benchmarks.one_process [--chunks N]

Documents are saved and indexed in this process, on SQLite in a temporary folder and with the store in memory, without
Celery, Redis and Chroma. All figures are processor time, so that they hardly depend on what else runs. The rival is the
same model in the same process, embedding the very same inputs in one call.
"""

import argparse

from benchmarks import report
from benchmarks.in_process import cpu_seconds, site_in_process
from benchmarks.texts import natural_texts

WARM_UP = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=600)
    parser.add_argument("--embedder", default="local", help="an alias of EMBEDDERS")
    options = parser.parse_args()
    with site_in_process(embedder=options.embedder):
        _measure(options.chunks, options.embedder)


def _measure(count: int, alias: str) -> None:
    from collections_app import services, sync
    from collections_app.models import Chunk, ChunkState
    from collections_app.profiles import embedder_for

    texts = natural_texts(count + WARM_UP)
    collection = services.create_collection("One process")
    index = collection.serving_index
    assert index is not None

    def save(prefix: str, part: list[str]) -> None:
        inputs = (services.DocumentInput(key=f"{prefix} {number}", text=text) for number, text in enumerate(part))
        assert not [saved.error for saved in services.save_documents(collection, inputs) if saved.error]

    def drain() -> None:
        while sync.drain(index.pk).documents:
            pass

    save("warm-up", texts[count:])
    drain()
    saving = cpu_seconds(lambda: save("measured", texts[:count]))
    draining = cpu_seconds(drain)
    chunks = Chunk.objects.filter(state=ChunkState.LIVE, document__key__startswith="measured")
    inputs = list(chunks.order_by("pk").values_list("text", flat=True))
    alone = cpu_seconds(lambda: embedder_for(index.profile).embed_passages(inputs))
    for name, ours in (("saving", saving), ("indexing", draining), ("saving and indexing", saving + draining)):
        report.add(
            f"one process, {name}",
            ours=1000 * ours / len(inputs),
            other=1000 * alone / len(inputs),
            unit="ms of processor time per chunk",
            ratio=ours / alone,
            conditions=(
                f"{len(inputs)} chunks, embedder {alias}, SQLite, store in memory; other: the same inputs embedded in "
                "one call"
            ),
        )


if __name__ == "__main__":
    main()
