"""A passage among its neighbours, with the words of the question and the sentence nearest to it."""

import pytest
from django.test import Client, override_settings

from collections_app import services
from collections_app.models import Collection
from search_app.neighbours import neighbours_of
from tests.conftest import Drain, save
from tests.search_app import broken
from tests.search_app.conftest import ask
from tests.search_app.pages import Page

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
TEXT = "# One\n\nFirst one here.\n\n# Two\n\nThe rain fell. A silver rocket flew.\n\n# Three\n\nLast one here."


@pytest.fixture
def address(collection: Collection, drain: Drain) -> str:
    """Where the passage with the rocket is shown in its context."""
    save(collection, "k", TEXT)
    drain(collection)
    collection.serving_index.refresh_from_db()  # type: ignore[union-attr]
    chunk = ask(collection, "silver rocket").hits[0].chunk
    return (
        f"/documents/{chunk.document.public_id}/context/"
        f"?revision={chunk.revision}&start={chunk.start}&end={chunk.end}&q=silver+rocket"
    )


def test_the_results_lead_to_it(client: Client, collection: Collection, address: str) -> None:
    assert address in Page(client.get("/", {"q": "silver rocket"})).links("/documents/")


def test_it_marks_the_words_and_the_closest_sentence(client: Client, address: str) -> None:
    response = client.get(address, headers=HTMX)
    assert response.status_code == 200
    page = Page(response)
    assert len(page.all("mark")) >= 2
    assert page.all("span", class_="close")
    assert "the sentence nearest to the question" in page.text


def test_without_htmx_it_is_the_document_itself(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert client.get(response.headers["Location"]).status_code == 200


def test_while_nothing_can_be_embedded_the_words_alone_are_marked(client: Client, address: str) -> None:
    with override_settings(EMBEDDERS=broken.embedder("DeadEmbedder")):
        page = Page(client.get(address, headers=HTMX))
    assert page.all("mark")
    assert "nearest to the question" not in page.text


def test_a_passage_that_is_gone_leads_to_its_document(
    client: Client, collection: Collection, drain: Drain, address: str
) -> None:
    save(collection, "k", "Nothing of it is left.")
    drain(collection)
    response = client.get(address, headers=HTMX)
    assert response.headers["HX-Redirect"].startswith("/documents/")


def test_a_private_passage_is_a_404(client: Client, collection: Collection, address: str) -> None:
    Collection.objects.filter(pk=collection.pk).update(visibility="private")
    assert client.get(address, headers=HTMX).status_code == 404


def test_neighbours_are_those_before_and_after_in_the_same_document(library: Collection) -> None:
    chunks = list(library.documents.get(key="book 7").chunks.order_by("position"))
    near = neighbours_of(chunks[:1], count=1)[chunks[0].pk]
    assert (near.before, near.after) == ([], chunks[1:2])
    assert neighbours_of([], count=1) == {}


def test_more_of_it_is_shown_step_by_step_and_the_passage_alone_again(client: Client, drain: Drain) -> None:
    collection = services.create_collection("Owls", chunk_size=12)
    save(collection, "long", "\n\n".join(f"# Part {n}\n\nThe owl of number {n} is awake." for n in range(12)))
    drain(collection)
    document = collection.documents.get(key="long")
    middle = document.chunks.filter(state="live").order_by("position")[5]
    address = f"/documents/{document.public_id}/context/?revision=1&start={middle.start}&end={middle.end}&q=owl"
    shown = []
    for count in ("", "&count=3", "&count=5", "&count=99", "&count=0"):
        page = Page(client.get(address + count, headers=HTMX))
        numbers = [number for number in range(12) if f"number {number} " in page.text]
        shown.append((numbers[0], numbers[-1], [link.rpartition("count=")[2] for link in page.links("/documents/")]))
    assert shown == [
        (4, 6, ["3", "0"]),
        (2, 8, ["5", "0"]),
        (0, 10, ["0"]),
        (0, 10, ["0"]),
        (5, 5, ["2"]),
    ]
