"""What the search page answers: one state with what belongs to it, for the template to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.db.models import Max, Min, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from collections_app import ledger
from collections_app.exceptions import InvalidFilter, InvalidSearchRequest
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    EntryState,
    IndexEntry,
    MetadataField,
    User,
)
from collections_app.prepared import Many, prepared
from collections_app.reasons import explained
from search_app.asking import diversity_of, liked
from search_app.chips import Chip, set_filters
from search_app.declared import read_filter, shared_fields
from search_app.facets import Facets
from search_app.filters import all_of, parse_parameters
from search_app.parameters import Parameters
from search_app.question import ParsedQuestion, parse_question
from search_app.request import Likeness
from search_app.results import Result, results_of
from search_app.search import PAGE_SIZE, Mode, SearchRequest, SearchResponse, facets_of_everything, search
from search_app.sorting import CREATED, TITLE, UPDATED, parse_sort

_EXAMPLES = 4
# Of each part of a collection, to find a title that is neither short nor long.
_LOOKED_AT = 20


class State(StrEnum):
    """Which of its designed states the answer is in."""

    WELCOME = "welcome"
    RESULTS = "results"
    NOTHING = "nothing"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a collection's documents can be found. Only what is pending is worth a bar."""

    total: int
    indexed: int
    failed: int
    pending: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What collections hold, and questions to try."""

    documents: int
    passages: int
    models: Sequence[str]
    examples: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Order:
    """One order to choose, as the address has it and in words."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to show below the question.

    `wrong_field` names the field of which the form's filter cannot be read. `unfiltered_url` leads to the same search
    without any filter, "" where none can be told from the question.
    """

    state: State
    status: int = 200
    problem: str = ""
    wrong_field: str = ""
    unfiltered_url: str = ""
    is_question: bool = False
    query: str = ""
    like: Likeness | None = None
    response: SearchResponse | None = None
    results: Sequence[Result] = ()
    set_filters: Sequence[Chip] = ()
    facets: Facets | None = None
    orders: Sequence[Order] = ()
    diversity: float = 0.0
    progress: Progress | None = None
    facts: Facts | None = None
    first_rank: int = 1
    previous_url: str = ""
    next_url: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The search that an address stands for, and what of its question were filters."""

    request: SearchRequest
    question: ParsedQuestion
    fields: Sequence[MetadataField]


def asked_by(
    parameters: Parameters, collections: tuple[Collection, ...], user: User | AnonymousUser, *, facets: bool
) -> Asked:
    """Return the search that an address stands for. Raises InvalidFilter and InvalidSearchRequest."""
    fields = shared_fields([collection.pk for collection in collections])
    filters = read_filter(lambda specs, tz: parse_parameters(parameters.filters, specs, tz=tz), collections, fields)
    question = read_filter(lambda specs, tz: parse_question(parameters.query, specs, tz=tz), collections, fields)
    request = SearchRequest(
        query=question.text,
        collections=collections,
        like=liked(parameters.like, user),
        filter=all_of(filters, question.expression),
        mode=Mode(parameters.mode) if parameters.mode in set(Mode) else Mode.HYBRID,
        sort=parse_sort(parameters.sort, fields),
        diversity=diversity_of(parameters.diversity),
        facets=facets,
        offset=(parameters.page - 1) * PAGE_SIZE,
        user=user,
    )
    return Asked(request, question, fields)


def answer(collections: tuple[Collection, ...], parameters: Parameters, user: User | AnonymousUser) -> Answer:
    """Return the answer to the search that an address stands for."""
    progress = progress_of(collections)
    try:
        asked = asked_by(parameters, collections, user, facets=True)
    except (InvalidFilter, InvalidSearchRequest) as error:
        return _invalid(error, parameters, collections, progress)
    request, question = asked.request, asked.question
    unfiltered_url = _url(parameters.without_filters().asking(question.text, like=parameters.like))
    chips = set_filters(parameters, asked.fields, question.filters)
    if not (request.is_question or chips or request.sort):
        return Answer(
            state=State.WELCOME,
            facts=_facts(collections, parameters),
            facets=facets_of_everything(request),
            progress=progress,
        )
    try:
        response = search(request)
    except InvalidSearchRequest as error:
        return Answer(
            state=State.INVALID, status=400, problem=str(error), unfiltered_url=unfiltered_url, progress=progress
        )
    return Answer(
        state=_state(response),
        is_question=request.is_question,
        query=request.query,
        like=request.like,
        response=response,
        results=results_of(response.hits, parameters, asked.fields, query=request.query),
        set_filters=chips,
        unfiltered_url=unfiltered_url,
        facets=response.facets,
        orders=_orders(request, asked.fields),
        diversity=request.diversity,
        progress=progress,
        first_rank=request.offset + 1,
        previous_url=parameters.on_page(parameters.page - 1).query_string if parameters.page > 1 else "",
        next_url=_next_url(parameters, request, response),
    )


