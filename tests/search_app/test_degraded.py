"""What a search answers while something is out of order: as much as there is, and why it is less than it should be."""

import json
from collections.abc import Callable
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.test import override_settings

from collections_app import outages, projection, tasks
from collections_app.exceptions import EmbedderUnavailable, VectorStoreUnavailable
from collections_app.models import Chunk, Collection, Embedding
from collections_app.vectorstores import CollectionSpec, VectorStore, load_vector_store
from search_app import semantic
from search_app.degradation import Code, because
from search_app.search import Mode, SearchResponse
from tests.conftest import Drain, serving_index
from tests.search_app import broken
from tests.search_app.conftest import ask, keys, where

pytestmark = pytest.mark.django_db


def codes(response: SearchResponse) -> list[Code]:
    return [reason.code for reason in response.degraded]


# --- the store ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "code"),
    [
        ("DeadStore", Code.STORE_DOWN),
        ("BrokenStore", Code.COLLECTION_LOST),
        ("CrashingStore", Code.STORE_FAILED),
    ],
)
def test_whatever_the_store_raises_the_same_answer_comes_from_sql_and_says_so(
    library: Collection, ask_the_store: Callable[..., None], store: str, code: Code
) -> None:
    whole = keys(ask(library, "topic 4", limit=20))
    ask_the_store()
    with override_settings(VECTOR_STORES=broken.store(store)):
        response = ask(library, "topic 4", limit=20)
    assert (keys(response), codes(response)) == (whole, [code])
    assert (response.answered, response.is_complete) == (True, True)


@pytest.mark.parametrize("store", ["StrangersStore", "EmptyStore"])
def test_what_the_store_does_not_have_is_found_in_sql(
    library: Collection, ask_the_store: Callable[..., None], store: str
) -> None:
    whole = keys(ask(library, "topic 4", limit=20))
    ask_the_store()
    with override_settings(VECTOR_STORES=broken.store(store)):
        assert keys(ask(library, "topic 4", limit=20)) == whole


