"""A store rebuilt from the vectors in SQL, beside a bare loop of upserts: python -m benchmarks.rebuild [--chunks N]

Ours: `projection.fill` into a collection of a new generation, from SQL. The rival: Chroma's own client sends the same
records to the same server in batches of the same size, with all records in memory beforehand. Both are run in turn.
"""

import argparse
import statistics
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import report
from benchmarks.private_site import private_site, save_and_wait
from benchmarks.texts import short_texts

if TYPE_CHECKING:
    from collections_app.models import VectorIndex
    from collections_app.vectorstores import Record


def _fill(index: "VectorIndex") -> float:
    from collections_app import projection
    from collections_app.exceptions import VectorsiteError

    projection.raise_generation(index.pk, reason="benchmark")
    index.refresh_from_db()
    # The collection is made beforehand, as the rival's is.
    projection.trusted_collection(index)
    start = time.perf_counter()
    copied = projection.fill(index)
    seconds = time.perf_counter() - start
    if not copied:
        raise VectorsiteError("A worker of the site was quicker, so nothing was measured. Run it again.")
    return seconds


def _records(index: "VectorIndex") -> "list[Record]":
    from collections_app import projection

    store, name = projection.store_of(index), projection.current_collection(index).name
    return store.fetch(name, sorted(store.ids(name)))


def _bare(index: "VectorIndex", records: "list[Record]", *, number: int) -> float:
    import chromadb
    from django.conf import settings

    from collections_app.projection.filling import FILL_BATCH
    from collections_app.vectorstores import HnswSettings

    address = urlsplit(settings.CHROMA_URL)
    client = chromadb.HttpClient(address.hostname or "", address.port or 80)
    hnsw = HnswSettings(**index.hnsw)
    configuration = {
        "hnsw": {"space": "cosine", **{name: getattr(hnsw, name) for name in hnsw.__slots__}},
    }
    collection = client.create_collection(f"bare-{number}", configuration=configuration, embedding_function=None)  # type: ignore[arg-type]
    ids = [str(record.id) for record in records]
    vectors = [record.vector for record in records]
    metadatas = [dict(record.metadata) for record in records]
    start = time.perf_counter()
    for first in range(0, len(records), FILL_BATCH):
        part = slice(first, first + FILL_BATCH)
        collection.upsert(ids=ids[part], embeddings=vectors[part], metadatas=metadatas[part])  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    client.delete_collection(f"bare-{number}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # The sweeper would have a worker fill the collection before we do.
    with private_site(workers=1, embedder="meaningless", SWEEP_SECONDS="300"):
        from collections_app import services
        from collections_app.models import VectorIndex

        collection = services.create_collection("Rebuild")
        save_and_wait(collection, short_texts(options.chunks), prefix="note")
        index = VectorIndex.objects.select_related("profile").get(collection=collection)
        records, ours, bare = _records(index), [], []
        assert len(records) == options.chunks
        for number in range(options.rounds):
            ours.append(options.chunks / _fill(index))
            bare.append(options.chunks / _bare(index, records, number=number))
            print(f"round {number}: {ours[-1]:.0f} and {bare[-1]:.0f} records/s", flush=True)
    report.add(
        f"rebuild, {options.chunks} chunks",
        ours=statistics.median(ours),
        other=statistics.median(bare),
        unit="records/s",
        ratio=report.median_ratio(ours, bare),
        conditions=(
            f"384 numbers and 3 metadata values per record, {options.rounds} rounds in turn; SQLite, one process, one "
            "Chroma server; other: Chroma's own client, upsert of the same records from memory in batches of that size"
        ),
    )


if __name__ == "__main__":
    main()
