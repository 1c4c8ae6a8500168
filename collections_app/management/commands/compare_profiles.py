import json
import unicodedata
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from collections_app import comparison
from collections_app.comparison import PairFigures, ProfileFigures, Report, Wish
from collections_app.evaluation.judged import read_pairs, read_questions
from collections_app.exceptions import VectorsiteError
from collections_app.management.naming import collection_named, profile_named
from collections_app.models import Collection, EmbeddingProfile

_NONE = "–"
_Row = tuple[str, Callable[[Any], str]]


class Command(BaseCommand):
    help = (
        "Say how well embedding profiles find the passages of a collection, how much what they find agrees, and what "
        "they take: seconds, tokens, bytes. With --sts, how well they follow people's scores of sentence pairs. What "
        "is embedded is kept, so that a second run costs nothing. See docs/comparing-models.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profiles", nargs="+", metavar="PROFILE", help="names of embedding profiles")
        parser.add_argument("--collection", metavar="NAME", help="name or slug of the collection whose passages count")
        parser.add_argument(
            "--queries",
            type=Path,
            metavar="PATH",
            help=(
                'judged questions: a file of JSON Lines {"id", "text", "relevant": [key, …] or {key: grade}}, or a '
                "folder with queries.jsonl and qrels.tsv. Without them, sentences are taken out of passages"
            ),
        )
        parser.add_argument("--sample", type=int, metavar="N", help="compare by N documents, and not by all of them")
        parser.add_argument("--depth", type=int, default=10, metavar="K", help="results that count (default: 10)")
        parser.add_argument("--estimate", action="store_true", help="say what would be embedded, and do nothing")
        parser.add_argument(
            "--sts",
            type=Path,
            metavar="FILE",
            help='sentence pairs: JSON Lines {"s1", "s2", "score"}, or .tsv or .csv with such a heading',
        )
        parser.add_argument("--json", action="store_true", help="write what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        profiles = [profile_named(name) for name in options["profiles"]]
        if bool(options["collection"]) == bool(options["sts"]):
            raise CommandError("Say --collection NAME, or --sts FILE.")
        try:
            if options["sts"]:
                self._pairs(profiles, options)
            else:
                self._collection(profiles, collection_named(options["collection"]), options)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error

    # --- sentence pairs -------------------------------------------------------------------------------------------

    def _pairs(self, profiles: Sequence[EmbeddingProfile], options: dict[str, Any]) -> None:
        if options["estimate"] or options["queries"] or options["sample"] is not None:
            raise CommandError("--sts takes no other option than --json.")
        pairs = read_pairs(options["sts"])
        comparison.check_profiles(profiles)
        figures = [comparison.compare_pairs(profile, pairs) for profile in profiles]
        if options["json"]:
            self._say_json({"file": options["sts"].name, "profiles": [asdict(one) for one in figures]})
            return
        self.stdout.write(f"{len(pairs):,} sentence pairs of {options['sts'].name}")
        self._say_table(figures, _PAIR_ROWS)

    # --- a collection ---------------------------------------------------------------------------------------------

    def _collection(
        self, profiles: Sequence[EmbeddingProfile], collection: Collection, options: dict[str, Any]
    ) -> None:
        path: Path | None = options["queries"]
        wish = Wish(
            collection=collection,
            profiles=profiles,
            questions=read_questions(path) if path else (),
            questions_name=path.name if path else "",
            sample=options["sample"],
            depth=options["depth"],
        )
        estimates = comparison.estimate(wish)
        if options["estimate"] and options["json"]:
            self._say_json({"collection": collection.slug, "estimates": [asdict(one) for one in estimates]})
            return
        if not options["json"]:
            for one in estimates:
                self._say_estimate(one)
        if options["estimate"]:
            return
        report = self._compare(wish, quiet=options["json"])
        if options["json"]:
            self._say_json({"collection": collection.slug, **report.to_json()})
        else:
            self._say_report(wish, report)

    def _compare(self, wish: Wish, *, quiet: bool) -> Report:
        with closing(tqdm(desc="comparing", unit="passage", disable=True if quiet else None)) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                return comparison.compare(wish, progress=show)
            except KeyboardInterrupt:
                raise CommandError(
                    "Stopped. What was embedded is kept; the next comparison goes on from there."
                ) from None

    # --- said -----------------------------------------------------------------------------------------------------

    def _say_json(self, told: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(told, ensure_ascii=False))

    def _say_estimate(self, one: comparison.ProfileEstimate) -> None:
        about = "" if one.is_exact else "about "
        where = "to be sent to its server" if one.asks_server else "to be embedded in this process"
        price = f", {about}{_money(one.cost, one.currency)}" if one.cost is not None else ""
        texts = f"{about}{one.tokens_to_embed:,} tokens of {about}{one.texts_to_embed:,} texts"
        self.stdout.write(f"{one.profile}: {texts} {where}{price}")

    def _say_report(self, wish: Wish, report: Report) -> None:
        kind = "judged questions" if report.is_judged else "sentences taken out of passages and asked as questions"
        self.stdout.write(
            f"\n{wish.collection.name}: {report.passages:,} passages of {report.documents:,} documents; "
            f"{report.questions:,} {kind}\n"
        )
        if report.unknown_keys:
            named = ", ".join(repr(key) for key in report.unknown)
            more = ", …" if report.unknown_keys > len(report.unknown) else ""
            self.stdout.write(
                self.style.WARNING(
                    f"{report.unknown_keys:,} judged documents are not in the collection ({named}{more}); "
                    f"{report.left_out:,} of {len(wish.questions):,} questions are left out for that."
                )
            )
        self._say_table([one for one in report.profiles if not one.error], _rows(report))
        for agreement in report.agreements:
            self.stdout.write(
                f"{agreement.one} and {agreement.other}: overlap@{report.depth} {agreement.overlap:.3f}, rank-biased "
                f"overlap {agreement.rank_biased_overlap:.3f}"
            )
        for one in report.profiles:
            if one.error:
                self.stdout.write(self.style.ERROR(f"{one.profile} is out: {one.error}"))

    def _say_table(self, figures: Sequence[Any], rows: Sequence[_Row]) -> None:
        table = [["", *(one.profile for one in figures)]]
        table += [[label, *(cell(one) for one in figures)] for label, cell in rows]
        widths = [max(_width(row[column]) for row in table) for column in range(len(table[0]))]
        for row in table:
            first, *others = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join([first, *others]).rstrip())


