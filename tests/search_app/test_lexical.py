"""What words alone find: in scope, live, the best document first, and all that there are."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import override_settings

from collections_app import projection, services
from collections_app.models import Chunk, ChunkState, Collection, Document, User
from search_app import lexical, planner, semantic
from search_app.degradation import Code
from search_app.filters import EVERYTHING, Expression
from search_app.leg import Measure
from search_app.lexical import LexicalLeg
from search_app.ranking import Ranking
from search_app.scope import Scope
from search_app.search import Mode, SearchRequest, search
from search_app.stopwatch import Stopwatch
from tests.conftest import Drain, save, serving_index
from tests.search_app import broken
from tests.search_app.conftest import ask, keys, where

pytestmark = pytest.mark.django_db


def find(
    collection: Collection,
    question: str,
    *,
    wanted: int = 10,
    filter: Expression = EVERYTHING,
    user: User | AnonymousUser | None = None,
) -> list[str]:
    """Return the keys of the best documents."""
    leg = LexicalLeg(Scope(serving_index(collection), user, filter), question, Stopwatch())
    return keys_of(leg.run(wanted=wanted).ranking, wanted)


def keys_of(ranking: Ranking, wanted: int) -> list[str]:
    names = dict(Document.objects.values_list("pk", "key"))
    return [names[candidate.document_id] for candidate in ranking.slice(0, wanted)]


def test_rare_words_decide_and_common_ones_hardly_count(films: Collection) -> None:
    assert find(films, "a detective in the zone")[:2] == ["stalker", "heat"]


def test_a_title_is_found_although_the_text_does_not_say_it(films: Collection) -> None:
    assert find(films, "gravity") == ["gravity"]


def test_a_word_in_the_title_counts_for_more_than_one_in_the_text(collection: Collection, drain: Drain) -> None:
    save(collection, "within", "A lighthouse stands where the long road ends.", title="Coasts of the north")
    save(collection, "about", "A tower stands where the long road ends.", title="Lighthouse of the north")
    save(collection, "untitled", "A lighthouse stands where the long road of the north coasts ends.")
    drain(collection)
    assert find(collection, "lighthouse")[0] == "about"
    assert set(find(collection, "lighthouse")) == {"about", "within", "untitled"}


def test_a_document_comes_once_by_its_best_passage(library: Collection) -> None:
    found = find(library, "book 17 passage", wanted=60)
    assert found[0] == "book 17"
    assert len(found) == len(set(found)) == 60


@pytest.mark.parametrize("question", ["", "?!", "unheard-of", "'\"; DROP TABLE", "\x00", "👍", "的" * 500])
def test_what_nobody_said_finds_nothing(films: Collection, question: str) -> None:
    assert find(films, question) == []


def test_only_what_the_filter_keeps_is_found_however_little_it_is(
    library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [key for key in find(library, "book second passage topic", wanted=60) if int(key[5:]) % 3 == 0]
    red = where(library, colour="red")
    assert find(library, "book second passage topic", wanted=60, filter=red) == everything
    monkeypatch.setattr(planner, "LEAST_FETCHED", 2)
    monkeypatch.setattr(planner, "MOST_FETCHED", 4)
    monkeypatch.setattr(lexical, "MOST_FETCHED", 4)
    assert find(library, "book second passage topic", wanted=60, filter=red) == everything
    monkeypatch.setattr(lexical, "EXACT_CHUNKS", 0)
    assert find(library, "book second passage topic", wanted=60, filter=red) == everything


def test_permission_is_as_sql_has_it_now(films: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    assert find(films, "space", user=AnonymousUser()) == []
    assert len(find(films, "space")) == 2


def test_what_was_deleted_or_superseded_is_found_no_more(films: Collection, drain: Drain) -> None:
    Document.objects.filter(key="alien").delete()
    save(films, "gravity", "It stays on the ground.")
    assert find(films, "space") == []
    drain(films)
    assert find(films, "ground") == ["gravity"]


def test_a_document_whose_passage_was_replaced_after_the_words_were_read_stays(
    films: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = lexical.search_words
    asked: list[str] = []

    def read_then_flip(index_id: int, question: str, **more: Any) -> object:
        scores = genuine(index_id, question, **more)
        if not asked:
            save(films, "alien", "A crew meets a creature in space, again", metadata={"year": 1986})
            drain(films)
        asked.append(question)
        return scores

    monkeypatch.setattr(lexical, "search_words", read_then_flip)
    assert set(find(films, "space")) == {"alien", "gravity"}
    assert len(asked) == 2
    assert Chunk.objects.filter(document__key="alien", state=ChunkState.RETIRED).exists()


def test_without_the_embedder_pages_of_words_follow_each_other(library: Collection) -> None:
    whole = find(library, "topic 3", wanted=60)
    with override_settings(EMBEDDERS=broken.embedder("DeadEmbedder")):
        pages = [
            search(SearchRequest(query="topic 3", collections=(library,), limit=10, offset=offset))
            for offset in range(0, 60, 10)
        ]
    assert [key for page in pages for key in keys(page)] == whole
    assert [page.has_more for page in pages] == [True] * 5 + [False]
    assert {hit.measure for page in pages for hit in page.hits} == {Measure.BM25}
    assert all(page.plan and page.plan.strategy is planner.Strategy.LEXICAL for page in pages)


def test_when_time_is_over_those_that_share_the_questions_words_are_compared_too(
    library: Collection, ask_the_store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_the_store()
    monkeypatch.setattr(semantic, "EXACT_SECONDS", -1.0)
    monkeypatch.setattr(semantic, "_SLICE", 5)
    monkeypatch.setattr(semantic, "_BY_WORDS", 1)
    projection.raise_generation(serving_index(library).pk, reason="test")
    response = ask(library, "Book number 3 speaks of topic 3.", limit=20, mode=Mode.SEMANTIC)
    assert [reason.code for reason in response.degraded] == [Code.STORE_FILLING, Code.PARTIAL]
    assert sorted(keys(response)) == sorted(["book 3", *(f"book {number}" for number in range(55, 60))])
    assert keys(response)[0] == "book 3"
    assert {hit.measure for hit in response.hits} == {Measure.COSINE}


def test_other_collections_are_not_found(films: Collection, drain: Drain) -> None:
    other = services.create_collection("Others")
    save(other, "space", "Space is large")
    drain(other)
    assert find(other, "space") == ["space"]
    assert "space" not in find(films, "space")
