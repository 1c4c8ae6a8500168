"""What only a browser shows of the search page: answers while one types, keys, suggestions, and what stays in place."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from collections_app import services
from collections_app.models import Collection, User
from tests.browsing import PHONE, Open, barriers, keep_picture, overhang

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("films"),
]

FILMS = "/?collection=films"
SPACE = f"{FILMS}&q=space"


def titles(page: Page) -> list[str]:
    return page.locator("article.result h2").all_inner_texts()


def suggestions(page: Page) -> Locator:
    return page.locator("#suggestions").get_by_role("option")


def question(page: Page) -> str:
    return page.locator("#q").input_value()


# --- answers while one types --------------------------------------------------------------------------------------


def test_the_answer_follows_the_question_and_a_question_is_one_step_of_the_history(open_page: Open) -> None:
    page = open_page(FILMS)
    before = page.evaluate("history.length")
    page.locator("#q").press_sequentially("astronaut", delay=20)
    page.wait_for_url(re.compile(r"[?&]q=astronaut(&|$)"))
    page.locator("#q").press_sequentially(" drifts", delay=20)
    page.wait_for_url(re.compile(r"[?&]q=astronaut\+drifts(&|$)"))
    expect(page.locator("article.result").first).to_contain_text("Gravity")
    assert page.evaluate("history.length") == before + 1
    expect(page.locator("#announcement")).to_have_text("5 results")
    page.go_back()
    expect(page.locator("#q")).to_have_value("")


@pytest.mark.slow
def test_what_an_input_method_composes_is_asked_when_it_is_composed(open_page: Open) -> None:
    page = open_page(FILMS)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    keyboard = page.context.new_cdp_session(page)
    page.locator("#q").focus()
    for typed in ("t", "ta", "tai", "taik", "taikong"):
        keyboard.send(
            "Input.imeSetComposition", {"text": typed, "selectionStart": len(typed), "selectionEnd": len(typed)}
        )
    page.wait_for_timeout(600)
    assert asked == []
    keyboard.send("Input.insertText", {"text": "太空"})
    page.wait_for_url(re.compile(r"[?&]q=%E5%A4%AA%E7%A9%BA(&|$)"))
    assert question(page) == "太空"


@pytest.mark.slow
def test_a_filter_without_its_value_is_no_error_while_it_is_typed(open_page: Open) -> None:
    page = open_page(SPACE)
    expect(page.locator("article.result")).to_have_count(5)
    page.locator("#q").press("End")
    page.locator("#q").press_sequentially(" year>=", delay=20)
    page.wait_for_timeout(600)
    expect(page.locator("article.result")).to_have_count(5)
    page.locator("#q").press_sequentially("2000", delay=20)
    expect(page.locator("article.result")).to_have_count(1)


# --- beside the results -------------------------------------------------------------------------------------------


def test_ticking_a_value_narrows_the_answer_and_keeps_the_place(open_page: Open) -> None:
    page = open_page(SPACE)
    box = page.get_by_role("checkbox", name=re.compile("^horror"))
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_url(re.compile(r"[?&]genres=horror(&|$)"))
    expect(page.locator("article.result")).to_have_count(1)
    expect(page.get_by_role("checkbox", name=re.compile("^horror"))).to_be_focused()
    page.get_by_role("link", name=re.compile("remove this filter")).click()
    expect(page.locator("article.result")).to_have_count(5)
    expect(page.get_by_role("checkbox", name=re.compile("^horror"))).not_to_be_checked()


@pytest.mark.slow
def test_a_number_that_is_half_typed_survives_an_answer(open_page: Open) -> None:
    page = open_page(SPACE)
    year = page.get_by_role("group", name="year").get_by_label("from")
    page.get_by_role("radio", name="Words", exact=True).check()
    year.press_sequentially("19")
    page.wait_for_url(re.compile("mode=lexical"))
    page.wait_for_timeout(500)
    expect(year).to_be_focused()
    expect(year).to_have_value("19")


@pytest.mark.slow
def test_a_range_and_a_typed_filter_can_be_taken_away_again(open_page: Open) -> None:
    page = open_page(FILMS)
    page.locator("#q").fill("space genres:space")
    expect(page.locator("article.result")).to_have_count(2)
    page.get_by_role("link", name=re.compile("^1970")).click()
    page.wait_for_url(re.compile("year__gte=1970"))
    expect(page.locator("article.result")).to_have_count(1)
    page.locator(".chips.set a", has_text="genres").click()
    expect(page.locator("#q")).to_have_value("space")
    page.get_by_role("link", name="Remove all").click()
    expect(page.locator("article.result")).to_have_count(5)


@pytest.mark.slow
def test_links_of_the_answer_that_lead_elsewhere_leave_the_page(open_page: Open) -> None:
    page = open_page(FILMS)
    page.evaluate("""() => {
        const link = document.createElement("a");
        link.href = "/explain/?q=space&collection=films";
        link.textContent = "Elsewhere";
        document.getElementById("answer").append(link);
        htmx.process(document.getElementById("answer"));
    }""")
    page.get_by_role("link", name="Elsewhere").click()
    page.wait_for_url("**/explain/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("How this was found")
    expect(page.locator("#answer")).to_have_count(0)
    page.goto(FILMS)
    page.get_by_role("link", name="See its passages on a map").click()
    page.wait_for_url("**/map/")
    expect(page.locator("#answer")).to_have_count(0)


# --- keys ---------------------------------------------------------------------------------------------------------


def test_the_whole_way_to_a_passage_goes_by_keys(open_page: Open) -> None:
    page = open_page(SPACE)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    assert question(page) == "space"
    links = page.locator("article.result h2 a")
    for place in (0, 1, 2):
        page.keyboard.press("ArrowDown")
        expect(links.nth(place)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("mark#passage")).to_be_in_viewport()
    page.go_back()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()


def test_keys_are_text_where_text_is_typed(open_page: Open) -> None:
    page = open_page(FILMS)
    page.locator("#q").press_sequentially("why? a/b")
    assert question(page) == "why? a/b"
    expect(page.locator("#shortcuts")).not_to_be_visible()
    page.locator("#q").blur()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).not_to_be_visible()


@pytest.mark.slow
def test_pages_are_turned_by_keys_and_the_keys_go_on_from_the_first_result(
    open_page: Open, library: Collection
) -> None:
    page = open_page("/?collection=library&q=topic")
    links = page.locator("article.result h2 a")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(links.first).to_be_focused()
    first = links.first.inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("page=2"))
    expect(links.first).to_be_focused()
    assert links.first.inner_text() != first
    page.keyboard.press("ArrowLeft")
    expect(links.first).to_have_text(first)
    expect(links.first).to_be_focused()


@pytest.mark.slow
def test_the_other_language_shows_what_is_asked_now(open_page: Open) -> None:
    page = open_page(FILMS)
    page.locator("#q").fill("astronaut")
    page.wait_for_url(re.compile("q=astronaut"))
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("button", name="English")).to_be_visible()
    expect(page.locator("#q")).to_have_value("astronaut")
    expect(page.locator("article.result")).to_have_count(5)
    page.get_by_role("link", name="登录").click()
    assert "astronaut" in page.url


# --- suggestions --------------------------------------------------------------------------------------------------


def test_a_filter_is_put_together_from_suggestions(open_page: Open) -> None:
    page = open_page(FILMS)
    line = page.get_by_role("combobox", name="Question")
    line.press_sequentially("space ge", delay=20)
    options = suggestions(page)
    expect(options).to_have_count(1)
    expect(line).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert line.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    page.keyboard.press("Enter")
    expect(line).to_have_value("space genres:")
    expect(options).to_have_count(4)
    expect(options.first).to_have_text(re.compile("^space.*2$"))
    assert barriers(page) == []
    keep_picture(page, "suggestions")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(line).to_have_value("space genres:space ")
    expect(options).to_have_count(0)
    expect(page.locator("article.result")).to_have_count(2)


@pytest.mark.slow
def test_suggestions_are_left_by_escape_and_never_stand_in_the_way_of_enter(open_page: Open) -> None:
    page = open_page(FILMS)
    line = page.get_by_role("combobox", name="Question")
    line.press_sequentially("ye", delay=20)
    expect(suggestions(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(suggestions(page)).to_have_count(0)
    expect(line).to_have_value("ye")
    line.press_sequentially("a", delay=20)
    expect(suggestions(page)).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"[?&]q=yea(&|$)"))
    expect(suggestions(page)).to_have_count(0)


def test_recent_searches_are_offered_and_can_be_cleared(open_page: Open) -> None:
    page = open_page(FILMS)
    page.locator("#q").fill("astronaut")
    page.keyboard.press("Enter")
    expect(page.locator("article.result")).to_have_count(5)
    page.goto(FILMS)
    expect(page.locator("#recent a")).to_have_text(["astronaut"])
    page.keyboard.press("Control+Space")
    expect(suggestions(page)).to_have_text(["astronaut", "Clear recent searches"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"[?&]q=astronaut(&|$)"))
    page.goto(FILMS)
    page.get_by_role("button", name="Clear recent searches").click()
    expect(page.locator("#recent")).not_to_be_visible()
    page.reload()
    expect(page.locator("#recent")).not_to_be_visible()


@pytest.mark.slow
def test_recent_searches_of_one_account_are_not_shown_to_another(open_page: Open) -> None:
    page = open_page(SPACE)
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.goto(FILMS)
    expect(page.locator("#recent a")).to_have_count(1)
    User.objects.create_user("reader", password="a good one")
    page.goto("/login/?next=/")
    page.locator("#id_username").fill("reader")
    page.locator("#id_password").fill("a good one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.locator("#recent")).not_to_be_visible()


# --- drawer, picker -----------------------------------------------------------------------------------------------


def test_the_explanation_opens_beside_the_answer(open_page: Open) -> None:
    page = open_page(SPACE)
    page.get_by_role("link", name="Explain", exact=True).click()
    drawer = page.get_by_role("dialog", name="How this was found")
    expect(drawer.get_by_role("heading", name="The question")).to_be_visible()
    assert page.url.endswith(SPACE)
    assert barriers(page) == []
    keep_picture(page, "explanation")
    expect(drawer.get_by_role("link", name="Open as a page")).to_have_attribute("href", re.compile("^/explain/"))
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expect(page.locator("article.result")).to_have_count(5)


@pytest.mark.slow
def test_among_fifty_collections_one_is_found_by_its_name(open_page: Open) -> None:
    for number in range(50):
        services.create_collection(f"Collection {number:02}")
    page = open_page(SPACE)
    page.locator("#picker summary").click()
    page.locator("#narrow").fill("ion 37")
    expect(page.locator("#picks li:visible")).to_have_count(1)
    assert barriers(page) == []
    keep_picture(page, "fifty-collections")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?q=space&collection=collection-37$"))


# --- what stays in place, and who can use it ----------------------------------------------------------------------


def test_nothing_moves_when_the_page_has_come(open_page: Open) -> None:
    page = open_page(SPACE)
    page.wait_for_load_state("networkidle")
    moved = page.evaluate(
        """() => new Promise((resolve) => {
            let sum = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) { sum += entry.value; }
            }).observe({ type: "layout-shift", buffered: true });
            setTimeout(() => resolve(sum), 300);
        })"""
    )
    assert moved < 0.01


PAGES = {
    "welcome": FILMS,
    "results": SPACE,
    "filtered": f"{SPACE}&genres=space&year__gte=1970",
    "nothing": f"{SPACE}&year__gte=3000",
    "refused": f"{SPACE}&year__gte=soon",
    "several": "/?q=space&collection=*",
    "explain": f"/explain/{SPACE.removeprefix('/')}",
    "saved": f"/saved/{SPACE.removeprefix('/')}",
    "login": "/login/",
    "missing": "/documents/none/",
    "document": "",
}


def _visit(open_page: Open, name: str, films: Collection, **options: object) -> Page:
    address = PAGES[name]
    if name == "document":
        address = f"/documents/{films.documents.get(key='gravity').public_id}/?revision=1&start=0&end=46#passage"
    reader = User.objects.filter(username="reader").first() or User.objects.create_user("reader")
    if not reader.saved_searches.exists():
        reader.saved_searches.create(name="Space 太空", query_string="?q=space&collection=films", collection=films)
    user = None if name == "login" else reader
    return open_page(address, user=user, refused=name in {"refused", "missing"}, **options)


@pytest.mark.parametrize("name", ["welcome", "results", "document", "saved"])
def test_nothing_bars_anybody_from_the_pages_that_matter_most(open_page: Open, films: Collection, name: str) -> None:
    assert barriers(_visit(open_page, name, films)) == []


@pytest.mark.slow
@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("scripted", [True, False], ids=["scripted", "plain"])
def test_every_page_is_for_everybody(
    open_page: Open, films: Collection, library: Collection, *, scripted: bool, language: str, theme: str, size: str
) -> None:
    found = {}
    for name in PAGES:
        options: dict[str, object] = {"viewport": PHONE, "has_touch": True} if size == "phone" else {}
        options |= {"locale": language, "color_scheme": theme, "java_script_enabled": scripted}
        page = _visit(open_page, name, films, **options)
        keep_picture(page, f"{name}-{language}-{theme}-{size}{'' if scripted else '-plain'}")
        found[name] = [f"{overhang(page)} pixels too wide"] if overhang(page) > 0 else []
        # Without its scripts a page cannot be examined by one.
        found[name] += barriers(page) if scripted else []
        page.context.close()
    assert found == {name: [] for name in PAGES}


@pytest.mark.slow
def test_without_scripts_everything_basic_works(open_page: Open, films: Collection, library: Collection) -> None:
    page = open_page(FILMS, java_script_enabled=False)
    page.locator("#q").fill("space")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("article.result")).to_have_count(5)
    page.get_by_role("checkbox", name=re.compile("^horror")).check()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("article.result")).to_have_count(1)
    page.get_by_role("link", name=re.compile("remove this filter")).click()
    expect(page.locator("article.result")).to_have_count(5)
    page.get_by_role("link", name=re.compile("^1970")).click()
    expect(page.locator("article.result")).to_have_count(1)
    page.get_by_role("link", name="Explain", exact=True).click()
    expect(page.get_by_role("heading", name="How this was found")).to_be_visible()
    page.go_back()
    page.locator("#picker summary").click()
    page.get_by_role("link", name="Library").click()
    assert page.url.endswith("?q=space&collection=library")
    page.get_by_role("link", name="In context").first.click()
    expect(page.locator("mark#passage")).to_be_visible()
