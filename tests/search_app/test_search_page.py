"""The search page in each of its states, whole and as the part that HTMX asks for."""

import re
from typing import Any

import pytest
from django.test import Client, override_settings

from collections_app import ledger, projection, services
from collections_app.models import Collection, IndexEntry, User
from search_app import planner
from tests.conftest import Drain, save, serving_index
from tests.search_app.conftest import declare
from tests.search_app.pages import EVIL, HTMX, Page, get

pytestmark = pytest.mark.django_db

# --- states -------------------------------------------------------------------------------------------------------


def test_without_any_collection_visitors_are_asked_to_sign_in_and_staff_to_begin(client: Client) -> None:
    assert "sign in to see yours" in get(client).text
    client.force_login(User.objects.create_superuser("admin"))
    assert "/admin/" in get(client).links()


def test_before_a_question_the_collection_introduces_itself(client: Client, films: Collection) -> None:
    page = get(client)
    assert "Some films." in page.text
    assert "Documents 5 Passages 5" in page.text
    assert len(page.all("input", type="search")) == 1


def test_examples_are_titles_of_the_collection_that_lead_to_their_search(
    client: Client, collection: Collection, drain: Drain
) -> None:
    save(collection, "a", "text", title="A title of fitting length")
    save(collection, "b", "text", title="x" * 100)
    drain(collection)
    assert "?q=A+title+of+fitting+length" in get(client).links()


def test_results_show_title_passage_address_score_and_values(client: Client, films: Collection) -> None:
    page = get(client, q="astronaut in space", collection="films")
    first = page.links("/documents/")[0]
    assert re.fullmatch(r"/documents/[0-9a-f-]{36}/\?revision=1&start=0&end=46#passage", first)
    assert "Gravity" in page.text
    assert len(page.all("mark")) >= 2
    assert len(page.all("meter")) == 5
    assert "?q=astronaut+in+space&collection=films&year=2013" in page.links()


def test_a_page_of_results_leads_to_the_next_one_and_back(client: Client, collection: Collection, drain: Drain) -> None:
    rows = [services.DocumentInput(key=str(number), text=f"note {number}") for number in range(12)]
    list(services.save_documents(collection, rows))
    drain(collection)
    first = get(client, q="note")
    assert first.links("?q=note&page=2")
    second = Page(client.get("/?q=note&page=2"))
    assert (len(second.all("article")), second.all("ol", start="11") != []) == (2, True)
    assert "?q=note" in second.links()
    assert "There are no more results" in Page(client.get("/?q=note&page=3")).text


def test_filters_that_keep_nothing_say_what_to_try(client: Client, films: Collection) -> None:
    page = get(client, q="space", year__gte="3000")
    assert "No document meets these filters" in page.text
    assert "?q=space" in page.links()


def test_an_empty_collection_says_so(client: Client, collection: Collection) -> None:
    assert "This collection is empty" in get(client).text
    assert "This collection is empty" in get(client, q="anything").text


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("q=x&yeer=1", "no filter “yeer”. Its filters are: year, genres, colour"),
        ("q=x&year__near=1", "unknown operator “near”"),
        ("q=x&year=soon", "“soon” does not fit the filter “year”"),
        ("q=x&page=21", "Only the best 200 results"),
        ("year=soon", "“soon” does not fit"),
    ],
)
def test_a_search_that_cannot_be_run_is_a_400_that_names_the_remedy(
    client: Client, films: Collection, parameters: str, said: str
) -> None:
    response = client.get(f"/?{parameters}")
    assert response.status_code == 400
    assert said in Page(response).text
    assert len(Page(response).all("form", id="search")) == 1
    assert client.get(f"/?{parameters}", headers=HTMX).status_code == 400


@pytest.mark.parametrize("slug", ["nope", "\x00", "%00", "Films"])
def test_a_collection_that_is_not_there_is_a_404(client: Client, films: Collection, slug: str) -> None:
    assert client.get("/", {"collection": slug}).status_code == 404
    assert client.get("/progress/", {"collection": slug}).status_code == 404


def test_a_private_collection_is_a_404_for_others_and_not_offered(client: Client, films: Collection) -> None:
    services.create_collection("Open")
    Collection.objects.filter(pk=films.pk).update(visibility="private")
    assert client.get("/", {"collection": "films"}).status_code == 404
    assert client.get("/progress/", {"collection": "films"}).status_code == 404
    assert "films" not in [option["value"] for option in get(client).all("option")]


