"""What it costs to move a collection, beside saving its documents: python -m benchmarks.portable [--documents N]

A collection is exported, its file checked, and taken in, in one process and by processor time (see `in_process`). The
rival saves the same documents without any file. Neither has them indexed, which is the same for both.
"""

import argparse
from pathlib import Path

from benchmarks import report
from benchmarks.in_process import cpu_seconds, site_in_process
from benchmarks.texts import natural_texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1000)
    options = parser.parse_args()
    with site_in_process(embedder="meaningless") as folder:
        _measure(options.documents, folder / "collection.vectorsite.zip")


def _measure(count: int, path: Path) -> None:
    from collections_app import portable, services, sync

    collection = services.create_collection("Moved")
    inputs = [
        services.DocumentInput(key=str(number), text=text, metadata={"year": number})
        for number, text in enumerate(natural_texts(count))
    ]
    assert not [saved.error for saved in services.save_documents(collection, inputs) if saved.error]
    while sync.drain(collection.serving_index_id or 0).documents:
        pass
    exporting = cpu_seconds(lambda: portable.export_collection(collection, path))
    with portable.open_collection_file(path) as file:
        plan = portable.plan_import(file)
        checking = cpu_seconds(lambda: portable.check(file, plan))
        act = portable.begin(file, plan, filename=path.name, user=None)
        taking = cpu_seconds(
            lambda: portable.take(file, act.collection, visibility=plan.visibility, uses_vectors=plan.uses_vectors)
        )
    other = services.create_collection("Saved")
    saving = cpu_seconds(lambda: list(services.save_documents(other, inputs)))
    for name, ours in (("export", exporting), ("check", checking), ("import", taking)):
        report.add(
            f"collection file, {name}",
            ours=1000 * ours / count,
            other=1000 * saving / count,
            unit="ms of processor time per document",
            conditions=f"{count} documents of one passage, 384 dimensions, SQLite; other: saving the same documents",
        )


if __name__ == "__main__":
    main()
