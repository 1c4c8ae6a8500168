"""How an answer came about, as data and as a page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from collections_app.fusion import SEMANTIC_WEIGHT
from collections_app.models import Chunk, Collection
from search_app.explanation import as_json, explain
from search_app.search import Mode, SearchRequest, search
from tests.conftest import Drain, save
from tests.search_app.conftest import where
from tests.search_app.pages import Page

pytestmark = pytest.mark.django_db


def explained(collection: Collection, query: str, **more: object) -> dict[str, Any]:
    request = SearchRequest(query=query, collections=(collection,), **more)  # type: ignore[arg-type]
    return as_json(explain(request, search(request)))


def test_it_tells_question_filter_plan_and_the_ranks_and_scores_of_both_legs(films: Collection) -> None:
    found = explained(films, "astronauts in space", filter=where(films, year__gte="1979", genres="space"))
    assert (found["query"], found["terms"]) == ("astronauts in space", ["astronaut", "in", "space"])
    assert found["filter"] == {
        "and": [
            {"field": "year", "op": "gte", "value": 1979},
            {"field": "genres", "op": "eq", "value": "space"},
        ]
    }
    (part,) = found["collections"]
    assert part["filter"] == {"documents": 2, "of": 5, "share": 0.4}
    weight = {"value": SEMANTIC_WEIGHT, "source": "default", "language": None, "readable": 1.0}
    assert (part["strategy"], part["semantic_weight"]) == ("exact", weight)
    assert part["found"] == {"semantic": 2, "lexical": 2}
    first, second = found["hits"]
    assert (first["title"], first["rank"], first["semantic"]["rank"], first["lexical"]["rank"]) == ("Gravity", 1, 1, 1)
    assert first["semantic"]["cosine"] > second["semantic"]["cosine"]
    assert first["lexical"]["bm25"] > second["lexical"]["bm25"]
    assert set(found["timings_ms"]) >= {"embed", "words", "fuse", "read"}


def test_it_tells_each_round_and_why_what_was_named_is_not_ranked(
    library: Collection, ask_the_store: Callable[..., None]
) -> None:
    ask_the_store(least=100, most=1000)
    found = explained(
        library, "Book number 4 speaks of topic 4", filter=where(library, colour="red"), mode=Mode.SEMANTIC
    )
    (part,) = found["collections"]
    assert part["rounds"]
    for round_ in part["rounds"]:
        assert (round_["leg"], round_["named"] <= round_["asked"]) == ("semantic", True)
    reasons = {dropped["why"]: dropped["passages"] for dropped in part["dropped"]}
    assert set(reasons) == {"filtered", "outdone"}
    named = max(round_["named"] for round_ in part["rounds"])
    assert sum(reasons.values()) + part["found"]["semantic"] == named == Chunk.objects.count()


def test_a_hit_that_one_leg_alone_found_has_no_rank_in_the_other(films: Collection) -> None:
    found = explained(films, "zone", mode=Mode.LEXICAL)
    (hit,) = found["hits"]
    assert (hit["semantic"], hit["lexical"]["rank"], hit["shown_by"]) == (None, 1, "lexical")


def test_a_list_has_nothing_to_compare(films: Collection) -> None:
    found = explained(films, "")
    assert (found["collections"], found["sort"], found["ranked"]) == ([], "-document.created", 5)


def test_the_page_shows_it_and_the_results_lead_there(client: Client, films: Collection) -> None:
    asked = {"q": "astronaut year>=1979", "collection": "films"}
    page = Page(client.get("/", asked))
    # One above the results, one below; the third, without a question, is set by the script that opens the drawer.
    (link,) = {link for link in page.links("/explain/") if "?" in link}
    explained_page = Page(client.get(link))
    for said in ("astronaut", "Gravity", "The filter keeps", "4 / 5 (80%)", "Weight of meaning 0.80 (assumed", "BM25"):
        assert said in explained_page.text, said


def test_the_page_gives_the_planners_reason_in_chinese_and_the_api_its_code_and_english(
    client: Client, films: Collection
) -> None:
    chinese = {"accept-language": "zh-hans"}
    page = Page(client.get("/explain/", {"q": "astronaut", "collection": "films"}, headers=chinese))
    assert "文档集只有 5 个段落；逐一比较既快又精确。" in page.text
    asked = {"q": "astronaut", "collection": "films", "explain": "true"}
    (part,) = client.get("/api/v1/search", asked, headers=chinese).json()["explanation"]["collections"]
    told = (part["reason_code"], part["reason"])
    assert told == ("few_passages", "The collection has 5 passages; comparing each is quick and exact.")


def test_the_page_of_a_search_that_cannot_be_run_names_the_remedy(client: Client, films: Collection) -> None:
    response = client.get("/explain/", {"q": "x", "yeer": "1"})
    assert (response.status_code, "no filter “yeer”" in Page(response).text) == (400, True)


def test_a_private_collection_cannot_be_explained_either(client: Client, films: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    assert client.get("/explain/", {"q": "space", "collection": "films"}).status_code == 404


def test_text_of_documents_is_escaped(client: Client, collection: Collection, drain: Drain) -> None:
    save(collection, "k", "text", title="<script>alert(1)</script>")
    drain(collection)
    assert "<script>alert" not in client.get("/explain/", {"q": "text"}).content.decode()
