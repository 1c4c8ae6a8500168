"""Words in SQL give the scores of a ten-line BM25, on every database, whatever was written, merged and removed."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collections_app import changes, lexical_segments, services
from collections_app.lexical import terms_of
from collections_app.lexical_reading import search_words
from collections_app.lexical_repair import add_missing_rows
from collections_app.lexical_rows import row_of, write_rows
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    DocumentText,
    LexicalRow,
    LexicalSegment,
    LexicalTombstone,
    VectorIndex,
)
from collections_app.visibility import retire
from tests.conftest import serving_index

pytestmark = pytest.mark.django_db


def bm25(texts: dict[int, str], question: str) -> dict[int, float]:
    bags = {pk: Counter(terms_of(text)) for pk, text in texts.items()}
    average = sum(bag.total() for bag in bags.values()) / max(1, len(bags))
    scores: dict[int, float] = {}
    for term, asked in Counter(terms_of(question)).items():
        holders = sum(term in bag for bag in bags.values())
        idf = math.log(1 + (len(bags) - holders + 0.5) / (holders + 0.5))
        for pk, bag in bags.items():
            if bag[term]:
                norm = 1.2 * (0.25 + 0.75 * bag.total() / average)
                scores[pk] = scores.get(pk, 0.0) + asked * idf * bag[term] * 2.2 / (bag[term] + norm)
    return scores


def assert_scores(index: VectorIndex, texts: dict[int, str], question: str) -> None:
    found = search_words(index.pk, question).best(1000)
    expected = bm25(texts, question)
    assert dict(zip(found.chunks.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(expected)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def write(index: VectorIndex, texts: Sequence[str]) -> dict[int, str]:
    """Give the index live chunks with these texts; return them by id."""
    document = Document.objects.bulk_create([Document(collection=index.collection, key=str(Document.objects.count()))])
    source = DocumentText.objects.create(document=document[0], revision=1, text="", digest="")
    chunks = Chunk.objects.bulk_create(
        Chunk(
            index=index, document=document[0], source_text=source, state=ChunkState.LIVE, revision=1,
            position=position, start=0, end=0, text=text,
        )
        for position, text in enumerate(texts)
    )  # fmt: skip
    write_rows(row_of(chunk, chunk.text) for chunk in chunks)
    changes.note(index.pk, live=[chunk.pk for chunk in chunks])
    lexical_segments.keep_up(index.pk)
    return {chunk.pk: chunk.text for chunk in chunks}


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let merging begin with three rows, so that a few texts go through all of it."""
    monkeypatch.setattr(lexical_segments, "ROWS_PER_SEGMENT", 3)
    monkeypatch.setattr(lexical_segments, "SEGMENTS_PER_MERGE", 2)
    monkeypatch.setattr(lexical_segments, "MOST_TOMBSTONES", 2)
    monkeypatch.setattr("collections_app.lexical.postings._POSTINGS_PER_BUCKET", 2)


