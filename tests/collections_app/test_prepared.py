"""Statements that are compiled once give what their querysets would, with the values of each execution."""

import gc
import threading
import weakref
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from collections_app.models import Collection
from collections_app.prepared import Many, ManyTexts, Parameter, Statement, prepared
from collections_app.services import create_collection

pytestmark = pytest.mark.django_db


def by_slug() -> Statement[Any]:
    return prepared(lambda: Collection.objects.filter(slug__in=ManyTexts("slugs")).order_by("slug"))


def test_each_execution_asks_anew_with_its_own_values() -> None:
    one, two = create_collection("One"), create_collection("二")
    assert by_slug().rows(slugs=[one.slug, "nothing"]) == [one]
    assert by_slug().rows(slugs=[two.slug]) == [two]
    assert by_slug().rows(slugs=[]) == []
    Collection.objects.filter(pk=one.pk).update(name="Renamed")
    assert by_slug().rows(slugs=[one.slug])[0].name == "Renamed"


def test_it_is_one_statement_in_one_text_however_many_values_there_are() -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        rows = prepared(lambda: Collection.objects.filter(pk__in=Many("ids")).values_list("pk")).rows(ids=range(50_000))
    assert (len(asked), rows) == (1, [])


def test_what_decides_the_queryset_belongs_to_the_key() -> None:
    collection = create_collection("One")

    def columns(*names: str) -> list[Any]:
        return prepared(lambda: Collection.objects.filter(pk=Parameter("pk")).values_list(*names), names).rows(
            pk=collection.pk
        )

    assert (columns("name"), columns("name", "slug")) == ([("One",)], [("One", collection.slug)])


def test_a_value_that_is_missing_is_an_error_and_no_condition_less() -> None:
    with pytest.raises(KeyError):
        by_slug().rows()


def test_a_queryset_that_can_have_no_rows_has_none() -> None:
    assert prepared(lambda: Collection.objects.filter(pk__in=[])).rows() == []


def test_columns_that_only_the_order_needs_are_no_part_of_a_row() -> None:
    collections = [create_collection(name) for name in ("One", "二")]
    by_name = Collection.objects.distinct().order_by("name").values_list("slug")
    assert prepared(lambda: by_name).rows() == list(by_name) == [(collection.slug,) for collection in collections]


def test_the_connection_of_a_thread_that_compiled_a_statement_goes_with_the_thread() -> None:
    compiled: list[Any] = []

    def compile_it() -> None:
        statement = Statement(Collection.objects.filter(slug=Parameter("slug")).values_list("pk"))
        compiled.extend((statement, weakref.ref(connections["default"])))

    thread = threading.Thread(target=compile_it)
    thread.start()
    thread.join()
    gc.collect()
    statement, its_connection = compiled
    assert its_connection() is None
    assert statement.rows(slug=create_collection("One").slug)
