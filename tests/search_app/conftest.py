"""Collections to search, and short ways to ask."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collections_app import services
from collections_app.models import Collection, MetadataField
from collections_app.recent import Recent
from search_app import planner, query_vectors, resident
from search_app.filters import EVERYTHING, Expression, parse_parameters
from search_app.resident_view import View
from search_app.search import SearchRequest, SearchResponse, search
from tests.conftest import Drain, serving_index

FILMS: list[dict[str, object]] = [
    {"key": "alien", "text": "A crew meets a creature in space", "year": 1979, "genres": ["horror", "space"]},
    {"key": "heat", "text": "A thief and a detective meet in Los Angeles", "year": 1995, "genres": ["crime"]},
    {"key": "gravity", "text": "An astronaut drifts in space after a collision", "year": 2013, "genres": ["space"]},
    {"key": "ran", "text": "A lord divides his land among three sons", "year": 1985, "colour": True},
    {"key": "stalker", "text": "A guide leads two men into the zone", "genres": ["zone"], "colour": False},
]


@pytest.fixture(autouse=True)
def _no_remembered_questions() -> None:
    query_vectors._recent = Recent(query_vectors._CAPACITY)
    query_vectors._sentences = Recent(query_vectors._CAPACITY)


@pytest.fixture
def films(db: None, drain: Drain) -> Collection:
    """Five indexed films with year, genres and colour, each missing from some."""
    collection = services.create_collection("Films", description="Some films.")
    declare(collection, year="integer", genres="text*", colour="boolean")
    rows = [
        services.DocumentInput(
            key=str(film["key"]),
            title=str(film["key"]).title(),
            text=str(film["text"]),
            metadata={name: value for name, value in film.items() if name not in {"key", "text"}},
        )
        for film in FILMS
    ]
    assert all(saved.error is None for saved in services.save_documents(collection, rows))
    drain(collection)
    return collection


@pytest.fixture
def library(db: None, drain: Drain) -> Collection:
    """Sixty indexed documents of several passages each; every third is red."""
    collection = services.create_collection("Library", chunk_size=8)
    declare(collection, colour="text")
    rows = [
        services.DocumentInput(
            key=f"book {number}",
            text=f"Book number {number} speaks of topic {number % 7}.\n\nIt also has a second passage, {number}.",
            metadata={"colour": "red" if number % 3 == 0 else "blue"},
        )
        for number in range(60)
    ]
    assert all(saved.error is None for saved in services.save_documents(collection, rows))
    drain(collection)
    return collection


def declare(collection: Collection, **types: str) -> list[MetadataField]:
    """Declare fields by name and type; a star behind the type makes it a list."""
    return [
        MetadataField.objects.create(
            collection=collection,
            name=name,
            source_name=name,
            type=type_.rstrip("*"),
            is_list=type_.endswith("*"),
            position=position,
        )
        for position, (name, type_) in enumerate(types.items())
    ]


def ask(
    collection: Collection,
    query: str,
    *,
    also: Sequence[Collection] = (),
    filter: Expression = EVERYTHING,
    **more: object,
) -> SearchResponse:
    asked = SearchRequest(query=query, collections=(collection, *also), filter=filter, **more)  # type: ignore[arg-type]
    return search(asked)


def where(collection: Collection, **conditions: str) -> Expression:
    fields = [field.spec for field in collection.fields.all()]
    return parse_parameters(conditions.items(), fields, tz=ZoneInfo("UTC"))


def keys(response: SearchResponse) -> list[str]:
    return [hit.document.key for hit in response.hits]


@pytest.fixture
def ask_the_store(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function after which even small collections are searched by way of the store, in small steps."""

    def lower(*, exact: int = 0, least: int = 2, most: int = 64) -> None:
        monkeypatch.setattr(planner, "EXACT_CHUNKS", exact)
        monkeypatch.setattr(planner, "PASSAGES_PER_DOCUMENT", 1)
        monkeypatch.setattr(planner, "LEAST_FETCHED", least)
        monkeypatch.setattr(planner, "MOST_FETCHED", most)

    return lower


@pytest.fixture(params=["two bytes a number", "one byte a number"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory knows exact similarities where there is room, else SQL's vectors give them."""
    if request.param == "one byte a number":
        monkeypatch.setattr(resident._registry, "room_beside", lambda key: 0)


def view(collection: Collection) -> View | None:
    """Return the collection as a search that begins now sees it in memory, None if it is not there."""
    return resident.view_of(serving_index(collection))


Remember = Callable[[Collection], None]


@pytest.fixture
def remember(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Remember]:
    """Return a function after which a collection is searched in this process's memory, however small it is.

    It is not read by a thread, neither before nor when it has to be read anew.
    """
    settings.VECTOR_MEMORY_MB = 256
    monkeypatch.setattr(planner, "LEAST_IN_MEMORY", 0)
    monkeypatch.setattr(resident, "_build_elsewhere", lambda index: None)

    def read_now(collection: Collection) -> None:
        assert resident.build(serving_index(collection))

    yield read_now
    resident.forget_all()
