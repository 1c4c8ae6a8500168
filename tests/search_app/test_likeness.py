"""More like this: by stored vectors, without the document itself, and only among what may be read."""

from collections.abc import Callable

import pytest
from django.test import Client, override_settings

from collections_app import profiles, services
from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Collection, User
from search_app.asking import liked
from search_app.leg import Measure
from search_app.request import Likeness
from tests.conftest import Drain, save
from tests.search_app import broken
from tests.search_app.conftest import ask, keys, where

pytestmark = pytest.mark.django_db


def like(collection: Collection, key: str, start: int = 0, end: int = 0) -> Likeness:
    return Likeness(collection.documents.select_related("collection", "content").get(key=key), start, end)


def test_what_is_like_a_document_comes_nearest_first_and_without_it(films: Collection) -> None:
    response = ask(films, "", like=like(films, "gravity"))
    assert set(keys(response)) == {"alien", "heat", "ran", "stalker"}
    assert keys(response)[0] == "alien"
    assert {hit.measure for hit in response.hits} == {Measure.COSINE}


def test_nothing_is_embedded_for_it(films: Collection) -> None:
    with override_settings(EMBEDDERS=broken.embedder("DeadEmbedder")):
        response = ask(films, "", like=like(films, "gravity"))
    assert (len(response.hits), response.degraded) == (4, ())


def test_a_passage_is_compared_by_itself(library: Collection) -> None:
    chunks = list(library.documents.get(key="book 7").chunks.order_by("position"))
    found = ask(library, "", like=like(library, "book 7", chunks[1].start, chunks[1].end), limit=5)
    assert all("second passage" in hit.chunk.text for hit in found.hits)
    assert "book 7" not in keys(found)


def test_a_passage_that_is_gone_gives_way_to_its_document(films: Collection) -> None:
    assert keys(ask(films, "", like=like(films, "gravity", 5000, 6000))) == keys(
        ask(films, "", like=like(films, "gravity"))
    )


def test_filters_hold_and_pages_follow_each_other(library: Collection, ask_the_store: Callable[..., None]) -> None:
    ask_the_store()
    red, liked_one = where(library, colour="red"), like(library, "book 3")
    whole = keys(ask(library, "", like=liked_one, filter=red, limit=50))
    pages = [keys(ask(library, "", like=liked_one, filter=red, limit=7, offset=at)) for at in range(0, 21, 7)]
    assert [key for page in pages for key in page] == whole
    assert len(whole) == 19


def test_a_document_that_is_not_indexed_yet_says_so(films: Collection) -> None:
    save(films, "new", "A new film")
    with pytest.raises(InvalidSearchRequest, match="still to be indexed"):
        ask(films, "", like=like(films, "new"))


def test_another_model_cannot_compare_and_one_of_the_same_model_can(films: Collection, drain: Drain) -> None:
    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 32})
    for name, profile in (("Foreign", other), ("Same", films.serving_index.profile)):  # type: ignore[union-attr]
        collection = services.create_collection(name, profile=profile)
        save(collection, "drift", "An astronaut drifts")
        drain(collection)
    foreign, same = Collection.objects.get(name="Foreign"), Collection.objects.get(name="Same")
    with pytest.raises(InvalidSearchRequest, match="Search in “Films”"):
        ask(foreign, "", like=like(films, "gravity"))
    assert keys(ask(same, "", like=like(films, "gravity"))) == ["drift"]


def test_a_question_and_a_likeness_together_are_refused(films: Collection) -> None:
    with pytest.raises(InvalidSearchRequest, match="not for both"):
        ask(films, "space", like=like(films, "gravity"))


@pytest.mark.parametrize("given", ["x", "00000000-0000-0000-0000-000000000000", "{id}:1", "{id}:a:b", "{id}:1:2:3"])
def test_what_names_no_document_is_refused(films: Collection, given: str) -> None:
    identity = films.documents.get(key="gravity").public_id
    with pytest.raises(InvalidSearchRequest):
        liked(given.format(id=identity), None)


def test_a_private_document_is_as_unknown_as_none(client: Client, films: Collection, library: Collection) -> None:
    identity = films.documents.get(key="gravity").public_id
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    with pytest.raises(InvalidSearchRequest, match="no such document"):
        liked(str(identity), User.objects.create_user("stranger"))
    assert client.get("/", {"like": str(identity)}).status_code == 404
    assert client.get("/", {"like": str(identity), "collection": "library"}).status_code == 404
    assert client.get("/explain/", {"like": str(identity)}).status_code == 404
