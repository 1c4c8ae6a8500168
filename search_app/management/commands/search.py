import json
import textwrap
from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from collections_app.exceptions import InvalidFilter, InvalidSearchRequest
from collections_app.extraction.characters import one_line
from collections_app.models import Collection, MetadataField
from search_app.filters import all_of, parse_parameters
from search_app.question import parse_question
from search_app.search import PAGE_SIZE, Hit, Mode, SearchRequest, SearchResponse, search

_WRONG_USE = 2
_PASSAGE_CHARACTERS = 240


class Command(BaseCommand):
    help = (
        "Search a collection as the web page does, seeing everything. With --json, one object is printed: query, "
        "collection, degraded (null, or why the answer is less than it should be: a list of code and reason), "
        "answered, plan, timings (milliseconds by step) and hits, each with score and its measure, document (its "
        "public id), key, title, address, revision, start, end and passage. The exit status is 2 when the "
        "collection, a filter or the limit is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "query", help="the question, with filters in it as on the page: year>=2000 (see docs/search.md)"
        )
        parser.add_argument("--collection", required=True, metavar="SLUG")
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
        parser.add_argument("--limit", type=int, default=PAGE_SIZE)
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        collection = _collection(options["collection"])
        try:
            fields = [field.spec for field in MetadataField.objects.filter(collection=collection)]
            tz = ZoneInfo(collection.time_zone)
            question = parse_question(options["query"], fields, tz=tz)
            request = SearchRequest(
                query=question.text,
                collection=collection,
                filter=all_of(parse_parameters(_pairs(options["filter"]), fields, tz=tz), question.expression),
                mode=Mode(options["mode"]),
                limit=options["limit"],
            )
            response = search(request)
        except (InvalidFilter, InvalidSearchRequest) as error:
            raise CommandError(str(error), returncode=_WRONG_USE) from error
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(request, response), ensure_ascii=False, indent=2))
        else:
            self._print(response)

    def _print(self, response: SearchResponse) -> None:
        for degradation in response.degraded:
            self.stderr.write(self.style.WARNING(degradation.text))
        if response.answered and not response.hits:
            self.stdout.write("Nothing was found.")
        for hit in response.hits:
            address = f"  [{hit.chunk.address}]" if hit.chunk.address else ""
            self.stdout.write(f"{hit.score:6.3f}  {self.style.MIGRATE_HEADING(str(hit.chunk.document))}{address}")
            passage = one_line(hit.chunk.text, _PASSAGE_CHARACTERS)
            self.stdout.write(textwrap.indent(textwrap.fill(passage, 90), " " * 8))


def _collection(slug: str) -> Collection:
    alive = Collection.objects.alive()
    collection = alive.filter(slug=slug).first()
    if collection is None:
        known = ", ".join(alive.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no collection {slug!r}; there are: {known}.", returncode=_WRONG_USE)
    return collection


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for condition in given:
        key, separator, value = condition.partition("=")
        if not separator:
            raise InvalidFilter(f"The filter {condition!r} has no '='; write it like year__gte=2000.")
        pairs.append((key.strip(), value))
    return pairs


def _as_json(request: SearchRequest, response: SearchResponse) -> dict[str, Any]:
    plan = response.plan
    return {
        "query": request.query,
        "collection": request.collection.slug,
        "degraded": [reason.as_json() for reason in response.degraded] or None,
        "answered": response.answered,
        "plan": plan and {"strategy": plan.strategy, "reason": plan.reason, "candidates": response.candidates},
        "timings": response.timings,
        "hits": [_hit_as_json(hit) for hit in response.hits],
    }


def _hit_as_json(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "score": round(hit.score, 4),
        "measure": hit.measure,
        "document": str(chunk.document.public_id),
        "key": chunk.document.key,
        "title": chunk.document.title,
        "address": chunk.address,
        "revision": chunk.revision,
        "start": chunk.start,
        "end": chunk.end,
        "passage": chunk.text,
    }
