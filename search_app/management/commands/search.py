import json
import textwrap
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app.exceptions import InvalidFilter, InvalidSearchRequest
from collections_app.extraction.characters import one_line
from collections_app.models import Collection
from search_app.asking import liked, named_collections
from search_app.declared import read_filter, shared_fields
from search_app.explanation import Explanation, HitExplanation, as_json, explain
from search_app.filters import all_of, parse_parameters
from search_app.leg import Measure
from search_app.parameters import EVERY
from search_app.plan_reasons import in_words
from search_app.question import parse_question
from search_app.request import Readable
from search_app.search import PAGE_SIZE, Hit, Mode, SearchRequest, SearchResponse, search
from search_app.sorting import parse_sort
from search_app.weighting import Weight

_WRONG_USE = 2
_PASSAGE_CHARACTERS = 240


class Command(BaseCommand):
    help = (
        "Search collections as the web page does, seeing everything. With --json, one object is printed: query, "
        "collections, degraded (null, or why the answer is less than it should be: a list of code and reason), "
        "answered, timings (milliseconds by step), hits, each with score and its measure, document (its public id), "
        "collection, key, title, address, revision, start, end and passage, and with --explain explanation. The exit "
        "status is 2 when a collection, a filter, the order or the limit is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "query", nargs="?", default="", help="the question, with filters and phrases as on the page; none lists"
        )
        parser.add_argument(
            "--collection",
            action="append",
            required=True,
            metavar="SLUG",
            help="may be given several times to search several, * for all",
        )
        parser.add_argument(
            "--filter",
            action="append",
            default=[],
            metavar="FIELD__OP=VALUE",
            help="such as year__gte=2000 or kind=function; may be given several times, all hold (see docs/search.md)",
        )
        parser.add_argument(
            "--mode",
            choices=list(Mode),
            default=Mode.HYBRID,
            help="find by meaning and words (hybrid), by one of them, or fuse both by rank (rrf); default: %(default)s",
        )
        parser.add_argument("--like", default="", metavar="ID", help="a document's public id instead of a question")
        parser.add_argument("--sort", default="", metavar="FIELD", help="a field, -field for the greatest first")
        parser.add_argument(
            "--diversity", type=float, default=0.0, help="what being unlike counts for, from 0 to 1; default: 0"
        )
        parser.add_argument("--limit", type=int, default=PAGE_SIZE, help="how many documents; default: %(default)s")
        parser.add_argument("--explain", action="store_true", help="print how the answer came about as well")
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        collections = _collections(options["collection"])
        try:
            request = _request(collections, options)
            response = search(request)
        except (InvalidFilter, InvalidSearchRequest) as error:
            raise CommandError(str(error), returncode=_WRONG_USE) from error
        explanation = explain(request, response) if options["explain"] else None
        if options["json"]:
            content = _as_json(request, response, explanation)
            self.stdout.write(json.dumps(content, ensure_ascii=False, indent=2))
            return
        self._print(response)
        if explanation:
            self.stdout.write("")
            self._print_explanation(explanation)

    def _print(self, response: SearchResponse) -> None:
        for degradation in response.degraded:
            self.stderr.write(self.style.WARNING(degradation.text))
        if response.answered and not response.hits:
            self.stdout.write("Nothing was found.")
        for hit in response.hits:
            score = " " * 6 if hit.measure is Measure.NONE else f"{hit.score:6.3f}"
            address = f"  [{hit.chunk.address}]" if hit.chunk.address else ""
            self.stdout.write(f"{score}  {self.style.MIGRATE_HEADING(str(hit.document))}{address}")
            passage = one_line(hit.chunk.text, _PASSAGE_CHARACTERS)
            self.stdout.write(textwrap.indent(textwrap.fill(passage, 90), " " * 8))

    def _print_explanation(self, explanation: Explanation) -> None:
        for part in explanation.parts:
            self.stdout.write(self.style.MIGRATE_HEADING(f"{part.name}: {part.model}"))
            self.stdout.write(f"  {part.strategy}: {in_words(part.reason)}")
            self.stdout.write(f"  filter keeps {part.kept:,} of {part.of_documents:,} documents ({part.share:.2%})")
            for round_ in part.rounds:
                self.stdout.write(
                    f"  {round_.leg}: {round_.asked:,} passages asked for, {round_.named:,} named, {round_.kept:,} "
                    "documents kept"
                )
            for dropped in part.dropped:
                self.stdout.write(f"  {dropped.leg}: {dropped.passages:,} passages not ranked: {dropped.why}")
            if part.weight is not None:
                self.stdout.write(_weights(part.weight))
        for hit in explanation.hits:
            self.stdout.write(f"{hit.rank:3}  {hit.score:8.4f}  {_legs(hit)}  {hit.document}")
        steps = ", ".join(f"{step} {milliseconds}" for step, milliseconds in explanation.timings.items())
        self.stdout.write(f"{explanation.milliseconds} ms: {steps}")


def _weights(weight: Weight) -> str:
    return f"  weight of meaning {weight.value:.2f} ({weight.source}), of words {1 - weight.value:.2f}"


def _legs(hit: HitExplanation) -> str:
    semantic = f"#{hit.semantic.rank} {hit.semantic.score:.4f}" if hit.semantic else "-"
    lexical = f"#{hit.lexical.rank} {hit.lexical.score:.2f}" if hit.lexical else "-"
    return f"meaning {semantic:12} words {lexical:10}"


def _collections(slugs: list[str]) -> Readable:
    alive = Collection.objects.alive()
    for slug in slugs:
        if slug != EVERY and not alive.filter(slug=slug).exists():
            known = ", ".join(alive.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no collection {slug!r}; there are: {known}.", returncode=_WRONG_USE)
    return named_collections(slugs, None)


def _request(collections: Readable, options: dict[str, Any]) -> SearchRequest:
    fields = shared_fields([collection.pk for collection in collections])
    pairs = [_pair(condition) for condition in options["filter"]]
    typed = read_filter(lambda specs, tz: parse_question(options["query"], specs, tz=tz), collections, fields)
    filters = read_filter(lambda specs, tz: parse_parameters(pairs, specs, tz=tz), collections, fields)
    return SearchRequest(
        query=typed.text,
        collections=collections,
        like=liked(options["like"], None),
        filter=all_of(typed.expression, filters),
        mode=Mode(options["mode"]),
        sort=parse_sort(options["sort"], fields),
        diversity=options["diversity"],
        limit=options["limit"],
    )


def _pair(condition: str) -> tuple[str, str]:
    key, separator, value = condition.partition("=")
    if not separator:
        raise InvalidFilter(f"The filter {condition!r} has no '='; write it like year__gte=2000.")
    return key.strip(), value


def _as_json(request: SearchRequest, response: SearchResponse, explanation: Explanation | None) -> dict[str, Any]:
    content = {
        "query": request.query,
        "collections": [collection.slug for collection in request.collections],
        "degraded": [reason.as_json() for reason in response.degraded] or None,
        "answered": response.answered,
        "timings": response.timings,
        "hits": [_hit_as_json(hit) for hit in response.hits],
    }
    return {**content, "explanation": as_json(explanation)} if explanation else content


def _hit_as_json(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "score": None if hit.measure is Measure.NONE else round(hit.score, 4),
        "measure": hit.measure,
        "document": str(hit.document.public_id),
        "collection": hit.document.collection.slug,
        "key": hit.document.key,
        "title": hit.document.title,
        "address": chunk.address,
        "revision": chunk.revision,
        "start": chunk.start,
        "end": chunk.end,
        "passage": chunk.text,
    }
