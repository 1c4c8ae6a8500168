"""A site with nothing to search: what it offers to do first, to whom."""

import pytest
from django.test import Client

from collections_app import demo, services, tasks
from collections_app.demo import handbook
from collections_app.models import Collection, User
from tests.search_app.pages import Page, get

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> User:
    admin = User.objects.create_superuser("admin")
    client.force_login(admin)
    return admin


def test_who_may_make_collections_is_shown_the_way(client: Client, admin: User) -> None:
    page = get(client)
    assert {"/admin/collections_app/collection/add/", "/admin/collections_app/sourcefile/upload/"} <= set(page.links())
    assert len(page.all("form", action="/demo/")) == 1


def test_others_are_told_whom_to_ask(client: Client) -> None:
    assert "sign in to see yours" in get(client).text
    client.force_login(User.objects.create_user("reader"))
    page = get(client)
    assert "Ask an administrator for access" in page.text
    assert page.all("form", action="/demo/") == []
    assert client.post("/demo/").status_code == 403


def test_the_demo_is_loaded_by_a_worker_while_a_page_waits_for_it(
    client: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    monkeypatch.setattr(tasks.load_demo, "delay", lambda: asked.append(None))
    assert client.post("/demo/").headers["Location"] == "/demo/"
    assert len(asked) == 1
    waiting = client.get("/demo/")
    assert (waiting.status_code, waiting.headers["Refresh"]) == (200, "3")
    services.create_collection("Handbook")
    assert client.get("/demo/").headers["Location"] == "/"
    assert client.post("/demo/").headers["Location"] == "/"
    assert len(asked) == 1


def test_without_a_broker_it_says_so(client: Client, admin: User) -> None:
    response = client.post("/demo/")
    assert response.status_code == 503
    assert "Redis does not answer" in Page(response).text


def test_the_worker_loads_what_was_deleted_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collections_app.demo.standard_library.read", lambda: iter(()))
    for _again in range(2):
        tasks.load_demo()
        collection = Collection.objects.alive().get(slug=demo.HANDBOOK.slug)
        assert collection.documents.alive().count() == len(list(handbook.read()))
        collection.documents.all().delete()
