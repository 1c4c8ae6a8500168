"""What somebody sees who starts the site for the first time, in a real browser with the real model."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import COMPRESSION, LIBRARY, QUESTION, Open, keep_picture
from tests.site.visitor import Visitor
from tests.site_process import SiteProcess

pytestmark = [pytest.mark.browser, pytest.mark.chroma, pytest.mark.timeout(600)]

SEARCH = f"/?collection={LIBRARY}"
ANSWER = f"{SEARCH}&q={QUESTION.replace(' ', '+')}"
PHONE = {"width": 360, "height": 740}


@pytest.mark.usefixtures("some_documents")
def test_the_first_documents_are_found_while_the_others_are_still_being_embedded(open_page: Open) -> None:
    page = open_page(ANSWER)
    expect(page.locator("article.result")).not_to_have_count(0)
    bar = page.locator("#progress progress")
    expect(bar).to_be_visible()
    searchable, total = (int(bar.get_attribute(name) or 0) for name in ("value", "max"))
    assert 0 < searchable < total
    keep_picture(page, "first-documents")
    page.wait_for_function(
        "before => document.querySelector('#progress progress').value > before", arg=searchable, timeout=60_000
    )


@pytest.mark.usefixtures("all_modules")
def test_a_question_finds_the_modules_that_answer_it_and_its_address_can_be_shared(open_page: Open) -> None:
    page = open_page(SEARCH)
    page.locator("#q").fill(QUESTION)
    page.wait_for_url(re.compile(r"[?&]q=how\+do\+I\+compress\+a\+file(&|$)"))
    keep_picture(page, "question")
    first = _titles(page)
    found = [*first, *_titles_of_page(page, 2), *_titles_of_page(page, 3)]
    assert len(found) == 30
    assert {re.split(r"[.(]", title)[0] for title in found} >= COMPRESSION
    assert set(_titles(open_page(ANSWER))) & set(first)


@pytest.mark.usefixtures("some_classes")
def test_a_filter_keeps_only_what_it_says(open_page: Open) -> None:
    page = open_page(ANSWER)
    assert "module" in _kinds(page)
    _tick(page, "class")
    page.wait_for_url(re.compile(r"[?&]kind=class(&|$)"))
    expect(page.get_by_role("list", name="Set filters")).to_contain_text("class")
    keep_picture(page, "filter")
    assert set(_kinds(page)) == {"class"}


@pytest.mark.usefixtures("all_modules")
def test_a_result_leads_to_its_document_with_the_passage_in_sight_and_marked(open_page: Open) -> None:
    page = open_page(f"{ANSWER}&kind=module")
    link = page.locator("article.result h2 a", has_text=re.compile("^gzip$"))
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("gzip")
    passage = page.locator("mark#passage")
    expect(passage).to_be_in_viewport()
    keep_picture(page, "document")
    expect(passage).to_contain_text("Functions that read and write gzipped files.")
    expect(page.locator(".text")).to_contain_text("The user of the file doesn't have to worry about the compression")


@pytest.mark.usefixtures("all_modules")
def test_everything_works_without_javascript(open_page: Open, visitor: Visitor) -> None:
    page = open_page(SEARCH, java_script_enabled=False)
    page.locator("#q").fill(QUESTION)
    page.locator("#q").press("Enter")
    expect(page.locator("article.result")).to_have_count(10)
    _tick(page, "module")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".summary")).to_be_visible()
    assert _titles(page) == visitor.titles(QUESTION, LIBRARY, kind="module")
    page.locator("article.result h2 a", has_text=re.compile("^gzip$")).click()
    expect(page.locator("mark#passage")).to_contain_text("Functions that read and write gzipped files.")


@pytest.mark.usefixtures("all_modules")
def test_a_phone_shows_every_page_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(SEARCH, viewport=PHONE, has_touch=True, is_mobile=True)
    assert _overhang(page) <= 0
    page.goto(ANSWER)
    page.locator("#filter-panel > summary").click()
    assert _overhang(page) <= 0
    page.locator("#filter-panel > summary").click()
    keep_picture(page, "phone")
    page.locator("article.result h2 a").first.click()
    expect(page.locator("mark#passage")).to_be_visible()
    assert _overhang(page) <= 0
    page.goto("/login/")
    assert _overhang(page) <= 0


@pytest.mark.usefixtures("all_modules")
def test_the_first_page_weighs_less_than_100_kilobytes_and_an_answer_too(open_page: Open) -> None:
    for address in (SEARCH, ANSWER):
        page = open_page("about:blank")
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert len(sizes) >= 6
        assert sum(sizes) < 100_000


@pytest.mark.usefixtures("some_documents")
def test_the_password_that_was_printed_opens_the_dashboard(open_page: Open, site: SiteProcess) -> None:
    printed = re.search(r"^Admin: (\S+)  user: (\S+)  password: (\S+)$", site.output, re.MULTILINE)
    assert printed
    page = open_page(printed[1])
    page.locator("#id_username").fill(printed[2])
    page.locator("#id_password").fill(printed[3])
    page.locator("#id_password").press("Enter")
    expect(page.locator("table", has_text="Python standard library").first).to_be_visible()
    expect(page.locator("body")).to_contain_text("Waiting to be indexed")
    expect(page.locator("body")).to_contain_text("ForkPoolWorker")
    keep_picture(page, "dashboard")


def _tick(page: Page, kind: str) -> None:
    page.get_by_role("group", name="Kind", exact=True).get_by_role("checkbox", name=re.compile(f"^{kind}")).check()


def _titles(page: Page) -> list[str]:
    expect(page.locator("article.result")).not_to_have_count(0)
    return page.locator("article.result h2").all_inner_texts()


def _titles_of_page(page: Page, number: int) -> list[str]:
    """Go on to the next page of results, which has that number."""
    page.get_by_role("link", name="Next").click()
    page.wait_for_url(re.compile(rf"[?&]page={number}(&|$)"))
    return _titles(page)


def _kinds(page: Page) -> list[str]:
    chips = page.locator("article.result .chip", has=page.locator("span", has_text=re.compile("^Kind$")))
    return [text.removeprefix("Kind").strip() for text in chips.all_inner_texts()]


def _overhang(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
