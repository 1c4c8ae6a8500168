"""The search for programs: JSON over GET, with the permissions of whoever is signed in. Contract: docs/api.md."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.db import InterfaceError, OperationalError
from django.db.models import Count
from django.http import HttpRequest, JsonResponse, QueryDict
from django.utils.translation import gettext as _

from collections_app.exceptions import InvalidFilter, InvalidSearchRequest, VectorsiteError
from collections_app.extraction.characters import clean_text
from collections_app.models import Chunk, ChunkState, Collection, Document, EntryState, IndexEntry, MetadataField
from search_app.filters import all_of, parse_parameters
from search_app.parameters import whole_number
from search_app.question import parse_question
from search_app.results import passage_url
from search_app.search import MOST_RESULTS, PAGE_SIZE, Hit, Mode, SearchRequest, SearchResponse, clean_query
from search_app.search import search as run_search

_QUERY, _COLLECTION, _MODE, _LIMIT, _OFFSET = "q", "collection", "mode", "limit", "offset"
_OWN = frozenset({_QUERY, _COLLECTION, _MODE, _LIMIT, _OFFSET})
_RETRY_SECONDS = "5"

View = Callable[[HttpRequest], dict[str, Any]]


class Refused(VectorsiteError):
    """The request gets an error instead of an answer: a status, a code for programs, and a message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def _endpoint(view: View) -> Callable[[HttpRequest], JsonResponse]:
    """Make a view of a function that returns what is to be JSON. Its errors are JSON too, and nothing is cached."""

    @wraps(view)
    def answer(request: HttpRequest) -> JsonResponse:
        try:
            if request.method not in {"GET", "HEAD"}:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", _("Ask with GET."))
            return _json(view(request))
        except Refused as refused:
            return _error(refused)
        except (OperationalError, InterfaceError):
            text = _("The database does not answer. Try again in a moment.")
            return _error(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", text))

    return answer


def _json(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> JsonResponse:
    response = JsonResponse(content, status=status, json_dumps_params={"ensure_ascii": False})
    response.headers["Cache-Control"] = "no-store"
    return response


def _error(refused: Refused) -> JsonResponse:
    response = _json({"error": {"code": refused.code, "message": str(refused)}}, refused.status)
    if refused.status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET, HEAD"
    if refused.status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_SECONDS
    return response


# --- search -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The parameters of a search as they were given; whatever is not a parameter of its own is a filter."""

    query: str
    collection: str
    mode: Mode
    limit: int
    offset: int
    filters: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Read a query string. Raises Refused for what is missing or no number."""
        for name, what in ((_QUERY, _("the question")), (_COLLECTION, _("the collection to search, by its slug"))):
            if name not in data:
                message = _("The parameter “%(name)s” is missing: %(what)s.") % {"name": name, "what": what}
                raise Refused(HTTPStatus.BAD_REQUEST, "missing_parameter", message)
        return cls(
            query=clean_query(data.get(_QUERY, "")),
            collection=clean_text(data.get(_COLLECTION, "")),
            mode=_mode(data.get(_MODE, "")),
            limit=_number(data, _LIMIT, default=PAGE_SIZE, least=1),
            offset=_number(data, _OFFSET, default=0, least=0),
            filters=tuple((key, value) for key, values in data.lists() if key not in _OWN for value in values),
        )


def _mode(given: str) -> Mode:
    try:
        return Mode(given or Mode.HYBRID)
    except ValueError:
        message = _("“%(given)s” is no mode; give one of: %(known)s.")
        words = {"given": given[:20], "known": ", ".join(Mode)}
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid_mode", message % words) from None


def _number(data: QueryDict, name: str, *, default: int, least: int) -> int:
    given = data.get(name, "")
    number = whole_number(given) if given else default
    if number is None or not least <= number <= MOST_RESULTS:
        message = _("“%(given)s” is no %(name)s; give a whole number from %(least)d to %(most)d.")
        words = {"given": given[:20], "name": name, "least": least, "most": MOST_RESULTS}
        raise Refused(HTTPStatus.BAD_REQUEST, f"invalid_{name}", message % words)
    return number


@_endpoint
def search(request: HttpRequest) -> dict[str, Any]:
    """The documents that answer a question best, each by its best passage."""
    question = Question.read(request.GET)
    collection = _readable_collection(request, question.collection)
    fields = [field.spec for field in MetadataField.objects.filter(collection=collection, filterable=True)]
    tz = ZoneInfo(collection.time_zone)
    try:
        expression = parse_parameters(question.filters, fields, tz=tz)
        parsed = parse_question(question.query, fields, tz=tz)
        response = run_search(
            SearchRequest(
                query=parsed.text,
                collection=collection,
                filter=all_of(expression, parsed.expression),
                mode=question.mode,
                limit=question.limit,
                offset=question.offset,
                user=request.user,
            )
        )
    except InvalidFilter as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid_filter", str(error)) from error
    except InvalidSearchRequest as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid_request", str(error)) from error
    return _answer(question, response)


def _readable_collection(request: HttpRequest, slug: str) -> Collection:
    found = Collection.objects.readable_by(request.user).filter(slug=slug).first()
    if found is None:
        message = _("There is no such collection, or you may not read it.")
        raise Refused(HTTPStatus.NOT_FOUND, "unknown_collection", message)
    return found


def _answer(question: Question, response: SearchResponse) -> dict[str, Any]:
    return {
        "query": question.query,
        "collection": question.collection,
        "mode": question.mode,
        "hits": [_hit(hit) for hit in response.hits],
        "has_more": response.has_more,
        "degraded": [reason.as_json() for reason in response.degraded] or None,
        "answered": response.answered,
        "timings_ms": dict(response.timings),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    document = chunk.document
    return {
        "document": str(document.public_id),
        "key": document.key,
        "title": document.title,
        "url": passage_url(chunk),
        "passage": {
            "text": chunk.text,
            "start": chunk.start,
            "end": chunk.end,
            "revision": chunk.revision,
            "address": chunk.address,
        },
        "score": round(hit.score, 6),
        "measure": hit.measure,
        "metadata": document.metadata,
    }


# --- collections --------------------------------------------------------------------------------------------------


@_endpoint
def collections(request: HttpRequest) -> dict[str, Any]:
    """The collections that may be searched, with what they hold and how much of it can be found already."""
    readable = list(Collection.objects.readable_by(request.user).order_by("name", "pk"))
    counts = _Counts.of(readable)
    return {"collections": [_collection(collection, counts) for collection in readable]}


@dataclass(frozen=True, slots=True)
class _Counts:
    """Documents by collection, entries by index and state, and live passages by index."""

    documents: Mapping[int, int]
    entries: Mapping[tuple[int, str], int]
    passages: Mapping[int, int]

    @classmethod
    def of(cls, collections: Sequence[Collection]) -> Self:
        serving = [collection.serving_index_id for collection in collections if collection.serving_index_id]
        documents = Document.objects.alive().filter(collection__in=collections).order_by()
        entries = IndexEntry.objects.filter(index__in=serving).order_by()
        live = Chunk.objects.filter(index__in=serving, state=ChunkState.LIVE).order_by()
        return cls(
            documents=dict(documents.values_list("collection").annotate(Count("pk"))),
            entries={
                (index, state): number
                for index, state, number in entries.values_list("index", "state").annotate(Count("pk"))
            },
            passages=dict(live.values_list("index").annotate(Count("pk"))),
        )


def _collection(collection: Collection, counts: _Counts) -> dict[str, Any]:
    index = collection.serving_index_id or 0
    return {
        "slug": collection.slug,
        "name": collection.name,
        "description": collection.description,
        "documents": counts.documents.get(collection.pk, 0),
        "indexed": counts.entries.get((index, EntryState.INDEXED), 0),
        "pending": counts.entries.get((index, EntryState.PENDING), 0),
        "failed": counts.entries.get((index, EntryState.FAILED), 0),
        "passages": counts.passages.get(index, 0),
    }