def test_a_store_that_is_not_ready_is_said_above_the_results(
    client: Client, films: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "EXACT_CHUNKS", 0)
    projection.raise_generation(serving_index(films).pk, reason="test")
    page = get(client, q="space")
    assert "This answer is complete, but took longer to find. The vector store is being filled" in page.text
    assert len(page.all("article")) == 5


def test_without_the_embedder_the_page_says_that_words_alone_were_compared(client: Client, films: Collection) -> None:
    broken = {"meaningless": {"BACKEND": "tests.search_app.broken.DeadEmbedder", "OPTIONS": {}}}
    with override_settings(EMBEDDERS=broken):
        page = get(client, q="space")
    assert "The embedding model does not answer" in page.text
    assert "found by the words of the question alone" in page.text
    assert len(page.all("article")) == 2
    assert not page.all("meter")


# --- progress -----------------------------------------------------------------------------------------------------


def test_a_bar_asks_again_while_documents_are_waiting_and_stops_when_none_is(
    client: Client, films: Collection, drain: Drain
) -> None:
    save(films, "new", "A new film")
    IndexEntry.objects.filter(document__key="ran").update(state="failed")
    page = get(client, q="space")
    assert "4 of 6 documents searchable, 1 failed" in page.text
    assert page.all("div", id="progress")[0]["hx-get"] == "/progress/?collection=films"
    part = Page(client.get("/progress/?collection=films"))
    assert part.all("progress") == [{"max": "6", "value": "4", "aria-label": "Documents searchable"}]
    drain(films)
    done = Page(client.get("/progress/?collection=films"))
    assert (done.all("progress"), "hx-get" in done.all("div", id="progress")[0]) == ([], False)


