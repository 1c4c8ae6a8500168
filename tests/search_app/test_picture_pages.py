"""The pages that show a collection's vectors: to whom, what of it, and what when there is nothing."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from collections_app import pictures, services, tasks
from collections_app.exceptions import EmbedderUnavailable
from collections_app.models import Chunk, Collection, Document, IndexPicture, User, Visibility
from search_app import query_vectors
from tests.conftest import Drain, save, serving_index
from tests.search_app.conftest import declare
from tests.search_app.pages import EVIL, Page

pytestmark = pytest.mark.django_db

PAGES = ("map", "similarities", "clusters", "near-duplicates", "outliers")


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indexes whose picture somebody asked a worker to make."""
    asked: list[int] = []
    monkeypatch.setattr(tasks, "ring", lambda task, identity: asked.append(identity))
    return asked


@pytest.fixture
def drawn(library: Collection) -> Collection:
    """The library, whose picture is made."""
    assert pictures.make(serving_index(library))
    return library


def get(client: Client, collection: Collection, name: str = "map", query: str = "") -> Page:
    response = client.get(f"/collections/{collection.slug}/{name}/{query}")
    assert response.status_code == 200, response.content.decode()
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    return Page(response)


def points(client: Client, collection: Collection, query: str = "") -> Any:
    response = client.get(f"/collections/{collection.slug}/map/points/{query}")
    assert response.status_code == 200
    return response.json()


# --- whether there is anything to see -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_that_was_never_made_is_asked_for_and_the_page_looks_again(
    client: Client, films: Collection, rung: list[int], name: str
) -> None:
    page = get(client, films, name)
    assert "This picture is being made" in page.text
    assert (
        page.all("meta", http_equiv="refresh") or ("meta", {"http-equiv": "refresh", "content": "3"}) in page.elements
    )
    assert rung == [films.serving_index_id]
    assert client.get("/collections/films/map/points/").status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_collection_says_so(client: Client, collection: Collection, rung: list[int], name: str) -> None:
    assert "This collection has no indexed passages" in get(client, collection, name).text
    assert rung == []


@pytest.mark.parametrize("name", PAGES)
def test_a_collection_without_vectors_says_so(client: Client, library: Collection, name: str) -> None:
    Chunk.objects.update(embedding=None)
    assert pictures.make(serving_index(library))
    assert "None of the passages of this collection has a vector" in get(client, library, name).text


@pytest.mark.parametrize("name", PAGES)
def test_one_passage_is_enough_for_every_page(client: Client, collection: Collection, drain: Drain, name: str) -> None:
    save(collection, "only", "The only one")
    drain(collection)
    assert pictures.make(serving_index(collection))
    page = get(client, collection, name, "?q=only&plain=1")
    assert "Made of 1 passages" in page.text


def test_a_picture_that_is_out_of_date_is_shown_and_made_again_after_a_rest(
    client: Client, drawn: Collection, drain: Drain, rung: list[int]
) -> None:
    assert "out of date" not in get(client, drawn).text
    save(drawn, "new", "A new one")
    drain(drawn)
    assert "made again when somebody looks at it a little later" in get(client, drawn).text
    assert rung == []
    IndexPicture.objects.update(made_at="2020-01-01T00:00:00Z")
    assert "a worker is about to make it again" in get(client, drawn).text
    assert rung == [drawn.serving_index_id]


# --- who sees what ------------------------------------------------------------------------------------------------


def test_a_private_collection_is_as_unknown_as_one_that_is_not_there(client: Client, drawn: Collection) -> None:
    made_as = IndexPicture.objects.get().made_as
    paths = [f"/collections/{{}}/{name}/" for name in PAGES]
    paths += ["/collections/{}/map/points/", f"/collections/{{}}/map/{made_as}/0/"]
    assert [client.get(path.format("library")).status_code for path in paths] == [200] * 7
    Collection.objects.update(visibility=Visibility.PRIVATE)
    assert [client.get(path.format("library")).status_code for path in paths] == [404] * 7
    assert [client.get(path.format("nowhere")).status_code for path in paths] == [404] * 7
    assert client.get("/collections/*/map/").status_code == client.get("/collections/%00/map/").status_code == 404
    client.force_login(User.objects.create_superuser("admin"))
    assert [client.get(path.format("library")).status_code for path in paths] == [200] * 7


