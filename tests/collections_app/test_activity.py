"""What the site did in each minute, and how long it took, is counted without anybody waiting for it."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from collections_app import activity, sweeping
from collections_app.models import Activity, ActivityKind, Collection
from collections_app.postponed import Postponed
from search_app.search import SearchRequest, search
from tests.conftest import Drain, save


def took(*milliseconds: float) -> None:
    for number in milliseconds:
        activity.note(ActivityKind.SEARCH, number / 1000)


@pytest.mark.django_db
def test_quantiles_are_right_to_a_tenth() -> None:
    took(*range(1, 1001))
    hour = activity.course(ActivityKind.SEARCH, minutes=60).whole
    assert hour.count == 1000
    assert hour.median == pytest.approx(500, rel=0.1)
    assert hour.p95 == pytest.approx(950, rel=0.1)


@pytest.mark.django_db
def test_minutes_stand_in_their_order_and_empty_ones_between_them() -> None:
    now = timezone.now().replace(second=30, microsecond=0)
    for ago, count in ((0, 3), (2, 5), (60, 7)):
        Activity.objects.create(
            minute=now.replace(second=0) - timedelta(minutes=ago), kind=ActivityKind.SEARCH, bucket=0, count=count
        )
    searches = activity.course(ActivityKind.SEARCH, minutes=60, until=now)
    assert [span.count for span in searches.minutes] == [0] * 57 + [5, 0, 3]
    assert (searches.whole.count, searches.whole.start) == (8, searches.minutes[0].start)
    assert activity.course(ActivityKind.INDEXING, minutes=60, until=now).minutes[-1].median is None


@pytest.mark.django_db
def test_a_day_later_it_is_forgotten() -> None:
    took(5)
    Activity.objects.update(minute=timezone.now() - timedelta(hours=23))
    sweeping.tidy()
    assert Activity.objects.exists()
    Activity.objects.update(minute=timezone.now() - timedelta(hours=25))
    sweeping.tidy()
    assert not Activity.objects.exists()


@pytest.mark.django_db
def test_searches_and_documents_are_counted_where_they_happen(collection: Collection, drain: Drain) -> None:
    save(collection, "one", "The first text.")
    save(collection, "two", "The second text.")
    assert activity.course(ActivityKind.INDEXING, minutes=2).whole.count == 0
    drain(collection)
    assert activity.course(ActivityKind.INDEXING, minutes=2).whole.count == 2
    search(SearchRequest(collections=(collection,), query="first"))
    assert activity.course(ActivityKind.SEARCH, minutes=2).whole.count == 1


@pytest.mark.django_db
def test_what_the_database_did_not_take_is_written_the_next_time() -> None:
    written: dict[str, int] = {}

    def write(waiting: Mapping[str, int]) -> None:
        if is_down:
            raise OperationalError("database is locked")
        written.update(waiting)

    with override_settings(FLUSH_SECONDS=3600):
        later: Postponed[str, int] = Postponed("numbers", write)
        is_down = True
        later.add("a", 3)
        later.flush()
        is_down = False
        later.add("a", 4)
        later.add("b", 1)
        later.flush()
        assert written == {"a": 7, "b": 1}
        written.clear()
        later.flush()
        assert not written, "it was written a second time"
