"""Races between merging and whoever writes or removes rows, made deterministic by two connections on PostgreSQL."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections, transaction

from collections_app import lexical_reading, lexical_segments
from collections_app.lexical_reading import search_words
from collections_app.lexical_repair import add_missing_rows
from collections_app.lexical_rows import remove_rows
from collections_app.models import Collection, Document, LexicalRow, LexicalSegment, LexicalTombstone
from tests.conftest import Drain, save, serving_index

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def elsewhere(act: Callable[[], object]) -> threading.Thread:
    """Run `act` on a connection of its own."""

    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def teas(collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """Four indexed documents, of which none is merged yet, although three would be enough."""
    for number in range(4):
        save(collection, str(number), f"Tea number {number}")
    drain(collection)
    monkeypatch.setattr(lexical_segments, "ROWS_PER_SEGMENT", 3)
    return collection


def found(collection: Collection) -> set[int]:
    return set(search_words(serving_index(collection).pk, "tea").chunks.tolist())


def test_rows_that_are_just_being_removed_are_not_merged(teas: Collection) -> None:
    first, second, *rest = LexicalRow.objects.order_by("pk").values_list("pk", flat=True)
    with transaction.atomic():
        remove_rows([first, second])
        merging = elsewhere(lambda: lexical_segments.keep_up(serving_index(teas).pk))
        merging.join(10)
        assert not merging.is_alive(), "merging waits for somebody's transaction"
    assert not LexicalSegment.objects.exists()
    assert found(teas) == set(rest)


def test_a_removal_during_a_merge_waits_and_leaves_a_tombstone(teas: Collection) -> None:
    first, *rest = LexicalRow.objects.order_by("pk").values_list("pk", flat=True)
    with transaction.atomic():
        assert lexical_segments._merge_rows(serving_index(teas).pk)
        removing = elsewhere(transaction.atomic(lambda: remove_rows([first])))
        removing.join(0.3)
        assert removing.is_alive(), "it did not wait for the merge"
    removing.join(10)
    assert list(LexicalTombstone.objects.values_list("chunk_id", flat=True)) == [first]
    assert found(teas) == set(rest)


def test_of_two_who_replace_the_same_segments_one_gives_up(teas: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    index = serving_index(teas)
    monkeypatch.setattr(lexical_segments, "ROWS_PER_SEGMENT", 2)
    monkeypatch.setattr(lexical_segments, "SEGMENTS_PER_MERGE", 3)
    lexical_segments.keep_up(index.pk)
    both = list(LexicalSegment.objects.values_list("pk", flat=True))
    assert len(both) == 2
    genuine = lexical_segments._replace

    def be_overtaken(*args: object) -> bool:
        monkeypatch.setattr(lexical_segments, "_replace", genuine)
        # It takes so long that others believe it was killed.
        LexicalSegment.objects.filter(complete=False).update(created_at="2000-01-01T00:00:00Z")
        other = elsewhere(lambda: lexical_segments._merge_segments(index.pk, both))
        other.join(10)
        return genuine(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(lexical_segments, "_replace", be_overtaken)
    assert not lexical_segments._merge_segments(index.pk, both)
    assert LexicalSegment.objects.filter(complete=True).count() == 1
    assert not LexicalSegment.objects.filter(complete=False).exists()
    assert len(found(teas)) == 4


def test_who_reads_while_rows_and_segments_are_merged_misses_nothing(
    teas: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, genuine = serving_index(teas), lexical_reading._read_buckets
    every = set(LexicalRow.objects.values_list("pk", flat=True))
    monkeypatch.setattr(lexical_segments, "ROWS_PER_SEGMENT", 2)
    monkeypatch.setattr(lexical_segments, "SEGMENTS_PER_MERGE", 3)
    lexical_segments.keep_up(index.pk)
    both = set(LexicalSegment.objects.values_list("pk", flat=True))
    assert len(both) == 2
    monkeypatch.setattr(lexical_segments, "SEGMENTS_PER_MERGE", 2)

    def merge_first(*args: object) -> object:
        monkeypatch.setattr(lexical_reading, "_read_buckets", genuine)
        merging = elsewhere(lambda: lexical_segments.keep_up(index.pk))
        merging.join(10)
        return genuine(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(lexical_reading, "_read_buckets", merge_first)
    assert found(teas) == every
    assert LexicalSegment.objects.get().pk not in both


def test_a_repair_writes_no_row_for_what_is_deleted_meanwhile(teas: Collection) -> None:
    LexicalRow.objects.all().delete()
    with transaction.atomic():
        Document.objects.all().delete()
        repairing = elsewhere(lambda: add_missing_rows(serving_index(teas)))
        repairing.join(0.3)
        assert repairing.is_alive(), "it did not wait for the deletion"
    repairing.join(10)
    assert not LexicalRow.objects.exists()