def test_what_is_deleted_or_changed_is_on_no_page_from_its_commit_on(
    client: Client, films: Collection, drain: Drain
) -> None:
    save(films, "copy", "A crew meets a creature in space", title="Alien")
    drain(films)
    assert pictures.make(serving_index(films))
    places = points(client, films)["place"]
    picture = pictures.read(serving_index(films))
    assert picture
    gone = [
        place
        for place in places
        if Chunk.objects.get(pk=int(picture.chunks[place])).document.key in {"alien", "copy", "heat"}
    ]
    assert "Alien" in get(client, films, "near-duplicates").text
    Document.objects.filter(key__in=["alien", "copy"]).delete()
    save(films, "heat", "Something else altogether", title="Heat")
    left = points(client, films)["place"]
    assert set(places) - set(left) == set(gone)
    for name in PAGES:
        text = get(client, films, name, "?q=creature&plain=1").text
        assert "Alien" not in text
        assert "detective" not in text
    for place in gone:
        assert client.get(f"/collections/films/map/{picture.made_as}/{place}/").status_code == 404


def test_a_word_that_no_passage_has_any_more_is_not_called_typical(
    client: Client, collection: Collection, drain: Drain
) -> None:
    for number in range(40):
        save(collection, f"a{number}", f"zebra zebra stripes savanna grass n{number}")
        save(collection, f"b{number}", f"violin concert strings orchestra m{number}")
    drain(collection)
    assert pictures.make(serving_index(collection))
    assert "zebra" in get(client, collection, "clusters", "?clusters=2").text
    for number in range(40):
        save(collection, f"a{number}", f"horse stripes savanna grass n{number}")
    drain(collection)
    text = get(client, collection, "clusters", "?clusters=2").text
    assert "zebra" not in text
    assert "violin" in text


def test_nothing_that_a_document_holds_becomes_markup(client: Client, collection: Collection, drain: Drain) -> None:
    declare(collection, colour="text")
    for number in range(3):
        save(collection, str(number), f"{EVIL} {number}", title=EVIL, metadata={"colour": EVIL})
    drain(collection)
    assert pictures.make(serving_index(collection))
    for name in PAGES:
        page = get(client, collection, name, "?q=script&plain=1&colour=colour&above=0.9")
        assert [script for script in page.all("script") if not (script.get("src") or "").startswith("/")] == []
        assert all(image.get("alt") == "" for image in page.all("img"))
    card = client.get(f"/collections/notes/map/{IndexPicture.objects.get().made_as}/0/")
    assert card.headers["Content-Type"] == "application/json"
    assert json.loads(card.content)["title"] == EVIL


# --- the map ------------------------------------------------------------------------------------------------------


def test_each_point_leads_to_its_passage(client: Client, drawn: Collection) -> None:
    got = points(client, drawn)
    assert len(got["x"]) == len(got["y"]) == len(got["class"]) == len(got["place"]) == 120
    card = client.get(f"/collections/library/map/{got['made']}/{got['place'][3]}/").json()
    assert set(card) == {"title", "address", "text", "url"}
    assert card["text"] in Page(client.get(card["url"])).text
    assert client.get(f"/collections/library/map/{uuid.uuid4()}/3/").status_code == 404
    assert client.get(f"/collections/library/map/{got['made']}/120/").status_code == 404


def test_points_are_coloured_by_the_values_of_a_field(client: Client, drawn: Collection) -> None:
    page = get(client, drawn, "map", "?colour=colour")
    assert "blue 80 red 40" in page.text
    assert sorted(set(points(client, drawn, "?colour=colour")["class"])) == [0, 1]
    assert points(client, drawn, "?colour=nonsense")["class"] == points(client, drawn)["class"]


def test_numbers_are_coloured_by_steps_of_about_as_many_points(client: Client, films: Collection) -> None:
    assert pictures.make(serving_index(films))
    got = points(client, films, "?colour=year")
    assert got["scale"] is True
    assert sorted(got["class"]) == [0, 2, 4, 6, 101]
    page = get(client, films, "map", "?colour=year")
    assert "1979 1" in page.text
    assert "no value 1" in page.text


def test_a_list_is_coloured_by_its_first_value_and_the_page_says_so(client: Client, films: Collection) -> None:
    assert pictures.make(serving_index(films))
    page = get(client, films, "map", "?colour=genres")
    assert "Documents with several values have the colour of the first one." in page.text
    assert "no value 1" in page.text


