"""How long an edit waits while an import is worked: python -m benchmarks.edits [--documents N]

A real site with the local model is given an import that keeps its workers busy. Meanwhile documents are saved one by
one as a person saves them, in the same collection and in another one, and each is waited for. There is no rival:
compare with another version at the same load.
"""

import argparse
import statistics
import time

from benchmarks import report
from benchmarks.private_site import private_site, save_and_wait
from benchmarks.texts import natural_texts

WARM_UP = 100
PAUSE_SECONDS = 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1500, help="of the import")
    parser.add_argument("--edits", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    texts = natural_texts(options.documents + WARM_UP)
    with private_site(workers=options.workers, embedder="local"):
        from collections_app import services
        from collections_app.models import EntryState, IndexEntry

        imported, other = services.create_collection("Import"), services.create_collection("Other")
        save_and_wait(imported, texts[options.documents :], prefix="warm-up")
        save_and_wait(other, ["A first text."], prefix="warm-up")
        inputs = (
            services.DocumentInput(key=str(number), text=text) for number, text in enumerate(texts[: options.documents])
        )
        failed = [str(saved.error) for saved in services.save_documents(imported, inputs) if saved.error]
        if failed:
            raise SystemExit(f"A document failed, so nothing was measured: {failed[0]}")
        waits: list[float] = []
        for number in range(options.edits):
            edit = services.DocumentInput(key=f"edit {number}", text=f"The edited note number {number}.")
            started = time.perf_counter()
            saved = services.save_document((imported, other)[number % 2], edit)
            entry = IndexEntry.objects.filter(document=saved.document)
            while entry.exclude(state=EntryState.INDEXED).exists():
                time.sleep(0.02)
            waits.append(time.perf_counter() - started)
            time.sleep(PAUSE_SECONDS)
        if not IndexEntry.objects.filter(state=EntryState.PENDING).exists():
            raise SystemExit("The import was over before the last edit; give more --documents.")
    report.add(
        "an edit during an import",
        ours=statistics.median(waits),
        other=None,
        unit="s until it is indexed, median",
        conditions=(
            f"{options.edits} edits, {max(waits):.1f} s at most, {options.documents} documents imported by "
            f"{options.workers} workers, the local model"
        ),
    )


if __name__ == "__main__":
    main()
