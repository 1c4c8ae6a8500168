"""An index in this process's memory: what it answers, and that it is never behind what SQL has."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collections_app import changes, redeclaration, services
from collections_app.lexical import Scores
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    Embedding,
    IndexChange,
)
from search_app import resident
from search_app.filters import Expression, Not, Phrase, all_of
from search_app.lexical import LexicalLeg
from search_app.planner import Strategy
from search_app.resident import Standing
from search_app.scope import Scope
from search_app.search import Mode, SearchResponse
from tests.conftest import Drain, save, serving_index
from tests.search_app.conftest import Remember, ask, declare, keys, view, where

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("room")]


def nearest(collection: Collection, query: str, **more: Any) -> SearchResponse:
    response = ask(collection, query, mode=Mode.SEMANTIC, **more)
    assert response.plan
    assert response.plan.strategy is Strategy.MEMORY
    return response


def exactly(collection: Collection, query: str, **more: Any) -> SearchResponse:
    resident.forget_all()
    response = ask(collection, query, mode=Mode.SEMANTIC, **more)
    assert response.plan
    assert response.plan.strategy is Strategy.EXACT
    return response


FILTERS: list[Callable[[Collection], Expression]] = [
    where,
    lambda films: where(films, year="1995"),
    lambda films: where(films, year__gte="1985"),
    lambda films: where(films, year__ne="1995"),
    lambda films: where(films, genres__in="space,crime"),
    lambda films: where(films, genres__nin="space,crime"),
    lambda films: where(films, genres__contains="space", year__lt="2000"),
    lambda films: where(films, year__exists="true"),
    lambda films: where(films, year__exists="false"),
    lambda films: where(films, colour="true"),
    lambda films: where(films, genres__all="space,horror"),
    lambda films: where(films, genres__any="space,crime"),
    lambda films: Not(where(films, genres__all="space,horror")),
    lambda films: Not(where(films, genres="space")),
    lambda films: Not(Not(where(films, year__between="1980,2000"))),
    lambda films: where(films, year__gte="3000"),
    lambda films: where(films, genres__all="space,crime"),
    lambda films: where(films, genres__any="space,crime"),
    lambda films: Phrase(("a",)),
    lambda films: Not(Phrase(("a",))),
    lambda films: all_of(where(films, genres="space"), Phrase(("a",))),
]


@pytest.mark.parametrize("expression", FILTERS)
def test_memory_gives_the_same_answer_as_sql_under_every_kind_of_filter(
    films: Collection, remember: Remember, expression: Callable[[Collection], Expression]
) -> None:
    remember(films)
    first, again = (nearest(films, "a creature in space", filter=expression(films)) for _ in range(2))
    exact = exactly(films, "a creature in space", filter=expression(films))
    assert keys(first) == keys(again) == keys(exact)
    assert [hit.score for hit in first.hits] == pytest.approx([hit.score for hit in exact.hits], abs=1e-6)
    assert first.has_more == exact.has_more


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_gives_the_same_pages(library: Collection, remember: Remember, mode: Mode) -> None:
    whole = keys(ask(library, "number of a book", limit=60, mode=mode))
    remember(library)
    pages = [ask(library, "number of a book", limit=7, offset=offset, mode=mode) for offset in range(0, 60, 7)]
    assert [key for page in pages for key in keys(page)] == whole
    assert [page.has_more for page in pages] == [True] * 8 + [False]


def test_the_plan_says_what_it_cost_and_what_was_considered(library: Collection, remember: Remember) -> None:
    remember(library)
    response = nearest(library, "topic 4", filter=where(library, colour="red"), limit=20)
    assert response.plan
    told = response.plan.as_json()
    assert told["kept"] == {"documents": 20, "of_documents": 60, "chunks": told["kept"]["chunks"]}
    assert set(told["considered"]) == {"memory", "overfetch"}
    assert (told["strategy"], told["rounds"]) == ("memory", 1)
    assert told["milliseconds"] > 0
    assert response.total_estimate == 20


# --- what changes -----------------------------------------------------------------------------------------------------


def test_what_was_saved_since_is_found_and_what_was_deleted_is_not(
    library: Collection, remember: Remember, drain: Drain
) -> None:
    remember(library)
    Document.objects.filter(key="book 1").delete()
    save(library, "book 2", "Something else entirely.")
    save(library, "book 60", "Book number 60 speaks of topic 4")
    found = keys(nearest(library, "book number 60 speaks of topic 4", limit=60))
    assert len(found) == 58
    drain(library)
    found = keys(nearest(library, "book number 60 speaks of topic 4", limit=61))
    assert found[0] == "book 60"
    assert (len(found), "book 1" in found, "book 2" in found) == (60, False, True)


def test_a_filter_that_was_asked_before_follows_every_change_of_metadata(
    library: Collection, remember: Remember, drain: Drain
) -> None:
    remember(library)
    red = where(library, colour="red")
    before = set(keys(nearest(library, "book", filter=red, limit=60)))
    assert (len(before), "book 0" in before, "book 1" in before) == (20, True, False)
    texts = {key: f"Book number {key[5:]} speaks of topic {int(key[5:]) % 7}." for key in ("book 0", "book 1")}
    save(library, "book 1", texts["book 1"], metadata={"colour": "red"})
    save(library, "book 0", texts["book 0"], metadata={"colour": "blue"})
    save(library, "book 90", "Another book.", metadata={"colour": "red"})
    for settled in (False, True):
        found = set(keys(nearest(library, "book", filter=red, limit=60)))
        assert found == before - {"book 0"} | {"book 1"} | ({"book 90"} if settled else set())
        drain(library)
    inverse = set(keys(nearest(library, "book", filter=Not(red), limit=60)))
    assert found & inverse == set()
    assert len(found | inverse) == 61


def test_a_phrase_that_was_asked_before_follows_every_change_of_text(
    library: Collection, remember: Remember, drain: Drain
) -> None:
    remember(library)
    phrase = Phrase(("blue", "heron"))
    for text, is_kept in (
        ("A blue\n heron waits.", True),
        ("A grey heron waits.", False),
        ("The Blue Heron waits. It is patient.", True),
    ):
        save(library, "bird", text)
        drain(library)
        assert keys(nearest(library, "a bird waits", filter=phrase)) == (["bird"] if is_kept else [])
        assert ("bird" in keys(nearest(library, "a bird waits", filter=Not(phrase)))) is not is_kept


def test_a_field_that_is_declared_otherwise_or_forgotten_filters_as_it_does_now(
    library: Collection, remember: Remember
) -> None:
    (shelf,) = declare(library, shelf="text")
    save(library, "book 3", "Book number 3 speaks of topic 3.", metadata={"colour": "red", "shelf": "07"})
    remember(library)
    assert keys(nearest(library, "book", filter=where(library, shelf="07"))) == ["book 3"]
    shelf.type = "integer"
    shelf.save()
    redeclaration.derive_again([shelf])
    assert keys(nearest(library, "book", filter=where(library, shelf="7"))) == ["book 3"]
    has_none = where(library, shelf__exists="false")
    assert len(keys(nearest(library, "book", filter=has_none, limit=60))) == 59
    redeclaration.forget([shelf])
    (shelf,) = declare(library, shelf="integer")
    has_none = where(library, shelf__exists="false")
    assert len(keys(nearest(library, "book", filter=has_none, limit=60))) == 60


def test_what_retires_between_comparing_and_checking_is_replaced_by_what_its_document_has_now(
    library: Collection, remember: Remember, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(library)
    genuine = Scope.read

    def flip_then_check(scope: Scope, *args: Any, **values: Any) -> Any:
        monkeypatch.setattr(Scope, "read", genuine)
        save(library, "book 5", "Book number 5 speaks of topic 5, and more than before.")
        drain(library)
        Document.objects.filter(key="book 12").delete()
        return genuine(scope, *args, **values)

    monkeypatch.setattr(Scope, "read", flip_then_check)
    response = nearest(library, "Book number 5 speaks of topic 5", limit=60)
    assert "book 5" in keys(response)[:3]
    assert (len(response.hits), "book 12" in keys(response)) == (59, False)
    assert all(hit.chunk.state == ChunkState.LIVE for hit in response.hits)


def test_a_passage_that_flips_again_while_it_is_read_into_memory_does_not_hide_its_document(
    library: Collection, remember: Remember, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(library)
    save(library, "book 5", "Book number 5 is about something.")
    drain(library)
    genuine = resident.vectors_of

    def flip_then_read(*args: Any) -> Any:
        monkeypatch.setattr(resident, "vectors_of", genuine)
        save(library, "book 5", "Book number 5 is about nothing.")
        drain(library)
        return genuine(*args)

    monkeypatch.setattr(resident, "vectors_of", flip_then_read)
    assert keys(nearest(library, "Book number 5 is about nothing.", limit=1)) == ["book 5"]


def test_too_many_changes_at_once_are_read_anew_and_meanwhile_sql_answers(
    library: Collection, remember: Remember, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident, "MOST_READ", 3)
    remember(library)
    for number in range(4):
        save(library, f"new {number}", f"A new book {number}")
    drain(library)
    assert view(library) is None
    response = ask(library, "a new book", limit=64, mode=Mode.SEMANTIC)
    assert response.plan
    assert (response.plan.strategy, len(response.hits)) == (Strategy.EXACT, 64)


def test_what_sql_does_not_have_so_is_not_answered_from_memory(
    library: Collection, remember: Remember, drain: Drain
) -> None:
    """Somebody put another vector under a passage's id, as a database that was put back may have."""
    remember(library)
    text = "Book number 5 speaks of topic 5."
    chunk = Chunk.objects.get(index=library.serving_index, state=ChunkState.LIVE, text=text)
    other = Chunk.objects.filter(index=library.serving_index, state=ChunkState.LIVE, document__key="book 50").first()
    assert other
    Embedding.objects.filter(chunks=chunk).update(vector=Embedding.objects.get(chunks=other).vector)
    response = ask(library, text, mode=Mode.SEMANTIC, limit=60)
    assert response.plan
    assert (response.plan.strategy, len(response.hits), view(library)) == (Strategy.EXACT, 60, None)