def test_a_question_is_on_the_map_with_the_hits_of_the_search(client: Client, films: Collection) -> None:
    assert pictures.make(serving_index(films))
    page = get(client, films, "map", "?q=astronaut+in+space")
    (element,) = [found for found in page.all("div") if found.get("id") == "map"]
    assert {"data-x", "data-y", "data-question"} <= element.keys()
    hits = [found for found in page.all("li") if "data-x" in found and "data-class" not in found]
    assert len(hits) == 5
    search = Page(client.get("/?q=astronaut+in+space&collection=films"))
    assert page.links("/documents/")[:5] == [link for link in search.links("/documents/") if "#passage" in link][:5]


def test_without_an_embedder_words_find_and_the_page_says_why_the_question_is_not_there(
    client: Client, films: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pictures.make(serving_index(films))

    def down(*_args: object) -> None:
        raise EmbedderUnavailable("down")

    monkeypatch.setattr(query_vectors, "embedder_for", down)
    for name in ("map", "similarities"):
        page = get(client, films, name, "?q=astronaut")
        assert "Gravity" in page.text
        assert [found for found in page.all("p") if "warning" in (found.get("class") or "")]
        assert not any("data-question" in found for found in page.all("div"))


def test_without_javascript_the_map_is_drawn_by_the_site(client: Client, drawn: Collection) -> None:
    assert "0; url=?plain=1" in client.get("/collections/library/map/").content.decode()
    page = get(client, drawn, "map", "?plain=1&q=topic")
    assert page.all("canvas") == []
    assert len([path for path in page.all("path") if (path.get("class") or "").startswith("value-")]) >= 120
    assert "?" in page.text
    assert len(page.links("/documents/")) >= 120


# --- the other pages ----------------------------------------------------------------------------------------------


def test_similarities_show_every_passage_beside_random_pairs(client: Client, drawn: Collection) -> None:
    before = get(client, drawn, "similarities")
    assert "taken at random, have a cosine of" in before.text
    page = get(client, drawn, "similarities", "?q=Book+number+7")
    assert "cosines of the question with 120 passages" in page.text
    assert "7,140 random pairs" in page.text
    assert len(page.all("rect")) > 3


def test_the_number_of_clusters_can_be_chosen(client: Client, drawn: Collection) -> None:
    page = get(client, drawn, "clusters", "?clusters=5")
    assert len([heading for heading, _attributes in page.elements if heading == "h2"]) == 5
    sizes = sum(int(part.split()[-1]) for part in page.text.split(" passages,")[:-1])
    assert sizes + page.text.count("1 passage,") == 120
    assert page.links("/documents/")
    assert get(client, drawn, "clusters", "?clusters=nonsense").text == get(client, drawn, "clusters").text


def test_near_duplicates_show_both_texts_from_a_chosen_cosine_on(
    client: Client, films: Collection, drain: Drain
) -> None:
    save(films, "copy", "A crew meets a creature in space", title="Alien")
    drain(films)
    assert pictures.make(serving_index(films))
    page = get(client, films, "near-duplicates")
    assert page.text.count("A crew meets a creature in space") == 2
    assert "the same text" in page.text
    assert len(set(page.links("/documents/"))) == 2
    services.delete_documents(Document.objects.filter(key="copy"))
    assert "No two passages of different documents are so much alike" in get(client, films, "near-duplicates").text
    for above in ("nan", "x", "2", "-1", ""):
        get(client, films, "near-duplicates", f"?above={above}&page=99")


def test_outliers_are_listed_in_pages(client: Client, drawn: Collection) -> None:
    first = get(client, drawn, "outliers")
    assert "Page 1 of 5" in first.text
    assert "?page=2" in first.links()
    second = get(client, drawn, "outliers", "?page=2")
    assert set(first.links("/documents/")).isdisjoint(second.links("/documents/"))


def test_the_collections_page_in_the_admin_leads_to_the_map(admin_client: Client, drawn: Collection) -> None:
    page = Page(admin_client.get(f"/admin/collections_app/collection/{drawn.pk}/change/"))
    assert "/collections/library/map/" in page.links()
    assert "/collections/library/map/" in Page(admin_client.get("/?collection=library")).links()
