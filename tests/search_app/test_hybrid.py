"""Hybrid answers: by meaning and by words, in one order, with everything that holds for either leg."""

from collections.abc import Callable

import pytest

from collections_app import services
from collections_app.models import Chunk, Collection
from search_app import hybrid, order
from search_app.leg import Measure
from search_app.search import Mode
from tests.conftest import Drain
from tests.search_app.conftest import ask, keys, where

FUSED_MODES = [Mode.HYBRID, Mode.RRF]


@pytest.mark.parametrize("mode", FUSED_MODES)
def test_what_only_one_leg_names_is_found(
    library: Collection, ask_the_store: Callable[..., None], monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    """Each leg names two documents, and the answer has all of them."""
    ask_the_store(least=2, most=64)
    monkeypatch.setattr(hybrid, "POOL", 2)
    question = "second 41 topic 3"
    near = keys(ask(library, question, mode=Mode.SEMANTIC, limit=2))
    named = keys(ask(library, question, mode=Mode.LEXICAL, limit=2))
    found = keys(ask(library, question, mode=mode, limit=1))
    assert found[0] in {*near, *named}
    monkeypatch.setattr(hybrid, "POOL", 60)
    assert {*near, *named} <= set(keys(ask(library, question, mode=mode, limit=60)))


@pytest.mark.parametrize("mode", FUSED_MODES)
def test_pages_follow_each_other(library: Collection, mode: Mode) -> None:
    whole = keys(ask(library, "number of a book", limit=60, mode=mode))
    pages = [keys(ask(library, "number of a book", limit=20, offset=start, mode=mode)) for start in (0, 20, 40)]
    assert [key for page in pages for key in page] == whole
    assert len(set(whole)) == 60


def test_a_document_is_shown_by_the_passage_of_the_leg_that_ranks_it_higher(films: Collection) -> None:
    hit = ask(films, "astronaut collision").hits[0]
    assert hit.chunk == Chunk.objects.get(document__key="gravity")
    assert (hit.score, hit.measure) == (pytest.approx(1.0), Measure.FUSED)


@pytest.mark.parametrize("mode", Mode)
def test_filters_hold_in_every_mode(library: Collection, mode: Mode) -> None:
    response = ask(library, "Book number 4 speaks of topic 4", filter=where(library, colour="red"), limit=30, mode=mode)
    assert response.hits
    assert {hit.chunk.document.metadata["colour"] for hit in response.hits} == {"red"}


@pytest.mark.parametrize("mode", Mode)
def test_a_document_that_is_deleted_while_it_is_ranked_is_not_shown(
    library: Collection, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    victim = library.documents.get(key="book 41")
    read = order._live_chunks
    deleted: list[bool] = []

    def delete_first(*arguments: object) -> dict[int, Chunk]:
        if not deleted:
            deleted.append(True)
            services.delete_documents(library.documents.filter(pk=victim.pk))
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(order, "_live_chunks", delete_first)
    question = "Book number 41 speaks of topic 6."
    found = keys(ask(library, question, limit=5, mode=mode))
    assert (len(found), "book 41" in found) == (5, False)


@pytest.mark.parametrize("mode", FUSED_MODES)
def test_a_document_that_is_saved_while_it_is_ranked_answers_with_its_new_text(
    library: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    read = order._live_chunks
    saved: list[bool] = []

    def save_first(*arguments: object) -> dict[int, Chunk]:
        if not saved:
            saved.append(True)
            text = "Book number 41 speaks of topic 6.\n\nA wholly new end."
            list(services.save_documents(library, [services.DocumentInput(key="book 41", text=text)]))
            drain(library)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(order, "_live_chunks", save_first)
    response = ask(library, "Book number 41 speaks of topic 6.", limit=3, mode=mode)
    assert keys(response)[0] == "book 41"
    assert response.hits[0].chunk.revision == 2


def test_a_question_without_a_word_is_answered_by_meaning(films: Collection) -> None:
    assert keys(ask(films, "?!")) == keys(ask(films, "?!", mode=Mode.SEMANTIC))
