"""What counting usage costs, by processor time: python -m benchmarks.accounting [--texts N] [--rounds N]

Texts are embedded by the local model and kept in SQLite, in slices as a worker does it: without any accounting, with
it, with a price (each call is reserved before), and with a budget too. The four take turns on texts of their own, which
are of like length, and what is said is the median of each round's ratio to the one without.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks import report
from benchmarks.one_process import cpu_seconds
from benchmarks.texts import natural_texts

# Slices that are accounted for without being embedded.
CALLS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=256, help="of each kind and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--embedder", default="local", help="an alias of EMBEDDERS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vectorsite-bench-") as folder:
        os.environ |= {"VAR_DIR": folder, "EMBEDDING_BACKEND": options.embedder, "DATABASE_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        import django

        django.setup()
        _measure(options.texts, options.rounds, options.embedder)


def _measure(count: int, rounds: int, alias: str) -> None:
    from decimal import Decimal

    from django.core.management import call_command
    from django.db import transaction

    from collections_app import services
    from collections_app.accounting import Account
    from collections_app.accounting.calls import Call
    from collections_app.models import Budget, Purpose
    from collections_app.profiles import embedder_for
    from collections_app.vectors import SLICE, embed_passages

    class UncountedCall(Call):
        def __enter__(self) -> Call:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def settle(self, *, found: int = 0) -> None:
            pass

    class Uncounted(Account):
        def reserve(self, embedder: Any, texts: Sequence[str], *, whole: bool = False) -> Call:
            return UncountedCall(self, list(texts), reservation=None)

    call_command("migrate", verbosity=0)
    collection = services.create_collection("Accounting")
    assert collection.serving_index
    profile = collection.serving_index.profile
    embedder = embedder_for(profile)
    kinds = ("without", "counted", "with a price", "with a budget")
    texts = natural_texts(count * rounds * len(kinds))

    @contextmanager
    def account_of(kind: str) -> Iterator[Account]:
        profile.price = Decimal("0.02" if kind in {"with a price", "with a budget"} else 0)
        budget = Budget.objects.create(profile=profile, amount=10**9) if kind == "with a budget" else None
        yield (Uncounted if kind == "without" else Account)(profile, collection, Purpose.PASSAGE)
        if budget:
            budget.delete()

    def embed(kind: str, part: Sequence[str]) -> float:
        with account_of(kind) as account:
            return cpu_seconds(lambda: embed_passages(account, embedder, part, sign_of_life=lambda: None))

    def embed_nothing(kind: str) -> float:
        with account_of(kind) as account:
            return cpu_seconds(lambda: settle_all(account)) / CALLS

    def settle_all(account: Account) -> None:
        for _ in range(CALLS):
            call = account.reserve(embedder, texts[:SLICE])
            with call:
                pass
            with transaction.atomic():
                call.settle()

    embedder.embed_passages(texts[:8])
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for place, kind in enumerate(kinds):
            # Each kind begins a round in turn, so that none is always the first.
            begins = number * len(kinds) + (place + number) % len(kinds)
            taken[kind].append(embed(kind, texts[begins * count : (begins + 1) * count]))
    for kind in kinds[1:]:
        _report(kind, taken, alone=embed_nothing(kind), count=count, rounds=rounds, alias=alias)


def _report(kind: str, taken: Mapping[str, list[float]], *, alone: float, count: int, rounds: int, alias: str) -> None:
    """Tell what a kind of accounting costs by itself, `alone` seconds a slice, and on the whole path."""
    from collections_app.vectors import SLICE

    report.add(
        f"accounting alone, {kind}",
        ours=1e6 * alone,
        other=1e6 * SLICE * statistics.median(taken["without"]) / count,
        unit="µs of processor time per slice",
        conditions=f"{CALLS} slices of {SLICE} texts; other: the slice embedded and kept, embedder {alias}",
    )
    report.add(
        f"accounting, {kind}",
        ours=1000 * statistics.median(taken[kind]) / count,
        other=1000 * statistics.median(taken["without"]) / count,
        unit="ms of processor time per text",
        ratio=report.median_ratio(taken[kind], taken["without"]),
        conditions=f"{rounds} rounds of {count} texts, embedder {alias}, SQLite; other: without accounting",
    )


if __name__ == "__main__":
    main()
