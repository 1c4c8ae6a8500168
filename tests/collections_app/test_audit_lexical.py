"""Segments that lost something, or hold what is gone, are found and made again from the rows."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections

from collections_app import audit, lexical_segments, sync, tasks
from collections_app.audit import audit_index, lexical
from collections_app.audit.report import Report
from collections_app.ledger import in_future
from collections_app.lexical_reading import search_words
from collections_app.models import (
    Chunk,
    Collection,
    Document,
    LexicalPostings,
    LexicalRow,
    LexicalSegment,
    LexicalTombstone,
    VectorIndex,
)
from tests.conftest import Drain, save, serving_index

DIFFER = "lexical_segments_differ"


@pytest.fixture
def zoo(collection: Collection, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """Twelve passages, ten of them in segments."""
    monkeypatch.setattr(lexical_segments, "ROWS_PER_SEGMENT", 5)
    for number in range(12):
        save(collection, str(number), f"Sentence number {number} of zebras.")
    drain(collection)
    lexical_segments.keep_up(serving_index(collection).pk)
    assert LexicalSegment.objects.filter(complete=True).count() == 2
    return collection


def found(index: VectorIndex) -> list[int]:
    return sorted(search_words(index.pk, "zebras").chunks.tolist())


def live(index: VectorIndex) -> list[int]:
    return list(Chunk.objects.filter(index=index, state="live").order_by("pk").values_list("pk", flat=True))


def segment_is_lost(index: VectorIndex) -> None:
    LexicalSegment.objects.order_by("pk")[0].delete()


def segment_was_never_completed(index: VectorIndex) -> None:
    LexicalSegment.objects.order_by("pk").update(complete=False)


def tombstone_is_lost(index: VectorIndex) -> None:
    Document.objects.filter(key="1").delete()
    assert LexicalTombstone.objects.all().delete()[0] == 1


def tombstone_of_what_lives(index: VectorIndex) -> None:
    LexicalTombstone.objects.create(index=index, chunk_id=live(index)[0])


def postings_are_lost(index: VectorIndex) -> None:
    LexicalPostings.objects.order_by("pk")[0].delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("damage", "count"),
    [
        (segment_is_lost, 5),
        (segment_was_never_completed, 10),
        (tombstone_is_lost, 1),
        (tombstone_of_what_lives, 1),
        (postings_are_lost, 5),
    ],
)
def test_damage_to_segments_is_found_and_mended(
    zoo: Collection, drain: Drain, damage: Callable[[VectorIndex], None], count: int
) -> None:
    index = serving_index(zoo)
    assert audit_index(index, deep=True).in_step
    damage(index)
    drain(zoo)
    assert audit_index(index, deep=True).report["findings"] == {DIFFER: count}
    mended = audit_index(index, deep=True, repair=True)
    assert (mended.in_step, mended.report["repaired"]) == (True, {DIFFER: count})
    assert found(index) == live(index)
    assert LexicalSegment.objects.filter(complete=True).exists()


@pytest.mark.django_db
def test_the_site_mends_them_by_itself(zoo: Collection) -> None:
    index = serving_index(zoo)
    LexicalSegment.objects.all().delete()
    VectorIndex.objects.update(created_at=in_future(timedelta(days=-2)))
    tasks.audit_due()
    assert found(index) == live(index)


@pytest.mark.django_db
def test_tombstones_and_what_is_not_merged_yet_are_no_damage(zoo: Collection, drain: Drain) -> None:
    Document.objects.filter(key__in=["1", "11"]).delete()
    save(zoo, "2", "Giraffes.")
    drain(zoo)
    assert LexicalTombstone.objects.count() == 2
    assert LexicalRow.objects.filter(merged=False).exists()
    assert audit_index(serving_index(zoo), deep=True).in_step


@pytest.mark.django_db(transaction=True)
def test_no_false_alarm_is_raised_while_segments_are_merged_and_passages_retired(zoo: Collection) -> None:
    index = serving_index(zoo)
    done, errors = threading.Event(), list[BaseException]()

    def write() -> None:
        turn = 0
        try:
            while not done.is_set():
                turn += 1
                save(zoo, str(turn * 7 % 30), f"Text {turn} of zebras.")
                if turn % 10 == 0:
                    sync.drain(index.pk)
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)
        finally:
            connections.close_all()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for _ in range(60):
            report = Report()
            lexical.compare_lexical_rows(index, report, lambda: None, deep=True)
            assert audit.Finding.LEXICAL_SEGMENTS_DIFFER not in report.findings
    finally:
        done.set()
        writer.join(60)
    assert not errors
