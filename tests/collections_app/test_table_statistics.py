"""PostgreSQL is told that tables have grown, before it would find out."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from collections_app import table_statistics
from collections_app.models import Activity, ActivityKind

TABLE = Activity._meta.db_table


def write(count: int) -> None:
    now = timezone.now()
    Activity.objects.bulk_create(
        Activity(minute=now + timedelta(minutes=number), kind=ActivityKind.SEARCH, bucket=0, count=1)
        for number in range(count)
    )
    with connection.cursor() as cursor:
        # The server notes what a session wrote when it is idle for a second.
        cursor.execute("SELECT pg_stat_force_next_flush()")
    connection.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_table_that_has_grown_is_analysed_once() -> None:
    write(table_statistics.LEAST_ROWS)
    assert TABLE in table_statistics.renew()
    connection.close()
    assert TABLE not in table_statistics.renew()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_table_that_has_hardly_changed_is_left_alone() -> None:
    write(10)
    assert TABLE not in table_statistics.renew()


@pytest.mark.django_db
def test_it_may_be_called_on_any_database() -> None:
    assert isinstance(table_statistics.renew(), list)