def test_large_counts_are_grouped(client: Client, films: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    save(films, "new", "A new film")
    counts = {"total": 8012, "indexed": 3120, "failed": 12, "pending": 4880, "behind": 4880}
    monkeypatch.setattr(ledger, "progress", lambda index: counts)
    assert "3,120 of 8,012 documents searchable, 12 failed" in Page(client.get("/progress/?collection=films")).text


# --- the form -----------------------------------------------------------------------------------------------------


def test_each_type_of_field_has_its_control_set_to_the_address(client: Client, collection: Collection) -> None:
    declare(
        collection, kind="text", note="text", tags="text*", year="integer", seen="boolean", day="date", at="datetime"
    )
    many = [f"note {number:02}" for number in range(31)]
    rows = [
        services.DocumentInput(
            key=str(row), text="x", metadata={"kind": ["a", "b"][row % 2], "note": many[row], "tags": many}
        )
        for row in range(31)
    ]
    list(services.save_documents(collection, rows))
    page = get(client, kind="a", note__contains="no", year__gte="1990", seen="false", day__lte="2024-01-31")
    kinds = page.all("input", name="kind")
    assert [(box["value"], "checked" in box) for box in kinds] == [("a", True), ("b", False)]
    assert page.all("input", name="note__contains")[0]["value"] == "no"
    assert page.all("input", name="tags__contains")[0]["data-values-of"] == "tags"
    assert page.all("input", name="year__gte")[0]["value"] == "1990"
    assert [box["type"] for box in page.all("input") if str(box.get("name")).startswith(("day", "at"))] == [
        *["date"] * 2,
        *["datetime-local"] * 2,
    ]
    assert [(box["value"], "checked" in box) for box in page.all("input", name="seen")] == [
        ("true", False),
        ("false", True),
    ]


def test_a_filter_that_no_control_stands_for_is_kept_by_the_form(client: Client, films: Collection) -> None:
    page = get(client, q="space", year__between="1970,1990")
    assert page.all("input", name="year__between") == [
        {"type": "hidden", "name": "year__between", "value": "1970,1990"}
    ]
    assert "year between 1970,1990 × remove this filter" in page.text


def test_each_set_filter_can_be_removed_alone(client: Client, films: Collection) -> None:
    page = get(client, q="space", year__gte="1979", genres="space")
    assert {"?q=space&genres=space", "?q=space&year__gte=1979"} <= set(page.links())


def test_a_field_named_like_a_parameter_of_the_page_is_still_filtered(
    client: Client, collection: Collection, drain: Drain
) -> None:
    declare(collection, q="text", page="integer")
    save(collection, "k", "some text", metadata={"q": "queue", "page": 3})
    drain(collection)
    page = get(client, q="text", q__eq="queue", page__gte="3")
    assert len(page.all("article")) == 1
    assert len(page.all("input", name="q__eq")) == 1


def test_a_form_sent_without_javascript_leads_to_the_short_address(client: Client, films: Collection) -> None:
    response = client.get("/?filters_of=films&q=space&collection=films&year__gte=&year__lte=1990&colour=")
    assert response.headers["Location"] == "/?q=space&collection=films&year__lte=1990"


def test_choosing_another_collection_lets_go_of_the_filters_of_the_former(client: Client, films: Collection) -> None:
    services.create_collection("Other")
    address = "/?filters_of=films&q=space&collection=other&year__gte=1990"
    assert client.get(address).headers["Location"] == "/?q=space&collection=other"
    assert client.get(address, headers=HTMX).headers["HX-Redirect"] == "/?q=space&collection=other"


def test_htmx_gets_the_answer_alone_with_its_address_for_the_history(client: Client, films: Collection) -> None:
    response = client.get("/?filters_of=films&q=space&collection=films&colour=", headers=HTMX)
    page = Page(response)
    assert response.headers["HX-Push-Url"] == "/?q=space&collection=films"
    assert (page.all("html"), page.all("form"), len(page.all("article"))) == ([], [], 5)
    assert "5 results" in page.text
    assert "HX-Request" in response.headers["Vary"]


def test_going_back_in_history_gets_the_whole_page(client: Client, films: Collection) -> None:
    response = client.get("/?q=space", headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert len(Page(response).all("html")) == 1


# --- what a browser may be given ----------------------------------------------------------------------------------


@pytest.fixture
def evil(db: None, drain: Drain) -> Collection:
    collection = services.create_collection(f"Evil {EVIL}", slug="evil", description=EVIL)
    declare(collection, note="text")
    collection.fields.update(label=EVIL)
    save(collection, EVIL, f"passage {EVIL} passage", title=f"title {EVIL}", metadata={"note": EVIL})
    drain(collection)
    return collection


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"q": f"passage {EVIL}"},
        {"q": "passage", "note": EVIL},
        {"q": "x", EVIL: EVIL},
        {"q": "x", "note__in": EVIL},
    ],
)
def test_nothing_that_anybody_wrote_becomes_markup(
    client: Client, evil: Collection, parameters: dict[str, str], headers: dict[str, str]
) -> None:
    response = client.get("/", {"collection": "evil", **parameters}, headers=headers)
    page = Page(response)
    assert [
        source for tag in ("script", "img") for source in page.all(tag) if "/static/" not in str(source.get("src"))
    ] == []
    assert [found for _, found in page.elements if {"onerror", "onclick", "style"} & set(found)] == []
    assert "alert(1)" in response.content.decode()


def test_every_static_file_that_a_page_names_is_served_by_this_site(client: Client, films: Collection) -> None:
    from django.contrib.staticfiles import finders

    page = get(client, q="space")
    named = [str(found.get("href")) for found in page.all("link")] + [str(found["src"]) for found in page.all("script")]
    assert len(named) >= 3
    assert [name for name in named if finders.find(name.removeprefix("/static/")) is None] == []


# --- the rest of the site -----------------------------------------------------------------------------------------


def test_the_language_can_be_switched_where_one_is(client: Client, films: Collection) -> None:
    button = get(client, q="space").all("button", name="language")
    assert [found["value"] for found in button] == ["zh-hans"]
    response = client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/?q=space"})
    assert response.headers["Location"] == "/?q=space"
    assert get(client, q="space").all("html") == [{"lang": "zh-Hans"}]


def test_somebody_without_access_to_the_administration_can_sign_in_and_out(client: Client, films: Collection) -> None:
    Collection.objects.filter(pk=films.pk).update(visibility="internal")
    User.objects.create_user("reader", password="a good one")
    assert client.get("/?collection=films").status_code == 404
    response = client.post("/login/", {"username": "reader", "password": "a good one", "next": "/?collection=films"})
    assert response.headers["Location"] == "/?collection=films"
    assert "Sign out" in get(client, collection="films").text
    client.post("/logout/")
    assert client.get("/?collection=films").status_code == 404


