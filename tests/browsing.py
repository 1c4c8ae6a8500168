"""A browser on the pages of a live server, which notes whatever somebody's browser would complain of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from collections_app.models import User
from tests.chromium import launched
from tests.site_process import REPOSITORY

PICTURES = REPOSITORY / "var" / "screenshots"
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
# An answer that is no longer waited for is given up, which HTMX calls an error.
_GIVEN_UP = ("htmx:sendAbort", "htmx:afterRequest,")

Open = Callable[..., Page]


class Window:
    """Windows of one browser. `complaints` are errors of scripts, refused contents and requests to other hosts."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def open(self, address: str, *, user: User | None = None, refused: bool = False, **options: Any) -> Page:
        """Open an address in a new window, signed in as `user`. `refused` allows answers that are errors."""
        context = self._browser.new_context(base_url=self._url, **{"viewport": WIDE, "locale": "en", **options})
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self._url}])
        context.on("request", self._note_request)
        context.on("console", lambda message: self._note_message(message, refused=refused))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self._url, "data:")):
            self.complaints.append(f"request to {request.url}")

    def _note_message(self, message: ConsoleMessage, *, refused: bool) -> None:
        is_refusal = refused and message.text.startswith("Failed to load resource")
        if message.type == "error" and not message.text.startswith(_GIVEN_UP) and not is_refusal:
            self.complaints.append(message.text)


@contextmanager
def windows(url: str) -> Iterator[Open]:
    """Give a function that opens an address of a live server. In the end no window may have complained."""
    with launched() as browser:
        window = Window(browser, url)
        yield window.open
        window.close()
    assert window.complaints == []


_AT_REST = """() => Promise.allSettled(
    document.getAnimations()
        .filter((animation) => Number.isFinite(animation.effect.getComputedTiming().endTime))
        .map((animation) => animation.finished)
)"""


def barriers(page: Page) -> list[str]:
    """Return what axe finds on the page as it is now, whatever its impact, each with the elements that it is about."""
    # While something fades in, its colours are not those that it will have.
    page.evaluate(_AT_REST)
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {', '.join(str(node['target']) for node in rule['nodes'])}" for rule in found]


def overhang(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def keep_picture(page: Page, name: str, *, of: str = "search") -> None:
    """Keep what is seen now, for people to look at, in a folder of its own."""
    folder = PICTURES / of
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
