"""The search page's counts and orders, on one collection and on several, and what is like something."""

import re
from typing import Any

import pytest
from django.test import Client

from collections_app import services
from collections_app.models import Collection, User
from search_app import facets, search
from tests.conftest import save
from tests.search_app.conftest import declare
from tests.search_app.pages import HTMX, Page, get

pytestmark = pytest.mark.django_db


def ticks(response: Any) -> list[tuple[str, str, bool]]:
    """Return what can be ticked: value, count, and whether it is."""
    boxes = re.findall(
        r'id="value-[0-9a-f]{12}" name="[^"]*" value="([^"]*)"( checked)?> <span>[^<]*</span>'
        r'(?: <span class="count">([^<]*)</span>)?',
        response.content.decode(),
    )
    return [(value, count, bool(checked)) for value, checked, count in boxes]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_values_can_be_ticked_and_say_how_many_documents_have_them(
    client: Client, library: Collection, headers: dict[str, str]
) -> None:
    response = client.get("/", {"q": "topic 4", "collection": "library"}, headers=headers)
    page = Page(response)
    assert "Counted in the 60 best documents" in page.text
    assert ticks(response) == [("blue", "40", False), ("red", "20", False)]
    response = client.get("/", {"q": "topic 4", "collection": "library", "colour": "red"}, headers=headers)
    assert ticks(response) == [("red", "20", True), ("blue", "", False)]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_before_a_question_all_documents_are_counted(
    client: Client, films: Collection, library: Collection, headers: dict[str, str]
) -> None:
    response = client.get("/", {"collection": "library"}, headers=headers)
    assert "Counted in 60 documents" in Page(response).text
    assert ticks(response) == [("blue", "40", False), ("red", "20", False)]
    page = Page(client.get("/", {"collection": "films"}, headers=headers))
    assert "?collection=films&year__gte=1970&year__lt=1980" in page.links()


def test_what_was_not_counted_is_not_said_to_be_nowhere(
    client: Client, library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(library, "the first again", "Of one more colour.", metadata={"colour": "green"})
    monkeypatch.setattr(facets, "MOST_COUNTED", 1)
    monkeypatch.setattr(search, "MOST_COUNTED", 1)
    response = client.get("/", {"collection": "library"})
    assert "Counted in the 1 newest documents" in Page(response).text
    assert {count for _value, count, _ticked in ticks(response)} <= {"", "1"}


def test_a_collection_without_documents_counts_nothing_and_leads_staff_on(client: Client) -> None:
    declare(services.create_collection("Empty"), year="integer", read="boolean")
    page = get(client)
    assert "Counted in" not in page.text
    assert "/admin/" not in page.links()
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert len(get(client).links("/admin/")) == 2


def test_ranges_of_numbers_are_two_filters(client: Client, films: Collection) -> None:
    page = get(client, q="space", collection="films")
    assert "?q=space&collection=films&year__gte=1970&year__lt=1980" in page.links()
    assert "1970 – 1979" in page.text


def test_filters_or_an_order_without_a_question_list_documents(client: Client, films: Collection) -> None:
    page = get(client, collection="films", sort="-year")
    assert "5 documents" in page.text
    assert not page.all("meter")
    assert "selected" in page.all("option", value="-year")[0]
    assert "1 document" in get(client, collection="films", year="1995").text


@pytest.mark.parametrize("asked", ["collection=films&collection=library", "collection=*"])
def test_several_collections_answer_together(
    client: Client, films: Collection, library: Collection, asked: str
) -> None:
    page = Page(client.get(f"/?q=space+topic&{asked}"))
    assert "Films" in page.text
    assert "Library" in page.text
    assert "2 collections were searched" in page.text
    assert "2 collections" in Page(client.get(f"/?{asked}")).text


def test_the_form_keeps_filters_while_the_same_collections_are_chosen(
    client: Client, films: Collection, library: Collection
) -> None:
    both = "collection=films&collection=library"
    kept = client.get(f"/?q=x&{both}&mode=lexical&filters_of=library,films")
    assert kept.headers["Location"].startswith("/?q=x&collection=films&collection=library&mode=lexical")
    dropped = client.get("/?q=x&collection=films&year=1995&sort=year&filters_of=library")
    assert dropped.headers["Location"] == "/?q=x&collection=films"


def test_more_like_this_says_what_it_is_like_and_a_typed_question_takes_its_place(
    client: Client, films: Collection
) -> None:
    identity = films.documents.get(key="gravity").public_id
    page = get(client, like=str(identity), collection="films")
    assert "What is like “Gravity”" in page.text
    assert len(page.all("article")) == 4
    asked = client.get(f"/?q=thief&like={identity}&collection=films&filters_of=films")
    assert asked.headers["Location"] == "/?q=thief&collection=films"
    assert f"?collection=films&like={identity}" in " ".join(Page(client.get(f"/documents/{identity}/")).links())