def _invalid(
    error: InvalidFilter | InvalidSearchRequest,
    parameters: Parameters,
    collections: Sequence[Collection],
    progress: Progress | None,
) -> Answer:
    """Say what cannot be asked; of a filter that the form has set, at its field, and how to search without it."""
    wrong_field, unfiltered_url = "", ""
    if isinstance(error, InvalidFilter) and not _are_readable(parameters, collections):
        wrong_field, unfiltered_url = error.field, _url(parameters.without_filters())
    return Answer(
        state=State.INVALID,
        status=404 if isinstance(error, InvalidSearchRequest) and error.code == "unknown_document" else 400,
        problem=explained(error),
        wrong_field=wrong_field,
        unfiltered_url=unfiltered_url,
        progress=progress,
    )


def _are_readable(parameters: Parameters, collections: Sequence[Collection]) -> bool:
    """Say whether what is wrong was typed into the question, as the filters beside it can be read."""
    fields = shared_fields([collection.pk for collection in collections])
    try:
        read_filter(lambda specs, tz: parse_parameters(parameters.filters, specs, tz=tz), collections, fields)
    except InvalidFilter:
        return False
    return True


def _url(parameters: Parameters) -> str:
    return parameters.query_string or reverse("search:search")


def _next_url(parameters: Parameters, request: SearchRequest, response: SearchResponse) -> str:
    if not response.has_more or request.end + PAGE_SIZE > request.most:
        return ""
    return parameters.on_page(parameters.page + 1).query_string


def _orders(request: SearchRequest, fields: Sequence[MetadataField]) -> list[Order]:
    """Return the orders to choose from; the first one is the usual one."""
    offered = {"": _("Relevance") if request.is_question else _("Newest first"), TITLE: _("Title")}
    if request.is_question:
        offered[f"-{CREATED}"] = _("Newest first")
    offered[f"-{UPDATED}"] = _("Last changed first")
    for field in {field.name: field for field in fields}.values():
        offered[field.name] = _("%(field)s, ascending") % {"field": field}
        offered[f"-{field.name}"] = _("%(field)s, descending") % {"field": field}
    chosen = str(request.sort) if request.sort else ""
    if chosen not in offered:
        offered[chosen] = chosen
    return [Order(value, label, value == chosen) for value, label in offered.items()]


def _state(response: SearchResponse) -> State:
    if not response.answered:
        return State.UNAVAILABLE
    return State.RESULTS if response.hits else State.NOTHING


def progress_of(collections: Sequence[Collection]) -> Progress | None:
    """Return the progress of collections that have documents waiting, added up, else None."""
    serving = [collection.serving_index for collection in collections if collection.serving_index]
    # Counting reads every entry; whether one is pending, an index knows.
    pending = prepared(
        lambda: (
            IndexEntry.objects.filter(index__in=Many("indexes"), state=EntryState.PENDING)
            .order_by()
            .values_list("pk")[:1]
        )
    )
    if not pending.rows(indexes=[index.pk for index in serving]):
        return None
    counts = [ledger.progress(index) for index in serving]
    return Progress(
        **{name: sum(count[name] for count in counts) for name in ("total", "indexed", "failed", "pending")}
    )


def _facts(collections: Sequence[Collection], parameters: Parameters) -> Facts:
    indexes = [collection.serving_index for collection in collections if collection.serving_index]
    documents = Document.objects.alive().filter(collection__in=collections)
    short = _titles_from_all_over(documents)
    return Facts(
        documents=documents.count(),
        passages=Chunk.objects.filter(index__in=indexes, state=ChunkState.LIVE).count(),
        models=list(dict.fromkeys(index.profile.name for index in indexes)),
        examples=[(title, parameters.asking(title).query_string) for title in short],
    )


def _titles_from_all_over(documents: QuerySet[Document]) -> list[str]:
    """Return short titles of documents that were not stored one after the other, as those are often about the same."""
    ends = documents.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return []
    titled = documents.exclude(title="").order_by("pk").values_list("title", flat=True)
    step = (ends["last"] - ends["first"]) // _EXAMPLES + 1
    found: list[str] = []
    for start in range(ends["first"], ends["last"] + 1, step):
        near = titled.filter(pk__gte=start, pk__lt=start + step)[:_LOOKED_AT]
        found += [title for title in near if 8 <= len(title) <= 60 and title not in found][:1]
    return found[:_EXAMPLES]
