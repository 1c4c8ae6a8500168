"""Statements that PostgreSQL keeps: the same rows, by a name that says what they are, and no trust in a pooler."""

import itertools
import logging
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from collections_app import server_statements
from collections_app.metadata import FieldType
from collections_app.models import Collection, Document, MetadataField, MetadataValue
from collections_app.prepared import Many, ManyTexts, Parameter, Statement, prepared
from collections_app.services import create_collection
from search_app.filter_shape import shape_of
from search_app.filter_sql import Form, condition_of
from search_app.filters import Condition, Expression
from tests.conftest import save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
AWKWARD = "50% of %s, $1 and \\ 'quoted' \"too\" 文 🦊"


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setattr(server_statements, "_servers", server_statements._Servers())


def by_slug(*also: str) -> Statement[Any]:
    """Return a statement with a place, and with constants that others do not have."""
    return prepared(
        lambda: (
            Collection.objects.filter(slug__in=ManyTexts("slugs"))
            .exclude(name__in=[AWKWARD, *also])
            .exclude(slug=Parameter("not"))
            .order_by("pk")
        ),
        also,
    )


def asked(slugs: list[str], *also: str, without: str = "") -> list[Collection]:
    return by_slug(*also).rows(**{"slugs": slugs, "not": without})


def kept() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return int(cursor.fetchone()[0])


def test_what_is_asked_again_and_again_is_kept_and_answers_as_before() -> None:
    one, two, awkward = (create_collection(name) for name in ("One", "Two 二", AWKWARD))
    slugs = [one.slug, two.slug, awkward.slug]
    assert [asked(slugs) for _ in range(2)] == [[one, two]] * 2
    assert kept() == 0
    assert asked(slugs) == [one, two]
    assert kept() == 1
    with CaptureQueriesContext(connection) as queries:
        assert asked([two.slug]) == [two]
        assert asked(slugs, without=two.slug) == [one]
        assert asked([]) == []
        Collection.objects.filter(pk=one.pk).update(name=AWKWARD)
        assert asked(slugs) == [two]
    assert sum(query["sql"].startswith("EXECUTE vectorsite_") for query in queries) == 4


def test_constants_are_part_of_the_name_so_that_no_name_stands_for_two_statements() -> None:
    collection = create_collection("One")
    for _ in range(4):
        assert asked([collection.slug], "Another") == [collection]
        assert asked([collection.slug], "One") == []
    assert kept() == 2


def test_values_of_every_type_are_given_to_one_plan() -> None:
    collection = create_collection("One")
    tea, mate = (save(collection, key, "A text.") for key in ("tea", "mate"))
    values = {
        FieldType.TEXT: AWKWARD,
        FieldType.INTEGER: -(2**63),
        FieldType.NUMBER: 1e-300,
        FieldType.BOOLEAN: False,
        FieldType.DATE: date(1, 1, 1),
        FieldType.DATETIME: datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    }
    for kind, value in values.items():
        field = MetadataField.objects.create(collection=collection, name=kind, source_name=kind, type=kind.value)
        MetadataValue.objects.create(document=tea, field=field, **{kind: value})
        for operator in ("eq", "gte") if kind is not FieldType.BOOLEAN else ("eq",):
            before = kept()
            for form in Form:
                shape = shape_of(Condition(field.spec, operator, (value,)))
                for _ in range(4):
                    documents = statement_of(shape.expression, form).rows(ids=[tea.pk, mate.pk], **shape.values)
                    assert documents == [(tea.pk,)]
            assert kept() == before + len(Form)


def statement_of(expression: Expression, form: Form) -> Statement[tuple[int]]:
    condition = condition_of(expression, document="pk", form=form)
    return prepared(
        lambda: Document.objects.filter(condition, pk__in=Many("ids")).order_by().values_list("pk"), expression, form
    )


