"""Pages of the search site as a browser would read them, and what is asked and written to try them."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client

HTMX = {"HX-Request": "true", "HX-Target": "answer"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(response.content.decode())
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"mark", "code", "span", "a"}:
            self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key.rstrip("_")) == value for key, value in attributes.items())
        ]

    def links(self, beginning: str = "") -> list[str]:
        return [href for found in self.all("a") if (href := found.get("href") or "").startswith(beginning)]


def get(client: Client, **parameters: str) -> Page:
    response = client.get("/", parameters)
    assert response.status_code == 200, response.content.decode()
    return Page(response)
