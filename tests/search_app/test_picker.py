"""Choosing collections: with one there is nothing to choose, with fifty their list can be narrowed down."""

import pytest
from django.test import Client

from collections_app import services
from collections_app.models import Collection, User
from tests.search_app.pages import Page, get

pytestmark = pytest.mark.django_db


def boxes(page: Page) -> dict[str | None, bool]:
    """Return the collections that can be ticked, and whether they are."""
    return {box["value"]: "checked" in box for box in page.all("input", name="collection", type="checkbox")}


def test_one_collection_is_named_and_not_chosen(client: Client, films: Collection) -> None:
    page = get(client, q="space")
    assert boxes(page) == {}
    assert page.all("input", name="collection") == [{"type": "hidden", "name": "collection", "value": "films"}]


def test_others_are_a_link_away_and_can_be_ticked_beside_it(
    client: Client, films: Collection, library: Collection
) -> None:
    page = get(client, q="space", collection="films", year="1979", sort="year", mode="lexical")
    assert boxes(page) == {"*": False, "films": True, "library": False}
    # The question and how it is asked go along; the filters and the order are of the collection that is left.
    assert "/?q=space&collection=library&mode=lexical" in page.links()
    assert "/?q=space&collection=*&mode=lexical" in page.links()
    assert boxes(Page(client.get("/?collection=films&collection=library"))) == {
        "*": False,
        "films": True,
        "library": True,
    }
    assert boxes(get(client, collection="*")) == {"*": True, "films": False, "library": False}


def test_fifty_collections_can_be_narrowed_down_and_not_all_be_searched_at_once(
    client: Client, films: Collection
) -> None:
    for number in range(50):
        services.create_collection(f"Collection {number:02}")
    page = get(client, q="space", collection="films")
    assert len(boxes(page)) == 51
    assert next(iter(boxes(page))) == "films"
    assert "*" not in boxes(page)
    assert len(page.all("input", id="narrow")) == 1


def test_what_may_not_be_read_is_not_offered(client: Client, films: Collection, library: Collection) -> None:
    Collection.objects.filter(pk=library.pk).update(visibility="private")
    assert boxes(get(client)) == {}
    client.force_login(User.objects.create_superuser("admin"))
    assert "library" in boxes(get(client))
