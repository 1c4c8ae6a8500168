"""Races between a search in memory and writers, each made deterministic by two connections on PostgreSQL.

There, what one transaction wrote may become visible after what a later one wrote: a row that notes a change has a lower
id than one that was seen before it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from collections_app import changes
from collections_app.models import Chunk, ChunkState, Collection, Document
from search_app import resident
from search_app.filters import EVERYTHING, Expression
from search_app.search import Mode
from search_app.vector_memory import Ids
from tests.collections_app.test_races import PATIENCE, Elsewhere, StoppedBatch
from tests.conftest import Drain, save, serving_index
from tests.search_app.conftest import Remember, ask, keys, where

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@contextmanager
def uncommitted(act: Callable[[], object]) -> Iterator[None]:
    """Do something in a transaction of another connection that commits at the end of the context."""
    done, commit = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            act()
            done.set()
            assert commit.wait(PATIENCE)

    thread = Elsewhere(run)
    assert done.wait(PATIENCE), thread.error
    try:
        yield
    finally:
        commit.set()
        thread.ended()
    assert thread.error is None


def elsewhere(act: Callable[[], object]) -> None:
    thread = Elsewhere(act)
    thread.ended()
    assert thread.error is None


def in_memory(collection: Collection, expression: Expression = EVERYTHING) -> set[str]:
    """Return the keys of the documents that memory has now, without SQL's second look."""
    view = resident.view_of(serving_index(collection))
    assert view, "it is not in memory"
    rows = view.memory.alive if expression == EVERYTHING else view.memory.alive & view.kept(expression)
    documents: Ids = view.memory.document_ids[: view.memory.size][rows]
    return set(Document.objects.filter(pk__in=documents.tolist()).values_list("key", flat=True))


def live(collection: Collection) -> set[str]:
    chunks = Chunk.objects.filter(index=collection.serving_index, state=ChunkState.LIVE)
    return set(chunks.values_list("document__key", flat=True))


@pytest.fixture
def books(library: Collection, remember: Remember) -> Collection:
    assert connection.vendor == "postgresql"
    remember(library)
    return library


def test_a_flip_that_commits_after_a_later_one_was_seen_is_not_missed(books: Collection, drain: Drain) -> None:
    save(books, "first", "A book that goes live first")
    worker = StoppedBatch(serving_index(books), before="flip")
    chunks = Chunk.objects.filter(document__key="first", state=ChunkState.STAGED)

    def flip() -> None:
        """Write what the worker's flip writes, and be slow to commit."""
        ids = list(chunks.values_list("pk", flat=True))
        chunks.update(state=ChunkState.LIVE)
        changes.note(serving_index(books).pk, live=ids)

    with uncommitted(flip):
        save(books, "second", "A book that goes live second")
        elsewhere(lambda: drain(books))
        assert in_memory(books) == live(books) >= {"second"}
        assert "first" not in in_memory(books)
    assert "first" in live(books)
    assert in_memory(books) == live(books)
    worker.finish()


def test_a_deletion_that_commits_after_a_later_change_was_seen_is_not_missed(books: Collection, drain: Drain) -> None:
    with uncommitted(lambda: Document.objects.filter(key="book 1").delete()):
        save(books, "later", "A later book")
        elsewhere(lambda: drain(books))
        assert in_memory(books) >= {"book 1", "later"}
    assert "book 1" not in in_memory(books)
    assert in_memory(books) == live(books)


def test_metadata_that_is_committed_after_a_later_change_was_seen_decides_at_once(
    books: Collection, drain: Drain
) -> None:
    red = where(books, colour="red")
    assert "book 1" not in in_memory(books, red)
    text = Document.objects.get(key="book 1").text
    with uncommitted(lambda: save(books, "book 1", text, metadata={"colour": "red"})):
        save(books, "book 3", Document.objects.get(key="book 3").text, metadata={"colour": "blue"})
        assert in_memory(books, red) == {f"book {number}" for number in range(0, 60, 3)} - {"book 3"}
    assert in_memory(books, red) == {f"book {number}" for number in range(0, 60, 3)} - {"book 3"} | {"book 1"}
    assert in_memory(books, where(books, colour="blue")) == live(books) - in_memory(books, red)


@pytest.mark.parametrize("expression", [EVERYTHING, "red"])
def test_what_commits_while_it_is_read_into_memory_is_there_at_the_next_question(
    library: Collection,
    remember: Remember,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    expression: Expression | str,
) -> None:
    """Behind the cursor, before it, in a transaction begun before, and in one begun after."""
    monkeypatch.setattr(resident, "_PAGE", 30)
    genuine, pages = resident.live_vectors, 0
    filter_ = where(library, colour="red") if expression == "red" else EVERYTHING

    def write_between(*args: Any, **more: Any) -> Any:
        nonlocal pages
        pages += 1
        page = genuine(*args, **more)
        if pages == 2:
            for key in ("book 0", "book 57", "new"):
                save(library, key, f"Another text of {key}", metadata={"colour": "red"})
            elsewhere(lambda: drain(library))
            Document.objects.filter(key__in=["book 3", "book 54"]).delete()
        return page

    monkeypatch.setattr(resident, "live_vectors", write_between)
    with uncommitted(lambda: Document.objects.filter(key="book 30").delete()):
        remember(library)
        assert pages > 3
        assert {"book 0", "book 30", "book 57", "new"} <= in_memory(library, filter_)
    reds = {f"book {number}" for number in range(0, 60, 3)} | {"new"}
    every = live(library)
    assert in_memory(library, filter_) == (every & reds if expression == "red" else every)
    assert every.isdisjoint({"book 3", "book 30", "book 54"})


def test_a_transaction_that_stays_open_makes_nothing_read_twice_and_hides_nothing(
    books: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    genuine = resident.vectors_of

    def note(index: Any, chunk_ids: list[int]) -> Any:
        read.extend(chunk_ids)
        return genuine(index, chunk_ids)

    monkeypatch.setattr(resident, "vectors_of", note)
    with uncommitted(lambda: Document.objects.filter(key="book 1").delete()):
        for number in range(3):
            save(books, f"new {number}", f"New book {number}")
            elsewhere(lambda: drain(books))
            assert f"new {number}" in in_memory(books)
    assert len(read) == len(set(read))
    # What others have open on the same server may hold the horizon back, and then what was there is read once more.
    new = Chunk.objects.filter(document__key__startswith="new ", state=ChunkState.LIVE)
    assert set(new.values_list("pk", flat=True)) <= set(read)


def test_who_asks_while_documents_are_edited_all_the_time_finds_each_of_them_every_time(
    books: Collection, drain: Drain
) -> None:
    edited = {"book 5", "book 6", "book 7"}
    others, over = live(books) - edited, threading.Event()

    def edit() -> None:
        number = 0
        while not over.is_set():
            for key in sorted(edited):
                number += 1
                save(books, key, f"Text number {number} of {key}, of which there will be more.")
            drain(books)

    writer = Elsewhere(edit)
    try:
        for _ in range(40):
            response = ask(books, "Text of which there will be more", limit=60, mode=Mode.SEMANTIC)
            assert set(keys(response)) >= others
            assert all(hit.chunk.state == ChunkState.LIVE for hit in response.hits)
    finally:
        over.set()
        writer.ended()
    assert writer.error is None
    drain(books)
    assert set(keys(ask(books, "Text", limit=60, mode=Mode.SEMANTIC))) == others | edited
