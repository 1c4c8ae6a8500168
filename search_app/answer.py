"""What the search page answers: one state with what belongs to it, for the template to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

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
from search_app.chips import Chip, set_filters
from search_app.filters import all_of, parse_parameters
from search_app.parameters import Parameters
from search_app.question import parse_question
from search_app.results import Result, results_of
from search_app.search import MOST_RESULTS, PAGE_SIZE, Mode, SearchRequest, SearchResponse, clean_query, search

_EXAMPLES = 4


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
    """What a collection holds, and questions to try."""

    documents: int
    passages: int
    model: str
    examples: Sequence[tuple[str, str]]


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
    response: SearchResponse | None = None
    results: Sequence[Result] = ()
    set_filters: Sequence[Chip] = ()
    unfiltered_url: str = ""
    progress: Progress | None = None
    facts: Facts | None = None
    first_rank: int = 1
    previous_url: str = ""
    next_url: str = ""


def answer(collection: Collection, parameters: Parameters, user: User | AnonymousUser) -> Answer:
    """Return the answer to the search that an address stands for."""
    fields = list(MetadataField.objects.filter(collection=collection, filterable=True))
    progress = progress_of(collection)
    specs, tz = [declared.spec for declared in fields], ZoneInfo(collection.time_zone)
    try:
        expression = parse_parameters(parameters.filters, specs, tz=tz)
    except InvalidFilter as error:
        return Answer(
            state=State.INVALID,
            status=400,
            problem=str(error),
            wrong_field=error.field,
            unfiltered_url=_url(parameters.without_filters()),
            progress=progress,
        )
    try:
        question = parse_question(clean_query(parameters.query), specs, tz=tz)
    except InvalidFilter as error:
        return Answer(state=State.INVALID, status=400, problem=str(error), progress=progress)
    chips = set_filters(parameters, fields, question.filters)
    if not question.text:
        facts = _facts(collection, parameters)
        return Answer(state=State.WELCOME, facts=facts, set_filters=chips, progress=progress)
    offset = (parameters.page - 1) * PAGE_SIZE
    try:
        response = search(
            SearchRequest(
                query=question.text,
                collection=collection,
                filter=all_of(expression, question.expression),
                mode=_mode(parameters.mode),
                offset=offset,
                user=user,
            )
        )
    except InvalidSearchRequest as error:
        unfiltered_url = _url(parameters.without_filters().asking(question.text))
        return Answer(
            state=State.INVALID, status=400, problem=str(error), unfiltered_url=unfiltered_url, progress=progress
        )
    return Answer(
        state=_state(response),
        response=response,
        results=results_of(response.hits, parameters, fields, question=question.text),
        set_filters=chips,
        unfiltered_url=_url(parameters.without_filters().asking(question.text)),
        progress=progress,
        first_rank=offset + 1,
        previous_url=parameters.on_page(parameters.page - 1).query_string if parameters.page > 1 else "",
        next_url=_next_url(parameters, response, offset),
    )


def _url(parameters: Parameters) -> str:
    return parameters.query_string or reverse("search:search")


def _mode(given: str) -> Mode:
    """Return the mode of an address; one that does not exist is the usual one."""
    return Mode(given) if given in set(Mode) else Mode.HYBRID


def _next_url(parameters: Parameters, response: SearchResponse, offset: int) -> str:
    if not response.has_more or offset + 2 * PAGE_SIZE > MOST_RESULTS:
        return ""
    return parameters.on_page(parameters.page + 1).query_string


def _state(response: SearchResponse) -> State:
    if not response.answered:
        return State.UNAVAILABLE
    return State.RESULTS if response.hits else State.NOTHING


def progress_of(collection: Collection) -> Progress | None:
    """Return the progress of a collection that has documents waiting, else None."""
    index = collection.serving_index
    # Counting reads every entry; whether one is pending, an index knows.
    if index is None or not IndexEntry.objects.filter(index=index, state=EntryState.PENDING).exists():
        return None
    counts = ledger.progress(index)
    return Progress(
        total=counts["total"], indexed=counts["indexed"], failed=counts["failed"], pending=counts["pending"]
    )


def _facts(collection: Collection, parameters: Parameters) -> Facts:
    index = collection.serving_index
    documents = Document.objects.alive().filter(collection=collection)
    titles = documents.exclude(title="").order_by("-pk").values_list("title", flat=True)[:50]
    short = list(dict.fromkeys(title for title in titles if 8 <= len(title) <= 60))[:_EXAMPLES]
    return Facts(
        documents=documents.count(),
        passages=Chunk.objects.filter(index=index, state=ChunkState.LIVE).count() if index else 0,
        model=index.profile.name if index else "",
        examples=[(title, parameters.asking(title).query_string) for title in short],
    )
