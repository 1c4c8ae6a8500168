"""The search for programs: what it answers, what it refuses, and who may ask."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client, override_settings

from collections_app import services
from collections_app.models import AccessLevel, Collection, CollectionGrant, User
from search_app.api.problems import KINDS
from search_app.search import MOST_RESULTS
from tests.conftest import Drain, save
from tests.search_app import broken
from tests.search_app.conftest import declare

pytestmark = pytest.mark.django_db

SEARCH = "/api/v1/search"
COLLECTIONS = "/api/v1/collections"


def get(client: Client, address: str = SEARCH, *, status: int = 200, **parameters: Any) -> dict[str, Any]:
    return _read(client.get(address, parameters), status)


def post(client: Client, *, status: int = 200, **asked: Any) -> dict[str, Any]:
    return _read(client.post(SEARCH, json.dumps(asked), content_type="application/json"), status)


def _read(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    kind = "application/json; charset=utf-8" if status == 200 else "application/problem+json"
    assert (response.headers["Content-Type"], response.headers["Cache-Control"]) == (kind, "no-store")
    answer: dict[str, Any] = response.json()
    return answer


def keys(answer: dict[str, Any]) -> list[str]:
    return [hit["key"] for hit in answer["hits"]]


# --- answers ------------------------------------------------------------------------------------------------------


def test_an_answer_holds_all_that_is_known_of_each_hit(client: Client, films: Collection) -> None:
    answer = get(client, q="an astronaut drifts in space", collection="films")
    assert answer.pop("timings_ms").keys() == {"embed", "count", "compare", "words", "check", "fuse", "read"}
    hits = answer.pop("hits")
    assert answer == {
        "query": "an astronaut drifts in space",
        "collections": ["films"],
        "mode": "hybrid",
        "has_more": False,
        "documents": None,
        "degraded": None,
        "answered": True,
    }
    gravity = films.documents.get(key="gravity")
    assert 0 < hits[0].pop("score") <= 1
    assert hits[0] == {
        "document": str(gravity.public_id),
        "collection": "films",
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
        "measure": "fused",
        "metadata": {"year": 2013, "genres": ["space"]},
        "highlights": [[3, 12], [13, 19], [23, 28]],
    }
    assert client.get(hits[0]["url"]).status_code == 200


def test_filters_of_the_address_are_those_of_the_page_typed_or_given(client: Client, films: Collection) -> None:
    given = get(client, q="space", collection="films", year__gte="1990", genres=["space", "crime"])
    typed = get(client, q="space year>=1990 genres:space,crime", collection="films")
    assert keys(given) == keys(typed) == ["gravity", "heat"]
    assert typed["query"] == "space"


def test_filters_of_the_body_are_json_and_its_query_is_taken_as_it_stands(client: Client, films: Collection) -> None:
    answer = post(
        client,
        query="space year>=1990",
        collections=["films"],
        filter={"or": [{"year": {"between": [1990, 2000]}}, {"not": {"genres": {"exists": True}}}]},
    )
    assert (set(keys(answer)), answer["query"]) == ({"heat", "ran"}, "space year>=1990")


@pytest.mark.parametrize(
    ("question", "query", "keys"),
    [
        ("space year>=2000", "space", ["gravity"]),
        ('space -"drifts in" genres:space', "space", ["alien"]),
        ("space (year<1980 OR year>2000)", "space", ["alien", "gravity"]),
        ("year>=2000", "", ["gravity"]),
    ],
)
def test_filters_and_phrases_may_be_typed_into_the_question(
    client: Client, films: Collection, question: str, query: str, keys: list[str]
) -> None:
    answer = get(client, q=question, collection="films")
    assert (answer["query"], sorted(hit["key"] for hit in answer["hits"])) == (query, keys)


def test_limit_and_offset_cut_the_ranking_into_pages(client: Client, films: Collection) -> None:
    whole = keys(get(client, q="space", collection="films"))
    pages = [post(client, query="space", collections=["films"], limit=2, offset=offset) for offset in (0, 2, 4)]
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
    response = client.post(
        SEARCH, json.dumps({"query": text, "collections": ["notes"]}), content_type="application/json"
    )
    assert text in response.content.decode("utf-8")
    answer = response.json()
    assert (answer["query"], answer["hits"][0]["passage"]["text"], answer["hits"][0]["key"]) == (text, text, text)


def test_a_question_of_nothing_lists_the_documents_with_facets(client: Client, films: Collection) -> None:
    answer = get(client, q=" ", collection="films", sort="-year", facets="true", genres="space")
    assert keys(answer) == ["gravity", "alien"]
    assert {(hit["score"], hit["measure"]) for hit in answer["hits"]} == {(None, "none")}
    assert (answer["documents"], answer["facets"]["among"], answer["facets"]["documents"]) == (2, "all", 2)


def test_facets_count_the_best_documents_of_a_question(client: Client, films: Collection) -> None:
    facets = post(client, query="space", collections=["films"], facets=True)["facets"]
    assert (facets["among"], facets["documents"]) == ("best", 5)
    year, genres = facets["fields"]
    assert (year["field"], year["kind"], year["filtered"]) == ("year", "ranges", False)
    assert [(bucket["value"], bucket["until"], bucket["count"]) for bucket in year["buckets"]] == [
        (1970, 1980, 1),
        (1980, 1990, 1),
        (1990, 2000, 1),
        (2010, 2020, 1),
    ]
    assert genres["buckets"][0] == {"value": "space", "count": 2}


def test_neighbours_and_the_closest_sentence_come_when_they_are_asked_for(
    client: Client, collection: Collection, drain: Drain
) -> None:
    save(
        collection, "k", "# One\n\nFirst one.\n\n# Two\n\nThe rain fell. A silver rocket flew.\n\n# Three\n\nLast one."
    )
    drain(collection)
    answer = post(
        client, query="a silver rocket flew", collections=["notes"], neighbours=1, closest_sentence=True, limit=1
    )
    (hit,) = answer["hits"]
    text, (start, end) = hit["passage"]["text"], hit["closest_sentence"]
    assert text[start:end] == "A silver rocket flew."
    stored = [chunk.text for chunk in collection.documents.get().chunks.order_by("position")]
    place = stored.index(text)
    assert [passage["text"] for passage in hit["before"]] == stored[max(0, place - 1) : place]
    assert [passage["text"] for passage in hit["after"]] == stored[place + 1 : place + 2]


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
        answer = post(client, query="space", collections=["films"], closest_sentence=True)
    assert {hit["key"] for hit in answer["hits"]} == {"alien", "gravity"}
    assert [reason["code"] for reason in answer["degraded"]] == ["embedder_down", "words_alone"]
    assert answer["answered"] is True


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"collection": ""}, "invalid_parameter", "“collection”"),
        ({"limit": "0"}, "invalid_parameter", "“limit”"),
        ({"limit": "ten"}, "invalid_parameter", "“limit”"),
        ({"limit": str(MOST_RESULTS + 1)}, "invalid_parameter", "200"),
        ({"limit": "9" * 5000}, "invalid_parameter", "“limit”"),
        ({"offset": "1.5"}, "invalid_parameter", "“offset”"),
        ({"diversity": "2"}, "invalid_parameter", "“diversity”"),
        ({"mode": "both"}, "invalid_mode", "hybrid, semantic, lexical, rrf"),
        ({"sort": "size"}, "invalid_sort", "year, genres, colour, document.title"),
        ({"offset": str(MOST_RESULTS)}, "invalid_request", "Only the best 200"),
        ({"sort": "year", "offset": "100"}, "invalid_request", "Only the best 100"),
        ({"like": "x"}, "unknown_document", "no such document"),
        ({"yeer": "1"}, "invalid_filter", "no filter “yeer”. Its filters are: year, genres, colour"),
        ({"year__near": "1"}, "invalid_filter", "unknown operator “near”"),
        ({"year": "soon"}, "invalid_filter", "“soon” does not fit"),
        ({"page": "2"}, "invalid_filter", "no filter “page”"),
    ],
)
def test_a_search_that_cannot_be_run_is_a_problem_that_names_the_remedy(
    client: Client, films: Collection, parameters: dict[str, str], code: str, said: str
) -> None:
    problem = get(client, status=KINDS[code].status, **{"q": "space", "collection": "films", **parameters})
    assert said in problem.pop("detail")
    assert problem == {
        "type": f"/api/v1/problems/{code}",
        "title": KINDS[code].title,
        "status": KINDS[code].status,
        "instance": SEARCH,
        "code": code,
        "remedy": KINDS[code].remedy,
    }
    assert get(client, problem["type"])["remedy"] == problem["remedy"]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("{", "invalid_json", ""),
        ("[]", "invalid_parameter", ""),
        ('{"query": "x"}', "invalid_parameter", "“collections”"),
        ('{"query": "x", "collections": []}', "invalid_parameter", "“collections”"),
        ('{"query": "x", "collections": ["films"], "fliter": {}}', "invalid_parameter", "“fliter”"),
        ('{"query": "x", "collections": ["films"], "filter": {"yeer": 1}}', "invalid_filter", "yeer"),
        ('{"query": "x", "collections": ["films"], "filter": {"year": {"near": 1}}}', "invalid_filter", "near"),
    ],
)
def test_a_body_that_cannot_be_used_is_a_problem(
    client: Client, films: Collection, body: str, code: str, said: str
) -> None:
    problem = _read(client.post(SEARCH, body, content_type="application/json"), 400)
    assert problem["code"] == code
    assert said in problem["detail"]


@pytest.mark.parametrize("slug", ["nope", "\x00", "Films", "💥"])
def test_a_collection_that_is_not_there_is_a_404(client: Client, films: Collection, slug: str) -> None:
    assert get(client, status=404, q="space", collection=slug)["code"] == "unknown_collection"
    assert post(client, status=404, query="space", collections=["films", slug])["code"] == "unknown_collection"


def test_other_methods_and_addresses_are_problems_too(client: Client, films: Collection) -> None:
    for address, allowed in ((SEARCH, {"GET", "POST"}), (COLLECTIONS, {"GET"})):
        response = client.put(address)
        assert _read(response, 405)["code"] == "method_not_allowed"
        assert set(response.headers["Allow"].split(", ")) == allowed
    assert get(client, "/api/v1/serach", status=404)["code"] == "not_found"
    assert client.head(COLLECTIONS).status_code == 200


@pytest.mark.parametrize("address", [SEARCH, COLLECTIONS])
def test_when_sql_does_not_answer_it_is_a_503(client: Client, films: Collection, address: str) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError("the connection is closed")

    with connection.execute_wrapper(refuse):
        response = client.get(address, {"q": "space", "collection": "films"})
    assert response.headers["Retry-After"] == "5"
    assert _read(response, 503)["code"] == "database_unavailable"


def test_whoever_is_signed_in_may_post_without_a_token(films: Collection) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("reader"))
    assert len(keys(post(client, query="space", collections=["films"]))) == 5


# --- permission ---------------------------------------------------------------------------------------------------


def test_who_may_not_read_a_collection_can_neither_search_nor_see_anything_of_it(
    client: Client, films: Collection
) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    reader, stranger = User.objects.create_user("reader"), User.objects.create_user("stranger")
    CollectionGrant.objects.create(collection=films, user=reader, level=AccessLevel.READ)
    identity = films.documents.get(key="gravity").public_id
    document = f"/api/v1/documents/{identity}"
    for user in (None, stranger):
        if user:
            client.force_login(user)
        assert get(client, status=404, q="space", collection="films")["code"] == "unknown_collection"
        assert get(client, status=404, q="space", collection="*")["code"] == "unknown_collection"
        assert (
            get(client, status=404, q="x", collection="films", explain="1", facets="1")["code"] == "unknown_collection"
        )
        assert get(client, status=404, like=identity)["code"] == "unknown_document"
        assert get(client, COLLECTIONS) == {"collections": []}
        assert get(client, f"{COLLECTIONS}/films", status=404)["code"] == "unknown_collection"
        assert get(client, document, status=404)["code"] == "unknown_document"
        assert get(client, f"{document}/similar", status=404)["code"] == "unknown_document"
    client.force_login(reader)
    assert len(keys(get(client, q="space", collection="*", explain="1"))) == 5
    assert [known["slug"] for known in get(client, COLLECTIONS)["collections"]] == ["films"]
    assert get(client, document)["title"] == "Gravity"
    assert len(get(client, f"{document}/similar")["hits"]) == 4


# --- collections and documents ------------------------------------------------------------------------------------


def test_collections_are_listed_with_what_can_be_found_in_them(
    client: Client, films: Collection, django_assert_max_num_queries: Any
) -> None:
    services.create_collection("空的", slug="空的")
    save(films, "new", "A new film")
    with django_assert_max_num_queries(4):
        answer = get(client, COLLECTIONS)
    held = {"documents": 6, "indexed": 5, "pending": 1, "failed": 0, "passages": 5}
    nothing = dict.fromkeys(held, 0)
    assert answer["collections"] == [
        {"slug": "films", "name": "Films", "description": "Some films.", **held},
        {"slug": "空的", "name": "空的", "description": "", **nothing},
    ]


def test_a_collection_tells_its_fields_with_their_operators(client: Client, films: Collection) -> None:
    films.fields.create(name="secret", source_name="secret", type="text", filterable=False)
    answer = get(client, f"{COLLECTIONS}/films")
    assert [(field["name"], field["type"], field["is_list"]) for field in answer["fields"]] == [
        ("year", "integer", False),
        ("genres", "text", True),
        ("colour", "boolean", False),
    ]
    assert answer["fields"][2]["operators"] == ["eq", "ne", "in", "nin", "exists"]
    assert answer["model"] == films.serving_index.profile.name  # type: ignore[union-attr]


def test_a_document_comes_with_its_text_metadata_and_passages(client: Client, library: Collection) -> None:
    book = library.documents.get(key="book 7")
    answer = get(client, f"/api/v1/documents/{book.public_id}", passages="1")
    assert {answer[name] for name in ("document", "key", "collection")} == {str(book.public_id), "book 7", "library"}
    assert (answer["text"], answer["metadata"], answer["revision"]) == (book.text, {"colour": "blue"}, 1)
    (passage,) = answer["passages"]
    assert book.text[passage["start"] : passage["end"]] == passage["text"]
    assert answer["has_more_passages"] is True
    assert client.get(answer["url"]).status_code == 200


# --- the OpenAPI page ---------------------------------------------------------------------------------------------


def test_the_openapi_page_loads_nothing_from_elsewhere_and_describes_every_endpoint(client: Client) -> None:
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.content.decode().replace("<!DOCTYPE", "")
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/v1/search",
        "/api/v1/collections",
        "/api/v1/collections/{slug}",
        "/api/v1/documents/{public_id}",
        "/api/v1/documents/{public_id}/similar",
        "/api/v1/problems/{code}",
    }
    assert set(paths["/api/v1/search"]) == {"get", "post"}