def _rows(report: Report) -> list[_Row]:
    rows: list[_Row] = [
        ("nDCG@10", lambda one: _share(one.ndcg)),
        ("  less the best", _difference),
        ("MRR@10", lambda one: _share(one.mrr)),
        (f"hit rate@{report.depth}", lambda one: _share(one.hit_rate)),
        (f"recall@{report.depth}", lambda one: _share(one.recall)),
        ("ms per question", lambda one: _number(one.ms_per_query)),
        ("passages per second", lambda one: _number(one.passages_per_second)),
        ("seconds embedding, this run", lambda one: _number(one.seconds)),
        ("texts embedded, this run", lambda one: f"{one.embedded_texts:,}"),
        ("tokens embedded, this run", lambda one: f"{one.embedded_tokens:,}"),
        ("tokens of all passages", lambda one: f"{one.tokens:,}"),
        ("cost of all passages", lambda one: _money(one.cost, one.currency)),
        ("longer than it reads", lambda one: f"{one.too_long:,}"),
        ("refused by it", lambda one: f"{one.refused:,}"),
        ("bytes per passage", lambda one: f"{one.bytes_per_passage:,}"),
        ("bytes of all passages", lambda one: f"{one.bytes:,}"),
    ]
    return rows


_PAIR_ROWS: list[tuple[str, Callable[[PairFigures], str]]] = [
    ("Spearman", lambda one: _share(one.spearman)),
    ("Pearson", lambda one: _share(one.pearson)),
    ("texts embedded, this run", lambda one: f"{one.embedded_texts:,}"),
    ("tokens embedded, this run", lambda one: f"{one.embedded_tokens:,}"),
    ("seconds embedding, this run", lambda one: _number(one.seconds)),
]


def _difference(one: ProfileFigures) -> str:
    if one.difference is None or one.difference == 0 == (one.interval or 0):
        return _NONE
    return f"{one.difference:+.3f}" + (f" ± {one.interval:.3f}" if one.interval is not None else "")


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.1f}"


def _money(value: float | None, currency: str) -> str:
    return _NONE if value is None else f"{currency} {value:,.4f}".strip()


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
