"""The search for programs: what it answers, what it refuses, and who may ask."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client, override_settings

from collections_app import services
from collections_app.models import AccessLevel, Collection, CollectionGrant, User
from search_app.search import MOST_RESULTS
from tests.conftest import Drain, save
from tests.search_app import broken
from tests.search_app.conftest import declare

pytestmark = pytest.mark.django_db


def get(client: Client, address: str = "/api/search", *, status: int = 200, **parameters: Any) -> dict[str, Any]:
    response = client.get(address, parameters)
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    answer: dict[str, Any] = response.json()
    return answer


def keys(answer: dict[str, Any]) -> list[str]:
    return [hit["key"] for hit in answer["hits"]]


# --- answers ------------------------------------------------------------------------------------------------------


def test_an_answer_holds_all_that_is_known_of_each_hit(client: Client, films: Collection) -> None:
    answer = get(client, q="an astronaut drifts in space", collection="films")
    assert set(answer) == {"query", "collection", "mode", "hits", "has_more", "degraded", "answered", "timings_ms"}
    assert (answer["query"], answer["collection"]) == ("an astronaut drifts in space", "films")
    assert answer["mode"] == "hybrid"
    assert (answer["has_more"], answer["degraded"], answer["answered"]) == (False, None, True)
    assert set(answer["timings_ms"]) == {"embed", "count", "compare", "words", "check", "fuse", "read"}
    gravity = films.documents.get(key="gravity")
    hit = answer["hits"][0]
    assert 0 < hit.pop("score") <= 1
    assert hit.pop("measure") == "fused"
    assert hit == {
        "document": str(gravity.public_id),
        "key": "gravity",
        "title": "Gravity",
        "url": f"/documents/{gravity.public_id}/?revision=1&start=0&end=46#passage",
        "passage": {
            "text": "An astronaut drifts in space after a collision",
            "start": 0,
            "end": 46,
            "revision": 1,
            "address": "",
        },
        "metadata": {"year": 2013, "genres": ["space"]},
    }
    assert client.get(hit["url"]).status_code == 200


def test_filters_are_those_of_the_page(client: Client, films: Collection) -> None:
    assert keys(get(client, q="space", collection="films", year__gte="1990", genres=["space", "crime"])) == [
        "gravity",
        "heat",
    ]


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        ("space year>=2000", ["gravity"]),
        ('space -"drifts in" genres:space', ["alien"]),
        ("space (year<1980 OR year>2000)", ["alien", "gravity"]),
        ("year>=2000", []),
    ],
)
def test_filters_and_phrases_may_be_typed_into_the_question(
    client: Client, films: Collection, question: str, keys: list[str]
) -> None:
    answer = client.get("/api/search", {"q": question, "collection": "films"}).json()
    assert (answer["query"], sorted(hit["key"] for hit in answer["hits"])) == (question, keys)


def test_limit_and_offset_cut_the_ranking_into_pages(client: Client, films: Collection) -> None:
    whole = keys(get(client, q="space", collection="films"))
    pages = [get(client, q="space", collection="films", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [key for page in pages for key in keys(page)] == whole
    assert [page["has_more"] for page in pages] == [True, True, False]


def test_a_field_named_like_a_parameter_is_filtered_with_its_operator(
    client: Client, collection: Collection, drain: Drain
) -> None:
    declare(collection, limit="integer", page="integer")
    for number in range(3):
        save(collection, f"k{number}", f"text {number}", metadata={"limit": number, "page": number})
    drain(collection)
    assert keys(get(client, q="text", collection="notes", limit__eq="1")) == ["k1"]
    assert keys(get(client, q="text", collection="notes", page="2")) == ["k2"]


@pytest.mark.parametrize("text", ["金丝雀就唱歌。", "🐦 sings 🎶", "a </script> & 'b'", "\u202e right to left"])
def test_text_comes_back_as_it_is_in_utf_8(client: Client, collection: Collection, drain: Drain, text: str) -> None:
    save(collection, text, text, title=text)
    drain(collection)
    response = client.get("/api/search", {"q": text, "collection": "notes"})
    assert text in response.content.decode("utf-8")
    answer = response.json()
    assert (answer["query"], answer["hits"][0]["passage"]["text"], answer["hits"][0]["key"]) == (text, text, text)


def test_a_question_of_nothing_has_no_hits(client: Client, films: Collection) -> None:
    assert get(client, q=" ", collection="films")["hits"] == []


def test_why_an_answer_is_less_is_told_by_code_and_reason(
    client: Client, library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store()
    with override_settings(VECTOR_STORES=broken.store("DeadStore")):
        answer = get(client, q="topic 4", collection="library")
    (reason,) = answer["degraded"]
    assert (reason["code"], len(answer["hits"]), answer["answered"]) == ("store_down", 10, True)
    assert "does not answer" in reason["reason"]


def test_without_the_embedder_what_the_words_find_is_the_answer_and_says_so(client: Client, films: Collection) -> None:
    with override_settings(EMBEDDERS=broken.embedder("DeadEmbedder")):
        answer = get(client, q="space", collection="films")
    assert {hit["key"] for hit in answer["hits"]} == {"alien", "gravity"}
    assert [reason["code"] for reason in answer["degraded"]] == ["embedder_down", "words_alone"]
    assert answer["answered"] is True


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"collection": "films"}, "missing_parameter", "“q”"),
        ({"q": "x"}, "missing_parameter", "“collection”"),
        ({"limit": "0"}, "invalid_limit", "1 to 200"),
        ({"limit": "-1"}, "invalid_limit", "“-1”"),
        ({"limit": "ten"}, "invalid_limit", "“ten”"),
        ({"limit": str(MOST_RESULTS + 1)}, "invalid_limit", "1 to 200"),
        ({"limit": "9" * 5000}, "invalid_limit", "1 to 200"),
        ({"mode": "both"}, "invalid_mode", "hybrid, semantic, lexical, rrf"),
        ({"offset": "1.5"}, "invalid_offset", "0 to 200"),
        ({"offset": str(MOST_RESULTS)}, "invalid_request", "Only the best 200"),
        ({"yeer": "1"}, "invalid_filter", "no filter “yeer”. Its filters are: year, genres, colour"),
        ({"year__near": "1"}, "invalid_filter", "unknown operator “near”"),
        ({"year": "soon"}, "invalid_filter", "“soon” does not fit"),
        ({"page": "2"}, "invalid_filter", "no filter “page”"),
    ],
)
def test_a_search_that_cannot_be_run_is_a_400_that_names_the_remedy(
    client: Client, films: Collection, parameters: dict[str, str], code: str, said: str
) -> None:
    asked = {} if code == "missing_parameter" else {"q": "space", "collection": "films"}
    error = get(client, status=400, **asked, **parameters)["error"]
    assert (error["code"], set(error)) == (code, {"code", "message"})
    assert said in error["message"]


@pytest.mark.parametrize("slug", ["nope", "", "\x00", "Films", "💥"])
def test_a_collection_that_is_not_there_is_a_404(client: Client, films: Collection, slug: str) -> None:
    assert get(client, status=404, q="space", collection=slug)["error"]["code"] == "unknown_collection"


@pytest.mark.parametrize("address", ["/api/search", "/api/collections"])
def test_only_get_is_answered(client: Client, address: str) -> None:
    response = client.post(address, {"q": "x"})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("address", ["/api/search", "/api/collections"])
def test_when_sql_does_not_answer_it_is_a_503(client: Client, films: Collection, address: str) -> None:
    from django.db import connection

    def refuse(*args: Any) -> None:
        raise OperationalError("the connection is closed")

    with connection.execute_wrapper(refuse):
        response = client.get(address, {"q": "space", "collection": "films"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["error"]["code"] == "database_unavailable"


# --- permission ---------------------------------------------------------------------------------------------------


def test_who_may_not_read_a_collection_can_neither_search_nor_see_it(client: Client, films: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    reader, stranger = User.objects.create_user("reader"), User.objects.create_user("stranger")
    CollectionGrant.objects.create(collection=films, user=reader, level=AccessLevel.READ)
    for user in (None, stranger):
        if user:
            client.force_login(user)
        assert get(client, status=404, q="space", collection="films")["error"]["code"] == "unknown_collection"
        assert get(client, "/api/collections") == {"collections": []}
    client.force_login(reader)
    assert len(keys(get(client, q="space", collection="films"))) == 5
    assert [known["slug"] for known in get(client, "/api/collections")["collections"]] == ["films"]


# --- collections --------------------------------------------------------------------------------------------------


def test_collections_are_listed_with_what_can_be_found_in_them(
    client: Client, films: Collection, django_assert_max_num_queries: Any
) -> None:
    services.create_collection("空的", slug="空的")
    save(films, "new", "A new film")
    with django_assert_max_num_queries(4):
        answer = get(client, "/api/collections")
    assert answer["collections"] == [
        {
            "slug": "films",
            "name": "Films",
            "description": "Some films.",
            "documents": 6,
            "indexed": 5,
            "pending": 1,
            "failed": 0,
            "passages": 5,
        },
        {
            "slug": "空的",
            "name": "空的",
            "description": "",
            "documents": 0,
            "indexed": 0,
            "pending": 0,
            "failed": 0,
            "passages": 0,
        },
    ]
