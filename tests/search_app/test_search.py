"""Running a search: what is found, in which order, and what a save in between does to it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from collections_app import projection
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import InvalidSearchRequest
from collections_app.lexical import Scores
from collections_app.lexical_reading import search_words
from collections_app.models import (
    AccessLevel,
    Chunk,
    ChunkState,
    Collection,
    CollectionGrant,
    Document,
    LexicalRow,
    User,
)
from collections_app.vectors import as_vector
from collections_app.vectorstores import Match, load_vector_store
from collections_app.vectorstores.memory import InMemoryVectorStore
from search_app import lexical, order
from search_app.asking import named_collections
from search_app.leg import Measure
from search_app.planner import Strategy
from search_app.search import MOST_RESULTS, Mode, SearchRequest, search
from tests.conftest import Drain, save, serving_index
from tests.search_app.conftest import ask, keys, where

pytestmark = pytest.mark.django_db


# --- finding ------------------------------------------------------------------------------------------------------


def test_the_nearest_document_comes_first_with_its_best_passage_and_its_cosine(films: Collection) -> None:
    chunk = Chunk.objects.select_related("embedding").get(document__key="gravity", index=films.serving_index)
    response = ask(films, "an astronaut drifts in space", mode=Mode.SEMANTIC)
    hit = response.hits[0]
    question = MeaninglessHashEmbedder(**_options(films)).embed_query("an astronaut drifts in space")
    assert hit.chunk == chunk
    assert chunk.embedding is not None
    assert hit.score == pytest.approx(float(as_vector(chunk.embedding.vector) @ question), abs=1e-6)
    assert [found.score for found in response.hits] == sorted((found.score for found in response.hits), reverse=True)
    assert (len(response.hits), response.has_more, response.degraded, response.answered) == (5, False, (), True)


def _options(collection: Collection) -> dict[str, Any]:
    return dict(serving_index(collection).profile.options)


def test_both_ways_of_finding_give_the_same_answer(library: Collection, ask_the_store: Callable[..., None]) -> None:
    exact = ask(library, "topic 3", limit=20)
    ask_the_store()
    by_store = ask(library, "topic 3", limit=20)
    assert (exact.plan and exact.plan.strategy, by_store.plan and by_store.plan.strategy) == (
        Strategy.EXACT,
        Strategy.OVERFETCH,
    )
    assert keys(by_store) == keys(exact)
    assert [hit.score for hit in by_store.hits] == pytest.approx([hit.score for hit in exact.hits], abs=1e-5)


@pytest.mark.parametrize("by_store", [False, True])
def test_as_many_documents_as_wanted_are_found_under_a_filter(
    library: Collection, ask_the_store: Callable[..., None], by_store: bool
) -> None:
    if by_store:
        ask_the_store(least=2, most=1000)
    response = ask(library, "topic 1", filter=where(library, colour="red"), limit=15)
    assert len(response.hits) == 15
    assert {hit.chunk.document.metadata["colour"] for hit in response.hits} == {"red"}
    assert (response.has_more, response.degraded) == (True, ())


def test_when_the_store_is_not_asked_for_enough_sql_completes_the_answer(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store(least=2, most=4)
    response = ask(library, "a passage of topic 1", limit=50, mode=Mode.SEMANTIC)
    assert (len(response.hits), response.degraded) == (50, ())
    assert response.candidates == Chunk.objects.filter(index=library.serving_index, state=ChunkState.LIVE).count()


def test_pages_follow_each_other_without_gaps_or_repetitions(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    whole = keys(ask(library, "number of a book", limit=60))
    assert len(set(whole)) == 60
    for by_store in (False, True):
        if by_store:
            ask_the_store(most=1000)
        pages = [ask(library, "number of a book", limit=7, offset=offset) for offset in range(0, 60, 7)]
        assert [key for page in pages for key in keys(page)] == whole
        assert [page.has_more for page in pages] == [True] * 8 + [False]


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (10, -1), (MOST_RESULTS + 1, 0), (1, MOST_RESULTS)])
def test_results_beyond_reason_are_refused(films: Collection, limit: int, offset: int) -> None:
    with pytest.raises(InvalidSearchRequest, match=str(MOST_RESULTS)):
        ask(films, "space", limit=limit, offset=offset)


def test_a_filter_that_keeps_nothing_gives_an_empty_answer(films: Collection) -> None:
    response = ask(films, "space", filter=where(films, year__gte="3000"))
    assert (response.hits, response.total_estimate, response.answered) == ([], 0, True)


def test_an_empty_collection_gives_an_empty_answer(collection: Collection) -> None:
    assert ask(collection, "anything").hits == []


def test_a_document_with_a_title_alone_is_found(collection: Collection, drain: Drain) -> None:
    save(collection, "k", "", title="Only a title")
    drain(collection)
    assert [hit.chunk.text for hit in ask(collection, "title").hits] == [""]


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "\x00", "\ud800", "\x00 \udfff"])
def test_a_question_of_nothing_lists_the_documents_newest_first(films: Collection, query: str) -> None:
    response = ask(films, query)
    assert keys(response) == ["stalker", "ran", "gravity", "heat", "alien"]
    assert ({hit.measure for hit in response.hits}, response.total_estimate, response.plan) == ({Measure.NONE}, 5, None)


@pytest.mark.parametrize(
    "query",
    [
        "'; DROP TABLE document; --",
        "%",
        "\\",
        "a\x00b",
        "\ud83d",
        "𝕳𝖊𝖑𝖑𝖔",
        "ﷺ" * 300,
        "x" * 100_000,
        "﻿",
        "\u200b",
        "(?=((",
        "{{7*7}}",
        "../../etc",
    ],
)
def test_no_question_raises(films: Collection, query: str) -> None:
    assert ask(films, query).degraded == ()


def test_the_same_question_is_embedded_once(films: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[list[str]] = []
    genuine = MeaninglessHashEmbedder._embed

    def note(embedder: MeaninglessHashEmbedder, inputs: list[str]) -> Any:
        embedded.append(inputs)
        return genuine(embedder, inputs)

    monkeypatch.setattr(MeaninglessHashEmbedder, "_embed", note)
    first, second = ask(films, "space"), ask(films, " space ", offset=1)
    assert embedded == [["space"]]
    assert keys(first)[1:] == keys(second)


# --- what is true now ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_store", [False, True])
def test_deleted_and_superseded_text_is_gone_at_its_commit(
    library: Collection, ask_the_store: Callable[..., None], by_store: bool
) -> None:
    if by_store:
        ask_the_store(most=1000)
    Document.objects.filter(key="book 1").delete()
    save(library, "book 2", "Something else entirely.")
    found = keys(ask(library, "book", limit=60))
    assert len(found) == 58
    assert {"book 1", "book 2"}.isdisjoint(found)


def test_an_id_that_sql_does_not_know_is_never_shown(library: Collection, ask_the_store: Callable[..., None]) -> None:
    ask_the_store(most=1000)
    strays = Chunk.objects.filter(document__key="book 59")
    stray_ids = set(strays.values_list("pk", flat=True))
    LexicalRow.objects.filter(chunk__in=strays).delete()
    strays.delete()
    response = ask(library, "Book number 59 speaks of topic 3", limit=60)
    index = serving_index(library)
    assert stray_ids <= set(load_vector_store(index.store).ids(projection.current_collection(index).name))
    assert (len(response.hits), "book 59" in keys(response)) == (59, False)


def test_a_document_whose_hit_was_retired_since_the_store_answered_stays_with_its_present_passages(
    library: Collection, ask_the_store: Callable[..., None], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_the_store(most=1000)
    genuine = InMemoryVectorStore.query

    def answer_then_flip(store: InMemoryVectorStore, *args: Any, **kwargs: Any) -> list[Match]:
        matches = genuine(store, *args, **kwargs)
        monkeypatch.setattr(InMemoryVectorStore, "query", genuine)
        save(library, "book 5", "Book number 5 speaks of topic 5, and more than before.")
        drain(library)
        return matches

    monkeypatch.setattr(InMemoryVectorStore, "query", answer_then_flip)
    response = ask(library, "Book number 5 speaks of topic 5", limit=5)
    assert "book 5" in keys(response)
    assert all(hit.chunk.state == ChunkState.LIVE for hit in response.hits)
    assert len(response.hits) == 5


def test_a_flip_between_ranking_and_reading_replaces_the_passage_and_refills_the_slot(
    films: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = order._live_chunks

    def flip_then_read(*args: Any) -> dict[int, Chunk]:
        monkeypatch.setattr(order, "_live_chunks", genuine)
        save(films, "gravity", "An astronaut drifts in space, still")
        drain(films)
        Document.objects.filter(key="alien").delete()
        return genuine(*args)

    monkeypatch.setattr(order, "_live_chunks", flip_then_read)
    response = ask(films, "an astronaut drifts in space", limit=4)
    assert keys(response)[0] == "gravity"
    assert response.hits[0].chunk.text == "An astronaut drifts in space, still"
    assert (len(response.hits), "alien" in keys(response)) == (4, False)


def test_metadata_that_changed_a_moment_ago_decides_at_once(films: Collection) -> None:
    save(films, "heat", "A thief and a detective meet in Los Angeles", title="Heat", metadata={"year": 2024})
    assert keys(ask(films, "thief", filter=where(films, year="2024"))) == ["heat"]


# --- permission ---------------------------------------------------------------------------------------------------


def test_a_private_collection_answers_only_those_with_a_grant(films: Collection) -> None:
    films.visibility = "private"
    films.save()
    stranger = User.objects.create_user("stranger")
    reader = User.objects.create_user("reader")
    CollectionGrant.objects.create(collection=films, user=reader, level=AccessLevel.READ)
    for user in (AnonymousUser(), stranger):
        with pytest.raises(InvalidSearchRequest, match="may not read"):
            ask(films, "space", user=user)
    assert len(ask(films, "space", user=reader).hits) == 5


def test_what_was_found_for_one_user_is_looked_up_again_for_another(films: Collection) -> None:
    reader, stranger = User.objects.create_user("reader"), User.objects.create_user("stranger")
    CollectionGrant.objects.create(collection=films, user=reader, level=AccessLevel.READ)
    films.visibility = "private"
    films.save()
    found = named_collections([films.slug], reader)
    assert len(search(SearchRequest(query="space", collections=found, user=reader)).hits) == 5
    for user in (AnonymousUser(), stranger):
        with pytest.raises(InvalidSearchRequest, match="may not read"):
            search(SearchRequest(query="space", collections=found, user=user))


def test_a_grant_withdrawn_after_the_collection_was_named_hides_every_result(films: Collection) -> None:
    found = named_collections([films.slug], AnonymousUser())
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    for mode in Mode:
        assert search(SearchRequest(query="space", collections=found, user=AnonymousUser(), mode=mode)).hits == []


def test_a_grant_withdrawn_while_the_question_was_embedded_hides_every_result(
    films: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = MeaninglessHashEmbedder.embed_query

    def withdraw(embedder: MeaninglessHashEmbedder, text: str) -> Any:
        Collection.objects.filter(pk=films.pk).update(visibility="private")
        return genuine(embedder, text)

    monkeypatch.setattr(MeaninglessHashEmbedder, "embed_query", withdraw)
    assert ask(films, "space", user=AnonymousUser(), mode=Mode.SEMANTIC).hits == []


def test_a_grant_withdrawn_while_words_were_read_hides_every_result(
    films: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withdraw(index_id: int, question: str, **more: Any) -> Scores:
        Collection.objects.filter(pk=films.pk).update(visibility="private")
        return search_words(index_id, question, **more)

    monkeypatch.setattr(lexical, "search_words", withdraw)
    for mode in (Mode.HYBRID, Mode.LEXICAL):
        Collection.objects.filter(pk=films.pk).update(visibility="public")
        assert ask(films, "space", user=AnonymousUser(), mode=mode).hits == []


def test_the_answer_explains_itself(library: Collection, ask_the_store: Callable[..., None]) -> None:
    ask_the_store(most=1000)
    response = ask(library, "topic 4", filter=where(library, colour="red"), limit=20)
    assert response.plan
    assert response.plan.kept
    assert (response.plan.kept.documents, response.plan.kept.of_documents) == (20, 60)
    assert response.total_estimate == 20
    assert list(response.timings) == ["count", "embed", "words", "store", "check", "fuse", "read"]
    assert all(milliseconds >= 0 for milliseconds in response.timings.values())


def test_a_filter_that_keeps_much_is_not_counted(
    library: Collection, ask_the_store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_the_store(most=1000)
    monkeypatch.setattr(order, "DEPTH", 5)
    response = ask(library, "topic 4", filter=where(library, colour="blue"), limit=5, mode=Mode.SEMANTIC)
    assert (len(response.hits), response.total_estimate) == (5, None)
    assert response.candidates < Chunk.objects.count()


def test_a_filter_that_keeps_what_is_far_from_the_question_is_answered_in_full(
    library: Collection, ask_the_store: Callable[..., None], drain: Drain
) -> None:
    for number in range(5):
        save(library, f"odd {number}", f"Nothing alike {number}", metadata={"colour": "grey"})
    drain(library)
    ask_the_store(exact=3, least=2, most=16)
    response = ask(library, "Book number 1 speaks of topic 1", filter=where(library, colour="grey"), limit=5)
    assert {hit.chunk.document.metadata["colour"] for hit in response.hits} == {"grey"}
    assert (len(response.hits), response.total_estimate, response.degraded) == (5, 5, ())