def test_no_page_of_the_search_takes_a_post(client: Client, films: Collection) -> None:
    assert [client.post(address).status_code for address in ("/", "/progress/", "/healthz")] == [405, 405, 405]


# --- filters in the question --------------------------------------------------------------------------------------


def chips(page: Page) -> list[str | None]:
    """Return where the set filters lead to when they are taken away."""
    return [link["href"] for link in page.all("a", class_="chip")]


def test_filters_typed_into_the_question_keep_documents_and_are_chips_that_can_be_taken_away(
    client: Client, films: Collection
) -> None:
    page = get(client, q="space -genres:horror year>=2000", collection="films")
    assert len(page.all("article")) == 1
    assert "Gravity" in page.text
    assert "not: genres = horror ×" in page.text
    assert "year ≥ 2000 ×" in page.text
    assert chips(page) == [
        "?q=space+year%3E%3D2000&collection=films",
        "?q=space+-genres%3Ahorror&collection=films",
    ]
    assert set(re.findall("<mark>(.*?)</mark>", client.get("/?q=space+year>=2000").content.decode())) == {"space"}


def test_an_exact_phrase_keeps_documents_and_its_chip_lets_go_of_the_quotes_alone(
    client: Client, films: Collection
) -> None:
    page = get(client, q='who are "Drifts in"', collection="films")
    assert (len(page.all("article")), "Gravity" in page.text) == (1, True)
    assert chips(page) == ["?q=who+are+Drifts+in&collection=films"]


def test_typed_filters_and_those_of_the_form_all_hold(client: Client, films: Collection) -> None:
    page = get(client, q="space genres:space", collection="films", year__lt="2000")
    assert (len(page.all("article")), "Alien" in page.text) == (1, True)
    assert "?q=space&collection=films" in get(client, q="space year>3000", collection="films").links()


def test_filters_typed_without_a_question_list_what_they_keep(client: Client, films: Collection) -> None:
    page = get(client, q="year>=2000", collection="films")
    assert (len(page.all("article")), "Gravity" in page.text) == (1, True)
    assert chips(page) == ["?collection=films"]


def test_a_typed_filter_that_cannot_be_read_says_why_and_no_button_promises_what_it_cannot(
    client: Client, films: Collection
) -> None:
    response = client.get("/", {"q": "space yeer>=2000", "collection": "films"})
    assert response.status_code == 400
    page = Page(response)
    assert "no filter “yeer”. Its filters are: year, genres, colour. Did you mean “year”?" in page.text
    assert "Search without filters" not in page.text


# --- what is wrong, beside the field ------------------------------------------------------------------------------


def problems(page: Page, response: Any) -> list[str]:
    """Return the texts of the places beside fields, in their order."""
    return re.findall('class="problem" id="problem-[0-9a-f]{12}"[^>]*>([^<]*)<', response.content.decode())


def test_what_is_wrong_with_a_filter_is_said_beside_its_field(client: Client, films: Collection) -> None:
    response = client.get("/", {"q": "space", "year__gte": "soon"})
    page = Page(response)
    said = "“soon” does not fit the filter “year” (gte); give a whole number such as 1999."
    assert sorted(problems(page, response)) == ["", "", said]
    (wrong,) = page.all("input", name="year__gte")
    assert wrong["aria-invalid"] == "true"
    assert f'id="{wrong["aria-describedby"]}">{said}' in response.content.decode()


def test_each_answer_says_anew_beside_every_field_what_is_wrong(client: Client, films: Collection) -> None:
    whole = Page(client.get("/", {"q": "space"}))
    slots = {found["id"] for found in whole.all("p", class_="problem")}
    for given, count in (("soon", 1), ("2000", 0)):
        response = client.get("/", {"q": "space", "year__gte": given}, headers=HTMX)
        part = Page(response)
        assert {found["id"] for found in part.all("p", class_="problem")} == slots
        assert part.all("div", id="filters")[0]["hx-swap-oob"] == "innerHTML"
        assert len([problem for problem in problems(part, response) if problem]) == count


# --- what is refused ----------------------------------------------------------------------------------------------


def test_who_may_not_do_something_is_told_so_in_a_page_of_the_site(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("reader"))
    response = client.get("/demo/")
    assert response.status_code == 403
    assert "Your account may not do this." in Page(response).text


def test_a_form_that_has_expired_says_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "reader", "password": "secret"})
    assert response.status_code == 403
    assert "Go back, reload the page, and send it again." in Page(response).text
