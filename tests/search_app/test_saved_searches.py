"""Searches that people keep: saved, run, renamed and deleted by their owner, and seen by nobody else."""

from typing import Any

import pytest
from django.test import Client

from collections_app.models import Collection, SavedSearch, User
from tests.search_app.pages import Page

pytestmark = pytest.mark.django_db

SEARCH = "q=space&collection=films&year__gte=1979"


@pytest.fixture
def reader(client: Client) -> User:
    reader = User.objects.create_user("reader")
    client.force_login(reader)
    return reader


def kept(owner: User) -> list[tuple[str, str]]:
    return list(owner.saved_searches.values_list("name", "query_string"))


def save(client: Client, name: str, search: str = SEARCH) -> Any:
    return client.post(f"/saved/?{search}", {"name": name})


def test_a_search_is_saved_under_a_name_and_leads_back_to_it(client: Client, films: Collection, reader: User) -> None:
    assert f"/saved/?{SEARCH}" in Page(client.get(f"/?{SEARCH}")).links()
    form = Page(client.get(f"/saved/?{SEARCH}&page=3"))
    assert form.all("input", name="name")[0]["value"] == "space"
    assert save(client, "Films in space").headers["Location"] == "/saved/"
    assert kept(reader) == [("Films in space", f"?{SEARCH}")]
    assert SavedSearch.objects.get().collection == films
    assert f"/?{SEARCH}" in Page(client.get("/saved/")).links()
    assert f"/?{SEARCH}" in Page(client.get("/")).links()


def test_a_search_of_the_likeliest_collection_stays_a_search_of_that_one(
    client: Client, films: Collection, reader: User
) -> None:
    save(client, "Anything", "q=space")
    save(client, "Everywhere", "q=space&collection=*")
    assert kept(reader) == [("Anything", "?q=space&collection=films"), ("Everywhere", "?q=space&collection=*")]
    assert SavedSearch.objects.get(name="Everywhere").collection is None


def test_a_name_is_given_once(client: Client, films: Collection, reader: User) -> None:
    save(client, "Films")
    response = save(client, "Films", "q=other")
    assert response.status_code == 400
    assert "You have a saved search of this name." in Page(response).text
    assert kept(reader) == [("Films", f"?{SEARCH}")]
    other = User.objects.create_user("other")
    client.force_login(other)
    assert save(client, "Films").status_code == 302
    assert [name for name, _search in kept(other)] == ["Films"]


@pytest.mark.parametrize(("name", "search"), [("", SEARCH), ("x" * 201, SEARCH), ("Nothing", "")])
def test_what_cannot_be_saved_says_why(client: Client, films: Collection, reader: User, name: str, search: str) -> None:
    response = save(client, name, search)
    assert response.status_code == 400
    assert 'role="alert"' in response.content.decode()
    assert kept(reader) == []


def test_it_is_renamed_and_deleted(client: Client, films: Collection, reader: User) -> None:
    save(client, "One")
    save(client, "Two", "q=two")
    one = SavedSearch.objects.get(name="One").public_id
    assert client.post(f"/saved/{one}/rename/", {"name": "Three"}).headers["Location"] == "/saved/"
    refused = client.post(f"/saved/{one}/rename/", {"name": "Two"})
    assert (refused.status_code, "of this name" in Page(refused).text) == (400, True)
    assert sorted(name for name, _search in kept(reader)) == ["Three", "Two"]
    for _again in range(2):
        assert client.post(f"/saved/{one}/delete/").headers["Location"] == "/saved/"
    assert [name for name, _search in kept(reader)] == ["Two"]


def test_others_neither_see_nor_change_it(client: Client, films: Collection, reader: User) -> None:
    save(client, "Mine")
    mine = SavedSearch.objects.get().public_id
    client.force_login(User.objects.create_user("other"))
    assert "Mine" not in Page(client.get("/saved/")).text
    assert client.post(f"/saved/{mine}/rename/", {"name": "Yours"}).status_code == 404
    client.post(f"/saved/{mine}/delete/")
    assert kept(reader) == [("Mine", f"?{SEARCH}")]


def test_without_an_account_one_is_asked_to_sign_in(client: Client, films: Collection) -> None:
    assert client.get(f"/saved/?{SEARCH}").headers["Location"].startswith("/login/?next=/saved/")
    assert "/saved/" not in " ".join(Page(client.get(f"/?{SEARCH}")).links())


def test_a_collection_that_may_no_longer_be_read_is_not_named(client: Client, films: Collection, reader: User) -> None:
    save(client, "Kept")
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    page = Page(client.get("/saved/"))
    assert "Kept" in page.text
    assert "Its collection is gone, or you may not read it any more." in page.text
    assert "Films" not in page.text
    assert client.get("/saved/?q=x&collection=films").status_code == 404


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "太空电影 🚀"])
def test_any_name_is_shown_as_it_is(client: Client, films: Collection, reader: User, name: str) -> None:
    save(client, name)
    response = client.get("/saved/")
    assert name in Page(response).text
    assert "<script>alert" not in response.content.decode()
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
