"""Facets: what is counted, among which documents, and what they cost."""

from typing import Any

import pytest

from collections_app import services
from collections_app.models import Collection, User
from search_app import facets as facets_module
from search_app.facets import Among, Facets
from search_app.search import SearchResponse
from tests.conftest import Drain, save
from tests.search_app.conftest import ask, declare, where

pytestmark = pytest.mark.django_db


def counts(response: SearchResponse) -> dict[str, dict[Any, int]]:
    assert isinstance(response.facets, Facets)
    return {
        facet.name: {
            (bucket.value, bucket.until) if bucket.is_range else bucket.value: bucket.count for bucket in facet.buckets
        }
        for facet in response.facets.fields
    }


def test_a_question_counts_the_best_documents_that_it_found(library: Collection) -> None:
    response = ask(library, "topic 4", facets=True)
    assert response.facets is not None
    assert (response.facets.among, response.facets.documents) == (Among.BEST, 60)
    assert counts(response) == {"colour": {"blue": 40, "red": 20}}


def test_a_question_counts_within_its_filters(library: Collection) -> None:
    response = ask(library, "topic 4", filter=where(library, colour="red"), facets=True)
    assert counts(response) == {"colour": {"red": 20}}
    assert response.facets is not None
    assert response.facets.fields[0].is_filtered


def test_a_list_counts_a_filtered_field_as_if_it_were_not_filtered(films: Collection) -> None:
    response = ask(films, "", filter=where(films, genres="space", year__gte="1980"), facets=True)
    assert response.total_estimate == 1
    assert counts(response)["genres"] == {"crime": 1, "space": 1}
    assert counts(response)["year"] == {(1970, 1980): 1, (2010, 2020): 1}


def test_of_a_long_list_the_newest_are_counted_and_it_says_so(
    library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets_module, "MOST_COUNTED", 9)
    response = ask(library, "", facets=True)
    assert response.facets is not None
    assert (response.facets.among, response.facets.documents) == (Among.NEWEST, 9)
    assert counts(response) == {"colour": {"blue": 6, "red": 3}}


def test_values_of_lists_count_each_document_once(films: Collection) -> None:
    assert counts(ask(films, "", facets=True))["genres"] == {"space": 2, "crime": 1, "horror": 1, "zone": 1}


def test_what_leads_nowhere_is_left_out(collection: Collection, drain: Drain) -> None:
    declare(collection, serial="text", note="text", same="integer", empty="date")
    for number in range(4):
        save(collection, f"k{number}", "text", metadata={"serial": f"s{number}", "note": "x" * 200, "same": 7})
    drain(collection)
    assert counts(ask(collection, "text", facets=True)) == {}


def test_facets_cost_few_statements_however_many_fields_there_are(
    collection: Collection, drain: Drain, django_assert_max_num_queries: Any
) -> None:
    declare(collection, **{f"number{at}": "integer" for at in range(6)}, **{f"text{at}": "text" for at in range(6)})
    metadata = {f"number{at}": at for at in range(6)} | {f"text{at}": "x" for at in range(6)}
    for number in range(3):
        save(
            collection,
            f"k{number}",
            "text",
            metadata={name: f"{value}{number}" if str(value).isdigit() else value for name, value in metadata.items()},
        )
    drain(collection)
    with django_assert_max_num_queries(40):
        plain = len(counts(ask(collection, "text", facets=True)))
    assert plain == 12


def test_private_documents_are_in_no_count(films: Collection, library: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    stranger = User.objects.create_user("stranger")
    response = ask(library, "space", facets=True, user=stranger)
    assert set(counts(response)) == {"colour"}


def test_numbers_of_several_collections_are_counted_together(drain: Drain, db: None) -> None:
    asked = []
    for name in ("One", "Two"):
        collection = services.create_collection(name)
        declare(collection, kind="text", year="integer" if name == "One" else "text")
        save(collection, "k", "alike", metadata={"kind": "note", "year": "1999"})
        drain(collection)
        asked.append(collection)
    assert counts(ask(asked[0], "alike", also=asked[1:], facets=True)) == {"kind": {"note": 2}}
