"""Lexical rows are there for every live chunk and for no other, whatever happened."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collections_app import services, sweeping, sync
from collections_app.chunking import embedding_input, lexical_input
from collections_app.lexical import bag_of
from collections_app.lexical_repair import add_missing_rows, remove_orphan_rows
from collections_app.lexical_rows import missing_rows, orphan_rows
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    IndexState,
    LexicalRow,
    LexicalTombstone,
    VectorIndex,
)
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


def assert_in_step(collection: Collection) -> None:
    """Every live chunk has the row that the analysis of its text gives, and nothing else has one."""
    live = Chunk.objects.filter(state=ChunkState.LIVE, index__collection=collection).select_related("document")
    expected = {}
    for chunk in live:
        title = chunk.document.title
        bag = bag_of(lexical_input(title, embedding_input(title, chunk.locator, chunk.text)))
        expected[chunk.pk] = (chunk.index_id, bag.length, bag.to_bytes())
    rows = LexicalRow.objects.filter(index__collection=collection)
    assert {row.pk: (row.index_id, row.length, bytes(row.terms)) for row in rows} == expected


def test_a_flip_writes_the_rows_of_what_it_makes_live(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "Green tea is not fermented.", title="Tea")
    assert not LexicalRow.objects.exists()
    drain(collection)
    assert LexicalRow.objects.count() == 1
    assert_in_step(collection)


def test_a_save_takes_the_rows_of_the_superseded_text_away_at_once(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "Green tea is not fermented.")
    drain(collection)
    save(collection, "tea", "Black tea is.")
    assert not LexicalRow.objects.exists()
    drain(collection)
    assert_in_step(collection)


def test_a_deletion_takes_the_rows_away_at_once(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "Green tea is not fermented.")
    drain(collection)
    Document.objects.all().delete()
    assert not LexicalRow.objects.exists()


def test_a_retitled_document_is_found_by_its_new_title(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "It is not fermented.", title="Green tea")
    drain(collection)
    save(collection, "tea", "It is not fermented.", title="Sencha")
    drain(collection)
    assert_in_step(collection)


def test_a_removed_row_that_a_segment_holds_leaves_a_tombstone(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "Green tea is not fermented.")
    save(collection, "mate", "Mate is drunk through a straw.")
    drain(collection)
    merged = LexicalRow.objects.order_by("pk")[0]
    LexicalRow.objects.filter(pk=merged.pk).update(merged=True)
    Document.objects.all().delete()
    assert list(LexicalTombstone.objects.values_list("index", "chunk_id")) == [(merged.index_id, merged.pk)]


def test_tidying_gives_a_site_that_is_older_than_the_rows_all_of_them(collection: Collection, drain: Drain) -> None:
    for number in range(5):
        save(collection, str(number), f"Text number {number}.", title="Numbers")
    drain(collection)
    LexicalRow.objects.all().delete()
    sweeping.tidy()
    assert_in_step(collection)


def test_rows_are_repaired_both_ways_and_exactly(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "Green tea is not fermented.")
    save(collection, "mate", "Mate is drunk through a straw.")
    drain(collection)
    index = serving_index(collection)
    chunks = list(Chunk.objects.filter(state=ChunkState.LIVE).order_by("pk"))
    LexicalRow.objects.filter(pk=chunks[0].pk).delete()
    # Past the services, as damage does it.
    Chunk.objects.filter(pk=chunks[1].pk).update(state=ChunkState.RETIRED)
    assert [chunk.pk for chunk in missing_rows(index)] == [chunks[0].pk]
    assert [row.pk for row in orphan_rows(index)] == [chunks[1].pk]
    assert add_missing_rows(index) == 1
    assert remove_orphan_rows(index) == 1
    assert_in_step(collection)


def test_repair_goes_on_in_batches_up_to_its_limit(
    collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collections_app.lexical_repair.BATCH", 2)
    for number in range(7):
        save(collection, str(number), f"Text number {number}.")
    drain(collection)
    LexicalRow.objects.all().delete()
    assert add_missing_rows(serving_index(collection), limit=4) == 4
    assert add_missing_rows(serving_index(collection)) == 3
    assert_in_step(collection)


def test_a_dropped_index_leaves_no_rows(collection: Collection, drain: Drain) -> None:
    save(collection, "tea", "Green tea is not fermented.")
    drain(collection)
    VectorIndex.objects.update(state=IndexState.DROPPED)
    collection.serving_index.physical_collections.update(state="dropped")  # type: ignore[union-attr]
    sweeping.tidy()
    assert not LexicalRow.objects.exists()
    assert not Chunk.objects.exists()


TEXTS = ["green tea", "black tea\n\n" * 90, "mate 马黛茶", "茶" * 300 + "。" + "水" * 300]
STEPS = st.one_of(
    st.tuples(st.just("save"), st.integers(0, 2), st.sampled_from(TEXTS)),
    st.tuples(st.just("title"), st.integers(0, 2), st.sampled_from(["One", "Two"])),
    st.tuples(st.just("delete"), st.integers(0, 2), st.none()),
    st.tuples(st.just("drain"), st.none(), st.none()),
    st.tuples(st.just("sweep"), st.none(), st.none()),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=14))
def test_rows_follow_the_live_chunks_through_any_history(db: None, steps: list[tuple[str, int, str]]) -> None:
    # One of its own for each example. Where ids came again, the store would take the database for an older one.
    collection = services.create_collection(f"Notes {Collection.objects.count()}")
    index = serving_index(collection)
    texts: dict[int, str] = {}

    def write(key: int, text: str) -> None:
        texts[key] = text
        save(collection, str(key), text)

    def sweep() -> None:
        sweeping.let_go()
        sweeping.tidy()

    act: dict[str, Callable[[int, str], object]] = {
        "save": write,
        "title": lambda key, title: save(collection, str(key), texts.get(key, "untitled"), title=title),
        "delete": lambda key, _: services.delete_documents(collection.documents.filter(key=str(key))),
        "drain": lambda *_: sync.drain(index.pk),
        "sweep": lambda *_: sweep(),
    }
    for kind, key, value in steps:
        act[kind](key, value)
        live = Chunk.objects.filter(state=ChunkState.LIVE, index=index).values_list("pk", flat=True)
        assert set(LexicalRow.objects.filter(index=index).values_list("pk", flat=True)) == set(live)
    while sync.drain(index.pk).more:
        pass
    assert_in_step(collection)