def test_a_passage_whose_vector_is_damaged_is_left_out_as_sql_leaves_it_out(
    library: Collection, remember: Remember
) -> None:
    text = "Book number 5 speaks of topic 5."
    chunk = Chunk.objects.get(index=library.serving_index, state=ChunkState.LIVE, text=text)
    width = serving_index(library).profile.dimensions
    nothing = np.full(width, np.nan, dtype="<f4").tobytes()
    Embedding.objects.filter(chunks=chunk).update(vector=nothing)
    remember(library)
    assert chunk.pk not in {hit.chunk.pk for hit in nearest(library, text, limit=60).hits}


# --- coming and going -------------------------------------------------------------------------------------------------


def test_it_is_built_by_a_thread_when_it_is_asked_for_a_second_time(
    library: Collection, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.VECTOR_MEMORY_MB = 256
    built: list[int] = []

    def note(index: Any) -> bool:
        built.append(index.pk)
        return True

    class AtOnce:
        def __init__(self, *, target: Callable[[], None], **_more: object) -> None:
            self.start = target

    monkeypatch.setattr(resident, "build", note)
    monkeypatch.setattr(resident.threading, "Thread", AtOnce)
    monkeypatch.setattr(resident.connections, "close_all", lambda: None)
    assert view(library) is None
    assert built == []
    assert view(library) is None
    assert built == [serving_index(library).pk]


@pytest.mark.parametrize("colour", [None, "red", "nothing"])
@pytest.mark.parametrize("question", ["Book number 4 speaks of topic 4", "second passage", "words that nobody has"])
def test_meaning_and_words_asked_for_together_give_what_both_give_from_sql(
    library: Collection, remember: Remember, question: str, colour: str | None
) -> None:
    kept = where(library, colour=colour) if colour else where(library)
    from_sql = ask(library, question, limit=60, filter=kept)
    remember(library)
    from_memory = ask(library, question, limit=60, filter=kept)
    assert from_sql.plan
    assert from_memory.plan
    assert (from_sql.plan.strategy, from_memory.plan.strategy) == (Strategy.EXACT, Strategy.MEMORY)
    assert len(from_memory.hits) == {None: 60, "red": 20, "nothing": 0}[colour]
    assert keys(from_memory) == keys(from_sql)
    for ours, other in zip(from_memory.hits, from_sql.hits, strict=True):
        assert ours.score == pytest.approx(other.score, abs=1e-5)


def test_what_changed_is_asked_for_once_in_a_search(library: Collection, remember: Remember, drain: Drain) -> None:
    remember(library)

    def noted_changes(question: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert keys(ask(library, question, limit=1)) == ["book 4"]
        return sum("collections_app_indexchange" in query["sql"] for query in asked.captured_queries)

    noted_changes("Book number 4")
    assert noted_changes("number 4 of the books") == 1
    save(library, "book 4", "Book number 4 speaks of nothing but zebras.")
    drain(library)
    assert noted_changes("zebras") > 1
    assert noted_changes("only zebras") == 1


def test_a_document_that_is_saved_after_both_have_named_answers_with_its_new_text(
    library: Collection, drain: Drain, remember: Remember, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(library)
    genuine = LexicalLeg.score
    saved: list[bool] = []

    def save_then(leg: LexicalLeg) -> Scores:
        scores = genuine(leg)
        if not saved:
            saved.append(True)
            save(library, "book 41", "Book number 41 speaks of topic 6, anew.")
            drain(library)
        return scores

    monkeypatch.setattr(LexicalLeg, "score", save_then)
    response = ask(library, "Book number 41 speaks of topic 6.", limit=3)
    assert response.plan
    assert response.plan.strategy is Strategy.MEMORY
    assert {hit.document.key: hit.chunk.text for hit in response.hits}["book 41"].startswith("Book number 41 speaks")
    assert saved
    assert Chunk.objects.get(pk=response.hits[keys(response).index("book 41")].chunk.pk).state == ChunkState.LIVE
    assert "anew" in Document.objects.get(key="book 41").text


def test_it_keeps_to_its_limit_and_says_what_it_takes(
    library: Collection, films: Collection, remember: Remember, settings: Any
) -> None:
    remember(films)
    remember(library)
    assert view(films)
    ask(films, "space", filter=where(films, year__gte="1985"))
    told = {residence.index_id: residence for residence in resident.residences()}
    assert set(told) == {films.serving_index_id, library.serving_index_id}
    assert (told[films.serving_index_id].passages, told[films.serving_index_id].filters) == (5, 1)  # type: ignore[index]
    settings.VECTOR_MEMORY_MB = 1.5 * told[films.serving_index_id].nbytes / 2**20  # type: ignore[index]
    remember(films)
    assert [residence.index_id for residence in resident.residences()] == [films.serving_index_id]
    settings.VECTOR_MEMORY_MB = 0.001
    assert not resident.build(serving_index(library))
    assert resident.standing_of(serving_index(library)) is Standing.TOO_LARGE
    assert resident.standing_of(serving_index(films)) is Standing.THERE
    settings.VECTOR_MEMORY_MB = 0
    assert view(films) is None
    assert resident.standing_of(serving_index(films)) is Standing.OFF


def test_a_new_generation_and_a_database_that_was_put_back_are_read_anew(
    library: Collection, remember: Remember
) -> None:
    index = serving_index(library)
    remember(library)
    assert view(library)
    last = IndexChange.objects.filter(index=index).latest("pk")
    # The row of this id is another one, as after other writes to an older copy.
    IndexChange.objects.filter(pk=last.pk).update(nonce=last.nonce ^ 1)
    assert view(library) is None
    remember(library)
    assert view(library)
    IndexChange.objects.filter(index=index).delete()
    assert view(library) is None


def test_without_any_note_of_a_change_the_first_one_has_it_read_anew(library: Collection, remember: Remember) -> None:
    IndexChange.objects.all().delete()
    remember(library)
    assert view(library)
    save(library, "book 5", "Something else.")
    assert view(library) is None


def test_notes_are_pruned_only_when_every_reader_has_had_time_to_see_them(
    library: Collection, remember: Remember
) -> None:
    remember(library)
    rows = IndexChange.objects.filter(index=library.serving_index)
    assert changes.prune() == 0
    assert not rows.filter(seen_at=None).exists()
    save(library, "book 5", "Something else.")
    assert changes.prune() == 0
    last = rows.latest("pk")
    rows.update(seen_at="2000-01-01T00:00:00Z")
    assert changes.prune() > 0
    assert list(rows) == [last]
    assert view(library) is None


def test_a_position_is_not_trusted_for_longer_than_notes_are_kept(
    library: Collection, remember: Remember, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(library)
    assert view(library)
    monkeypatch.setattr(changes, "OLDEST_POSITION", -changes.OLDEST_POSITION)
    assert view(library) is None


def test_nothing_is_noted_where_nothing_changes(library: Collection) -> None:
    rows = IndexChange.objects.count()
    services.resync(Document.objects.filter(key="none"))
    save(library, "book 5", Document.objects.get(key="book 5").text, metadata={"colour": "blue"})
    assert IndexChange.objects.count() == rows
