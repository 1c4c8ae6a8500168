"""What every test of the site may use: a collection, and a way to let the workers' work happen here and now."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation
from pytest_django.live_server_helper import LiveServer

from collections_app import services, sweeping, sync
from collections_app.models import Chunk, ChunkState, Collection, Document, VectorIndex

Drain = Callable[[Collection], None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs PostgreSQL where the tests run on SQLite; `make test` runs them on both."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        return
    needing = [item for item in items if item.get_closest_marker("postgres")]
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in needing]


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """Leave the language behind that the test's last request was answered in: threads keep it."""
    yield
    translation.deactivate()


@pytest.fixture
def collection(db: None) -> Collection:
    return services.create_collection("Notes")


@pytest.fixture
def drain() -> Drain:
    """Return a function that works until nothing is pending, as the workers and the sweeper would."""

    def until_empty(collection: Collection) -> None:
        index = serving_index(collection)
        sweeping.fill(index.pk)
        while sync.drain(index.pk).more:
            pass
        sweeping.fill(index.pk)
        sweeping.let_go()

    return until_empty


@pytest.fixture
def open_page(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Return a function that opens an address of this site in a browser; see `tests.browsing`."""
    from tests.browsing import windows

    # Playwright runs an event loop in this thread, in which Django would refuse to use the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with windows(live_server.url) as opened:
        yield opened


def serving_index(collection: Collection) -> VectorIndex:
    assert collection.serving_index_id is not None
    return VectorIndex.objects.select_related("profile", "collection").get(pk=collection.serving_index_id)


def save(collection: Collection, key: str, text: str, **more: object) -> Document:
    saved = services.save_document(collection, services.DocumentInput(key=key, text=text, **more))  # type: ignore[arg-type]
    assert saved.document is not None
    return saved.document


def live_texts(collection: Collection) -> list[str]:
    chunks = Chunk.objects.filter(index=collection.serving_index, state=ChunkState.LIVE)
    return list(chunks.order_by("document", "position").values_list("text", flat=True))