WORDS = ["tea", "green", "black", "mate", "water", "茶", "馬黛茶", "C++", "os.path"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
STEPS = st.lists(
    st.one_of(st.lists(TEXTS, min_size=1, max_size=9), st.sets(st.integers(0, 40), max_size=6)), max_size=8
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, question=TEXTS)
def test_scores_are_those_of_bm25_over_what_is_live_now(
    small_segments: None, collection: Collection, steps: list[list[str] | set[int]], question: str
) -> None:
    index = serving_index(collection)
    texts: dict[int, str] = {}
    with transaction.atomic():
        for step in steps:
            if isinstance(step, list):
                texts |= write(index, step)
            else:
                gone = [pk for place, pk in enumerate(sorted(texts)) if place in step]
                retire(Chunk.objects.filter(pk__in=gone))
                texts = {pk: text for pk, text in texts.items() if pk not in gone}
            assert_scores(index, texts, question)
        lexical_segments.keep_up(index.pk)
        assert_scores(index, texts, question)
        assert set(LexicalRow.objects.values_list("pk", flat=True)) == set(texts)
        assert LexicalTombstone.objects.count() <= lexical_segments.MOST_TOMBSTONES
        transaction.set_rollback(True)


def test_one_indexs_words_do_not_weigh_in_anothers_scores(small_segments: None, collection: Collection) -> None:
    index, other = serving_index(collection), serving_index(services.create_collection("Others"))
    texts = write(index, ["green tea", "black tea", "water", "mate"])
    write(other, ["tea"] * 7)
    assert_scores(index, texts, "tea")


def test_a_rebuild_from_the_rows_changes_no_score(small_segments: None, collection: Collection) -> None:
    index = serving_index(collection)
    texts = write(index, [f"tea number {number}" for number in range(20)])
    lexical_segments.rebuild(index.pk)
    assert not LexicalSegment.objects.exists()
    assert_scores(index, texts, "tea 7")
    lexical_segments.keep_up(index.pk)
    assert LexicalSegment.objects.exists()
    assert_scores(index, texts, "tea 7")


def test_what_holds_the_words_is_read_again_only_after_a_change(
    small_segments: None, collection: Collection, django_assert_num_queries: Any
) -> None:
    index = serving_index(collection)
    texts = write(index, ["green tea", "black tea", "water", "mate"])
    assert_scores(index, texts, "green tea")
    with django_assert_num_queries(1):
        assert_scores(index, texts, "green tea")
    texts |= write(index, ["white tea"])
    assert_scores(index, texts, "green tea")


def test_words_that_a_repair_writes_are_found_at_once(collection: Collection) -> None:
    index = serving_index(collection)
    texts = write(index, ["green tea", "black tea"])
    lost = min(texts)
    LexicalRow.objects.filter(pk=lost).delete()
    assert_scores(index, {pk: text for pk, text in texts.items() if pk != lost}, "tea")
    assert add_missing_rows(index) == 1
    assert_scores(index, texts, "tea")


def test_a_row_that_was_lost_after_it_was_merged_and_repaired_counts_once(
    small_segments: None, collection: Collection
) -> None:
    index = serving_index(collection)
    texts = write(index, [f"tea number {number}" for number in range(7)])
    LexicalRow.objects.all().delete()
    assert add_missing_rows(index) == 7
    assert_scores(index, texts, "tea 6")
    gone = min(texts)
    retire(Chunk.objects.filter(pk=gone))
    assert_scores(index, {pk: text for pk, text in texts.items() if pk != gone}, "tea 6")


def test_segments_of_which_nothing_is_left_go_with_their_tombstones(
    small_segments: None, collection: Collection
) -> None:
    index = serving_index(collection)
    retire(Chunk.objects.filter(pk__in=write(index, ["tea"] * 30)))
    lexical_segments.keep_up(index.pk)
    assert not LexicalSegment.objects.exists()
    assert LexicalTombstone.objects.count() <= lexical_segments.MOST_TOMBSTONES
    assert_scores(index, {}, "tea")


def test_tombstones_of_no_segment_do_not_keep_the_merging_busy(small_segments: None, collection: Collection) -> None:
    index = serving_index(collection)
    texts = write(index, ["tea"] * 3)
    LexicalTombstone.objects.bulk_create(LexicalTombstone(index=index, chunk_id=10**9 + n) for n in range(5))
    lexical_segments.keep_up(index.pk)
    assert not LexicalTombstone.objects.exists()
    assert_scores(index, texts, "tea")


def test_a_merge_that_was_killed_is_not_read_and_does_not_stop_the_next_for_ever(
    small_segments: None, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = serving_index(collection)
    LexicalSegment.objects.create(index=index, size=1, chunks=bytes(8), lengths=bytes(4), bits=0)
    texts = write(index, ["tea"] * 12)
    assert LexicalSegment.objects.filter(complete=True).count() == 4
    assert_scores(index, texts, "tea")
    monkeypatch.setattr(lexical_segments, "MERGE_TERM", -lexical_segments.MERGE_TERM)
    lexical_segments.keep_up(index.pk)
    assert LexicalSegment.objects.filter(complete=True).count() == 1
    assert_scores(index, texts, "tea")


def test_a_question_without_terms_finds_nothing(collection: Collection) -> None:
    index = serving_index(collection)
    write(index, ["tea"])
    assert len(search_words(index.pk, "?!")) == 0