def test_in_a_transaction_an_unknown_name_would_cost_everything_so_none_is_used() -> None:
    collection = create_collection("One")
    with transaction.atomic():
        for _ in range(5):
            assert asked([collection.slug]) == [collection]
        assert kept() == 0


def test_what_was_asked_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_statements, "_MOST_KEPT", 2)
    collection = create_collection("One")
    for also in ("a", "b", "c", "a"):
        assert [asked([collection.slug], also) for _ in range(4)] == [[collection]] * 4
        assert kept() <= 2


def test_a_plan_is_made_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create_collection("One")
    monkeypatch.setattr(server_statements, "_LASTS_AT_MOST", 0.0)
    with CaptureQueriesContext(connection) as queries:
        assert [asked([collection.slug]) for _ in range(5)] == [[collection]] * 5
    assert sum(query["sql"].startswith("PREPARE") for query in queries) == 3
    assert kept() == 1


def test_a_statement_that_was_kept_for_long_is_planned_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create_collection("One")
    now = 0.0
    monkeypatch.setattr(server_statements, "time", SimpleNamespace(monotonic=lambda: now))
    planned = []
    for now in range(0, 6000, 10):
        with CaptureQueriesContext(connection) as queries:
            assert asked([collection.slug]) == [collection]
        if any(query["sql"].startswith("PREPARE") for query in queries):
            planned.append(now)
    assert planned[:6] == [20, 50, 80, 140, 260, 500]
    assert {later - earlier for earlier, later in itertools.pairwise(planned[7:])} == {600}


def test_a_server_that_was_handed_on_is_asked_in_full_and_soon_nothing_more_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    collection = create_collection("One")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert "pooler" not in caplog.text
            assert [asked([collection.slug]) for _ in range(4)] == [[collection]] * 4
            assert kept() == 1
            with connection.cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")
            assert asked([collection.slug]) == [collection]
    assert "pooler" in caplog.text
    assert [asked([collection.slug]) for _ in range(5)] == [[collection]] * 5
    assert kept() == 0


def test_a_name_that_another_client_left_behind_is_the_same_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create_collection("One")
    for _ in range(4):
        asked([collection.slug])
    # As a pooler would: a server that knows the statement, to a client that does not know so.
    monkeypatch.setattr(server_statements, "_servers", server_statements._Servers())
    with CaptureQueriesContext(connection) as queries:
        assert [asked([collection.slug]) for _ in range(5)] == [[collection]] * 5
    assert sum(query["sql"].startswith("EXECUTE") for query in queries) == 3


def test_a_connection_that_was_lost_takes_what_was_kept_with_it_and_no_trust() -> None:
    collection = create_collection("One")
    for _ in range(4):
        asked([collection.slug])
    other = connection.copy()
    with connection.cursor() as mine, other.cursor() as cursor:
        mine.execute("SELECT pg_backend_pid()")
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", mine.fetchone())
    other.close()
    # As at the beginning of a request.
    here: Any = connection
    here.health_check_enabled, here.health_check_done = True, False
    try:
        assert [asked([collection.slug]) for _ in range(5)] == [[collection]] * 5
    finally:
        here.health_check_enabled = False
    assert kept() == 1
    assert server_statements._servers._surprises == 0


def test_tables_that_were_altered_meanwhile_are_asked_in_full() -> None:
    collection = create_collection("One")
    for _ in range(4):
        asked([collection.slug])
    table = Collection._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN name TYPE varchar(1000)")
    try:
        assert [asked([collection.slug]) for _ in range(5)] == [[collection]] * 5
    finally:
        with connection.cursor() as cursor:
            length = Collection._meta.get_field("name").max_length
            cursor.execute(f"ALTER TABLE {table} ALTER COLUMN name TYPE varchar({length})")


def test_every_connection_has_its_own() -> None:
    collection = create_collection("One")
    for _ in range(4):
        asked([collection.slug])
    connection.close()
    assert asked([collection.slug]) == [collection]
    assert kept() == 0
