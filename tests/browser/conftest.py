"""Headless Chromium, and a site that was just started with its demo and the real local model."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.chromium import launched
from tests.site.visitor import Visitor
from tests.site_process import REPOSITORY, SiteProcess
from tests.vectorsite.stage import wait_until

LIBRARY = "python-standard-library"
QUESTION = "how do I compress a file"
COMPRESSION = {"bz2", "gzip", "lzma", "tarfile", "zipfile", "zlib"}
DESKTOP = {"width": 1280, "height": 900}
SCREENSHOTS = REPOSITORY / "var" / "screenshots"
# A minute at most when nothing else keeps the machine busy; other tests do.
PATIENCE = 240.0

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site that begins to embed its demo when the first test asks for it, and is stopped long before the end."""
    site = SiteProcess(tmp_path_factory.mktemp("demo") / "var", "--demo", DATABASE_URL="")
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def visitor(site: SiteProcess) -> Iterator[Visitor]:
    visitor = Visitor(site.url)
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def some_documents(visitor: Visitor) -> None:
    """Wait until some documents of the standard library can be found."""
    wait_until(lambda: visitor.status(f"/?collection={LIBRARY}") == 200, seconds=PATIENCE)
    wait_until(lambda: visitor.titles(QUESTION, LIBRARY), seconds=PATIENCE)


@pytest.fixture(scope="module")
def all_modules(visitor: Visitor, some_documents: None) -> None:
    """Wait until the modules can be found; they come before the thousands of classes and functions."""
    wait_until(lambda: visitor.titles("zoneinfo", LIBRARY, kind="module")[0] == "zoneinfo", seconds=PATIENCE)


@pytest.fixture(scope="module")
def some_classes(visitor: Visitor, all_modules: None) -> None:
    """Wait until the first classes can be found beside the modules."""
    wait_until(lambda: visitor.titles(QUESTION, LIBRARY, kind="class"), seconds=PATIENCE)


@pytest.fixture
def open_page(browser: Browser, site: SiteProcess) -> Iterator[Open]:
    """Return a function that opens an address in a new browser window; its options are those of Playwright.

    In the end no page may have asked another host for anything, nor have written an error to the console.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((site.url, "data:")):
            complaints.append(f"request to {request.url}")

    def note_message(message: ConsoleMessage) -> None:
        # An answer that is no longer waited for is given up, which HTMX calls an error.
        if message.type == "error" and not message.text.startswith(("htmx:sendAbort", "htmx:afterRequest,")):
            complaints.append(message.text)

    def open_page(address: str, **options: Any) -> Page:
        context = browser.new_context(base_url=site.url, **{"viewport": DESKTOP, **options})
        contexts.append(context)
        context.on("request", note_request)
        context.on("console", note_message)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def keep_picture(page: Page, name: str) -> None:
    """Keep what is seen now, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
