"""Documents in another order than that of their scores, and lists without a question."""

from collections.abc import Callable

import pytest

from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Collection, MetadataField, User
from search_app.leg import Measure
from search_app.request import MOST_LISTED
from search_app.search import Mode
from search_app.sorting import Sort, parse_sort
from tests.conftest import Drain, save
from tests.search_app.conftest import ask, declare, keys, where

pytestmark = pytest.mark.django_db


def by(collection: Collection, given: str) -> Sort | None:
    return parse_sort(given, list(MetadataField.objects.filter(collection=collection)))


@pytest.mark.parametrize("query", ["", "space"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("year", ["alien", "ran", "heat", "gravity", "stalker"]),
        ("-year", ["gravity", "heat", "ran", "alien", "stalker"]),
        ("document.title", ["alien", "gravity", "heat", "ran", "stalker"]),
        ("-document.title", ["stalker", "ran", "heat", "gravity", "alien"]),
        ("document.created", ["alien", "heat", "gravity", "ran", "stalker"]),
        # Of a list the least value counts, or descending the greatest. Ran has none.
        ("genres", ["heat", "alien", "gravity", "stalker", "ran"]),
        ("-genres", ["stalker", "alien", "gravity", "heat", "ran"]),
    ],
)
def test_documents_come_in_the_order_asked_for_and_those_without_a_value_last(
    films: Collection, query: str, given: str, expected: list[str]
) -> None:
    found = keys(ask(films, query, sort=by(films, given)))
    if "genres" in given and query:
        # Equal ones keep the order of their scores.
        assert sorted(found) == sorted(expected)
        assert found[-1] == "ran"
    else:
        assert found == expected


def test_relevance_is_the_usual_order(films: Collection) -> None:
    assert by(films, "") is by(films, "relevance") is None
    assert keys(ask(films, "thief", sort=by(films, "relevance"))) == keys(ask(films, "thief"))


def test_an_order_that_is_not_there_names_those_that_are(films: Collection) -> None:
    with pytest.raises(InvalidSearchRequest, match=r"“size”.*year, genres, colour, document\.title"):
        by(films, "size")


@pytest.mark.parametrize("query", ["", "topic 3"])
@pytest.mark.parametrize("given", ["", "colour", "-colour", "document.title", "size"])
def test_pages_of_an_order_neither_repeat_nor_skip(library: Collection, drain: Drain, query: str, given: str) -> None:
    declare(library, size="integer")
    for number in range(60, 80):
        save(library, f"book {number}", f"Book number {number} speaks.", metadata={"size": number % 3})
    drain(library)
    sort = by(library, given)
    whole = keys(ask(library, query, sort=sort, limit=80))
    pages = [keys(ask(library, query, sort=sort, limit=9, offset=at)) for at in range(0, 80, 9)]
    assert [key for page in pages for key in page] == whole
    assert len(set(whole)) == len(whole) == 80


def test_a_list_keeps_to_the_filter_and_counts_it(library: Collection) -> None:
    response = ask(library, "  ", filter=where(library, colour="red"), limit=5)
    assert keys(response) == ["book 57", "book 54", "book 51", "book 48", "book 45"]
    assert (response.total_estimate, response.has_more, response.answered) == (20, True, True)
    assert {hit.measure for hit in response.hits} == {Measure.NONE}


def test_a_list_ends_where_nobody_reads_on(films: Collection) -> None:
    with pytest.raises(InvalidSearchRequest, match="first 10000 documents"):
        ask(films, "", offset=MOST_LISTED)


def test_a_document_that_is_not_indexed_yet_is_listed_without_a_passage(films: Collection) -> None:
    save(films, "new", "A new film")
    first = ask(films, "", limit=1).hits[0]
    assert (first.document.key, first.chunk.text) == ("new", "")


def test_a_list_shows_the_first_passage_of_each_document(library: Collection) -> None:
    hit = ask(library, "", limit=1).hits[0]
    assert hit.chunk == hit.document.chunks.order_by("position").first()


def test_private_documents_are_not_listed(films: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    with pytest.raises(InvalidSearchRequest, match="may not read"):
        ask(films, "", user=User.objects.create_user("stranger"))


@pytest.mark.parametrize("mode", Mode)
def test_a_sorted_answer_holds_the_documents_of_the_unsorted_one(
    library: Collection, ask_the_store: Callable[..., None], mode: Mode
) -> None:
    ask_the_store()
    question = "Book number 4 speaks of topic 4"
    best = keys(ask(library, question, mode=mode, limit=100))
    assert sorted(keys(ask(library, question, mode=mode, sort=by(library, "colour"), limit=100))) == sorted(best)