def test_a_store_whose_similarities_are_not_those_of_its_vectors_is_not_believed(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    whole = keys(ask(library, "topic 4", limit=20))
    ask_the_store()
    index = serving_index(library)
    held = load_vector_store(index.store)
    name = projection.current_collection(index).name
    with override_settings(VECTOR_STORES=broken.store("DamagedStore")):
        copy_collection(held, name, dimensions=index.profile.dimensions)
        response = ask(library, "topic 4", limit=20)
    assert (keys(response), codes(response)) == (whole, [Code.STORE_FAILED])
    assert outages.store_status("default").went_down_at is not None, "everything in it is to be compared"


def copy_collection(source: VectorStore, name: str, *, dimensions: int) -> None:
    """Give the store of the present settings what `source` holds."""
    store = load_vector_store("default")
    store.create(CollectionSpec(name=name, dimensions=dimensions, site_id="0" * 32))
    store.upsert(name, source.fetch(name, source.ids(name)))


def test_a_collection_that_is_gone_is_said_to_be_lost(library: Collection, ask_the_store: Callable[..., None]) -> None:
    whole = keys(ask(library, "topic 4", limit=20))
    ask_the_store()
    index = serving_index(library)
    load_vector_store(index.store).drop(projection.current_collection(index).name)
    response = ask(library, "topic 4", limit=20)
    assert (keys(response), codes(response)) == (whole, [Code.COLLECTION_LOST])


def test_a_lost_collection_is_told_to_the_workers_at_once_and_whole_again_when_they_have_come(
    library: Collection, ask_the_store: Callable[..., None], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_the_store(most=1000)
    index = serving_index(library)
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(tasks, "ring", lambda task, identity: rung.append((task.name, identity)))
    load_vector_store(index.store).drop(projection.current_collection(index).name)
    ask(library, "topic 4")
    assert rung == [(tasks.check_collection.name, index.pk)]
    tasks.check_collection(index.pk)
    assert rung[1:] == [(tasks.fill_collection.name, index.pk)]
    assert codes(ask(library, "topic 4")) == [Code.STORE_FILLING]
    drain(library)
    assert codes(ask(library, "topic 4")) == []


def test_a_check_of_a_collection_that_is_there_changes_nothing(library: Collection) -> None:
    before = serving_index(library).generation
    tasks.check_collection(serving_index(library).pk)
    assert serving_index(library).generation == before


def test_a_store_that_is_not_configured_any_more_is_no_reason_to_fail(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store()
    with override_settings(VECTOR_STORES={}):
        response = ask(library, "topic 4")
    assert (len(response.hits), codes(response)) == (10, [Code.STORE_FAILED])


def test_while_the_store_is_being_filled_sql_answers(library: Collection, ask_the_store: Callable[..., None]) -> None:
    ask_the_store()
    projection.raise_generation(serving_index(library).pk, reason="test")
    response = ask(library, "topic 4", limit=20)
    assert (len(response.hits), codes(response)) == (20, [Code.STORE_FILLING])


def test_a_store_that_does_not_answer_is_asked_once_and_left_alone_until_it_works(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store(most=1000)
    broken.DeadStore.asked = 0
    with override_settings(VECTOR_STORES=broken.store("DeadStore")):
        answers = [ask(library, "topic 4") for _ in range(3)]
    assert [codes(answer) for answer in answers] == [[Code.STORE_DOWN], [Code.STORE_PAUSED], [Code.STORE_PAUSED]]
    assert [len(answer.hits) for answer in answers] == [10, 10, 10]
    assert broken.DeadStore.asked == 1


def test_when_the_pause_of_the_store_is_over_answers_are_whole_again(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store(most=1000)
    with override_settings(VECTOR_STORES=broken.store("DeadStore")):
        ask(library, "topic 4")
    index = serving_index(library)
    whole = ask(library, "topic 4")
    assert codes(whole) == [Code.STORE_PAUSED]
    outages.resume(outages.store_status(index.store))
    assert codes(ask(library, "topic 4")) == [Code.COLLECTION_LOST]  # the store of the tests forgets with the settings


def test_what_could_not_be_compared_in_time_is_said_with_both_numbers(
    library: Collection, ask_the_store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_the_store()
    monkeypatch.setattr(semantic, "EXACT_SECONDS", -1.0)
    monkeypatch.setattr(semantic, "_SLICE", 25)
    projection.raise_generation(serving_index(library).pk, reason="test")
    for filter_ in (where(library), where(library, colour__exists="true")):
        response = ask(library, "topic 4", filter=filter_)
        assert (len(response.hits), codes(response)) == (10, [Code.STORE_FILLING, Code.PARTIAL])
        assert response.degraded[1].text.startswith("Only the 25 newest of 60 documents, and those that share")
        assert (response.answered, response.is_complete) == (True, False)


def test_a_filter_is_kept_when_sql_answers_for_the_store(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store()
    projection.raise_generation(serving_index(library).pk, reason="test")
    response = ask(library, "topic 4", filter=where(library, colour="red"), limit=30)
    assert {hit.chunk.document.metadata["colour"] for hit in response.hits} == {"red"}
    assert len(response.hits) == 20


@pytest.mark.parametrize("damage", ["", "short", "nan"])
def test_a_vector_that_is_missing_or_damaged_in_sql_costs_its_passage_alone(films: Collection, damage: str) -> None:
    dimensions = serving_index(films).profile.dimensions
    alien = Chunk.objects.filter(document__key="alien")
    raw = {"short": b"\0\0\0", "nan": np.full(dimensions, np.nan, dtype="<f4").tobytes()}
    if damage:
        Embedding.objects.filter(pk__in=alien.values("embedding")).update(vector=raw[damage])
    else:
        alien.update(embedding=None)
    response = ask(films, "space", mode=Mode.SEMANTIC)
    assert (len(response.hits), "alien" in keys(response)) == (4, False)
    words = Chunk.objects.get(document__key="alien").text
    assert "alien" in keys(ask(films, words))


# --- the embedder -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("embedder", "code"),
    [
        ("DeadEmbedder", Code.EMBEDDER_DOWN),
        ("CrashingEmbedder", Code.EMBEDDER_FAILED),
        ("NothingEmbedder", Code.EMBEDDER_FAILED),
        ("ShortEmbedder", Code.EMBEDDER_CHANGED),
        ("RefusingEmbedder", Code.QUESTION_REFUSED),
    ],
)
def test_whatever_the_embedder_does_the_search_does_not_fail_and_says_why(
    films: Collection, embedder: str, code: Code
) -> None:
    with override_settings(EMBEDDERS=broken.embedder(embedder)):
        response = ask(films, "space")
    assert (sorted(keys(response)), codes(response)) == (["alien", "gravity"], [code, Code.WORDS_ALONE])
    assert (response.answered, response.is_complete) == (True, False)
    still = [Code.EMBEDDER_PAUSED, Code.WORDS_ALONE] if code is Code.EMBEDDER_DOWN else []
    assert codes(ask(films, "another question")) == still


def test_an_embedder_of_another_model_is_not_used(films: Collection) -> None:
    with override_settings(EMBEDDERS=broken.embedder("MeaninglessHashEmbedder", dimensions=32)):
        response = ask(films, "zone")
    assert (keys(response), codes(response)) == (["stalker"], [Code.EMBEDDER_CHANGED, Code.WORDS_ALONE])


def test_an_embedder_that_is_not_configured_any_more_is_no_reason_to_fail(films: Collection) -> None:
    with override_settings(EMBEDDERS={}):
        assert codes(ask(films, "space")) == [Code.EMBEDDER_FAILED, Code.WORDS_ALONE]


def test_an_embedder_that_does_not_answer_is_asked_once_and_left_alone_until_it_works(films: Collection) -> None:
    broken.DeadEmbedder.asked = 0
    with override_settings(EMBEDDERS=broken.embedder("DeadEmbedder")):
        answers = [ask(films, "space") for _ in range(3)]
    assert [codes(answer)[0] for answer in answers] == [
        Code.EMBEDDER_DOWN,
        Code.EMBEDDER_PAUSED,
        Code.EMBEDDER_PAUSED,
    ]
    assert broken.DeadEmbedder.asked == 1
    outages.resume(serving_index(films).profile)
    assert codes(ask(films, "space")) == []


def test_a_question_that_was_asked_before_needs_no_embedder(films: Collection) -> None:
    whole = keys(ask(films, "space"))
    outages.pause(serving_index(films).profile, EmbedderUnavailable("down"))
    assert keys(ask(films, "space")) == whole


# --- how it is told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.PARTIAL])
def test_every_code_has_a_text_for_people(code: Code) -> None:
    reason = because(code)
    assert reason.as_json() == {"code": code.value, "reason": reason.text}
    assert reason.text.endswith((".", "。"))


def test_the_command_prints_the_reasons_and_has_them_in_its_json(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store()
    outages.pause(outages.store_status("default"), VectorStoreUnavailable("down"))
    out, err = StringIO(), StringIO()
    call_command("search", "topic 4", "--collection=library", stdout=out, stderr=err, no_color=True)
    assert "The vector store did not answer a moment ago" in err.getvalue()
    out = StringIO()
    call_command("search", "topic 4", "--collection=library", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["degraded"] == [because(Code.STORE_PAUSED).as_json()]
    assert (answer["answered"], len(answer["hits"])) == (True, 10)
