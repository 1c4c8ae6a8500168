"""The page of one document, and the file that it was read from."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from collections_app import services
from collections_app.extraction import Segment
from collections_app.models import Collection, Document, IndexEntry, SourceFile, User
from tests.conftest import Drain, save
from tests.search_app.pages import EVIL, Page

pytestmark = pytest.mark.django_db

GUIDE = "Introduction\n\nThe first part is short.\n\nUsage\n\nThe second part says how it is used."

HEADINGS = [
    Segment("heading", "Introduction", 1, 0, GUIDE.index("Usage")),
    Segment("heading", "Usage", 1, GUIDE.index("Usage"), len(GUIDE)),
]


@pytest.fixture
def guide(db: None, drain: Drain) -> Document:
    """An indexed document of two headed parts in several passages."""
    collection = services.create_collection("Guides", chunk_size=8)
    document = save(
        collection, "guide", GUIDE, title="The guide", segments=HEADINGS, metadata={"year": 2020, "by": ["A", "B"]}
    )
    drain(collection)
    return document


def address(document: Document, query: str = "") -> str:
    return f"/documents/{document.public_id}/{query}"


def get(client: Client, url: str) -> Page:
    response = client.get(url)
    assert response.status_code == 200
    return Page(response)


def marked(client: Client, url: str) -> str:
    html = client.get(url).content.decode()
    return re.sub("<[^>]+>", "", "".join(re.findall(r"<mark[^>]*>(.*?)</mark>", html, re.DOTALL)))


def test_it_shows_text_metadata_outline_and_passages(client: Client, guide: Document) -> None:
    page = get(client, address(guide))
    assert "The guide" in page.text
    assert " ".join(GUIDE.split()) in page.text
    assert "by A, B year 2020" in page.text
    usage = GUIDE.index("Usage")
    assert page.links("#s-") == ["#s-0", f"#s-{usage}"]
    assert len(page.all("span", id=f"s-{usage}")) == 1
    passages = [found for found in page.all("div") if "is-passage" in str(found.get("class"))]
    assert [found["id"] for found in passages] == [
        f"c-{start}" for start in guide.chunks.order_by("start").values_list("start", flat=True)
    ]


def test_a_linked_passage_is_marked_and_can_be_scrolled_to(client: Client, guide: Document) -> None:
    start = GUIDE.index("The second")
    url = address(guide, f"?revision=1&start={start}&end={start + 15}")
    assert marked(client, url) == "The second part"
    assert len(get(client, url).all("mark", id="passage")) == 1


def test_a_passage_that_moved_since_is_found_and_the_change_is_said(
    client: Client, guide: Document, drain: Drain
) -> None:
    start = GUIDE.index("The second")
    save(guide.collection, "guide", "A new beginning.\n\n" + GUIDE, title="The guide")
    url = address(guide, f"?revision=1&start={start}&end={start + 15}")
    for _ in range(2):
        assert marked(client, url) == "The second part"
        assert "The passage is still in it" in get(client, url).text
        drain(guide.collection)


def test_a_passage_that_is_gone_is_not_shown_and_its_absence_is_said(client: Client, guide: Document) -> None:
    start = GUIDE.index("The second")
    save(guide.collection, "guide", "All is different.", title="The guide")
    page = get(client, address(guide, f"?revision=1&start={start}&end={start + 15}"))
    assert "no longer holds the passage" in page.text
    assert page.all("mark") == []
    assert "second" not in page.text


def test_a_change_of_the_title_alone_moves_no_passage(client: Client, guide: Document) -> None:
    save(guide.collection, "guide", GUIDE, title="Another title", segments=HEADINGS)
    url = address(guide, "?revision=1&start=0&end=12")
    assert marked(client, url) == "Introduction"
    assert "has changed since" not in get(client, url).text


@pytest.mark.parametrize(
    "query",
    [
        "?start=3",
        "?revision=1&start=9&end=3",
        "?revision=x&start=0&end=3",
        "?revision=-1&start=0&end=3",
        "?revision=1&start=99999999999999999999&end=3",
        "?page=0",
        "?page=99",
        "?page=x",
        "?page=%00",
    ],
)
def test_an_address_that_makes_no_sense_shows_the_document(client: Client, guide: Document, query: str) -> None:
    page = get(client, address(guide, query))
    assert (page.all("mark"), "The guide" in page.text) == ([], True)


@pytest.mark.parametrize("query", ["?revision=7&start=0&end=3", "?revision=0&start=0&end=3"])
def test_a_revision_that_never_was_is_said_to_be_gone(client: Client, guide: Document, query: str) -> None:
    assert "no longer holds the passage" in get(client, address(guide, query)).text


def test_a_passage_beyond_the_end_marks_nothing(client: Client, guide: Document) -> None:
    assert get(client, address(guide, "?revision=1&start=5000&end=6000")).all("mark") == []


@pytest.mark.parametrize(
    ("state", "revision", "said"),
    [
        ("pending", 0, "is being indexed and cannot be found yet"),
        ("pending", 1, "The latest change of this document is being indexed"),
        ("failed", 0, "could not be indexed"),
    ],
)
def test_the_state_of_indexing_is_shown_and_its_reason_to_staff_alone(
    client: Client, guide: Document, state: str, revision: int, said: str
) -> None:
    IndexEntry.objects.filter(document=guide).update(state=state, indexed_revision=revision, error="The secret reason")
    page = get(client, address(guide))
    assert (said in page.text, "secret reason" in page.text) == (True, False)
    client.force_login(User.objects.create_superuser("admin"))
    assert "The secret reason" in get(client, address(guide)).text


def test_staff_find_the_way_to_the_administration(client: Client, guide: Document) -> None:
    assert get(client, address(guide)).links("/admin/") == []
    client.force_login(User.objects.create_superuser("admin"))
    assert f"/admin/collections_app/document/{guide.pk}/change/" in get(client, address(guide)).links("/admin/")


def test_a_document_of_a_private_collection_a_deleted_one_and_an_unknown_one_are_404(
    client: Client, guide: Document
) -> None:
    assert client.get(f"/documents/{uuid4()}/").status_code == 404
    Collection.objects.update(visibility="private")
    assert client.get(address(guide)).status_code == 404
    Collection.objects.update(visibility="public")
    Document.objects.filter(pk=guide.pk).delete()
    assert client.get(address(guide)).status_code == 404


def test_a_huge_document_is_read_page_by_page(client: Client, collection: Collection) -> None:
    text = "".join(f"Line {number} of a very long document.\n" for number in range(150_000))
    segments = [
        Segment("page", str(number), 0, start, start + 10_000)
        for number, start in enumerate(range(0, len(text), 10_000), start=1)
    ]
    document = save(collection, "huge", text, title="Huge", segments=segments)
    first = client.get(address(document))
    assert len(first.content) < 200_000
    page = Page(first)
    assert re.search(r"Page 1 of 5\d", page.text)
    assert page.links("?page=2")
    assert "Of this page." in page.text
    start = text.index("Line 140000 of")
    linked = address(document, f"?revision=1&start={start}&end={start + 14}")
    assert marked(client, linked) == "Line 140000 of"


def test_a_document_with_a_title_alone_has_a_page(client: Client, collection: Collection, drain: Drain) -> None:
    document = save(collection, "k", "", title="Only a title")
    drain(collection)
    assert "a title and no text" in get(client, address(document)).text


def test_nothing_in_a_document_becomes_markup(client: Client, collection: Collection) -> None:
    document = save(
        collection, "k", f"# {EVIL}\n\n[x](javascript:alert(1))", title=EVIL, markup="markdown",
        metadata={EVIL: [EVIL, {"deep": EVIL}], "none": None},
        segments=[Segment("heading", EVIL, 1, 0, 10)],
    )  # fmt: skip
    page = get(client, address(document, "?revision=1&start=2&end=30"))
    assert [
        found for tag in ("script", "img") for found in page.all(tag) if "/static/" not in str(found.get("src"))
    ] == []
    assert page.links("javascript:") == []
    assert EVIL in page.text


def test_the_language_of_a_document_is_told_to_the_browser(client: Client, collection: Collection) -> None:
    document = save(collection, "k", "向量数据库保存嵌入向量，并按相似度检索。", title="向量")
    assert get(client, address(document)).all("div", class_="text", lang="zh")


# --- source files -------------------------------------------------------------------------------------------------


@pytest.fixture
def source(guide: Document, settings: Any, tmp_path: Path) -> SourceFile:
    settings.MEDIA_ROOT = tmp_path
    source = SourceFile(
        collection=guide.collection, key="guide.html", filename="gu\"ide\r\n文.html", sha256="0" * 64, size=30,
        media_type="text/html", state="extracted",
    )  # fmt: skip
    source.file.save("guide", ContentFile(b"<script>alert(1)</script>"), save=True)
    Document.objects.filter(pk=guide.pk).update(source_file=source)
    return source


def test_a_source_file_is_handed_out_to_be_saved_and_never_shown(client: Client, source: SourceFile) -> None:
    response: Any = client.get(f"/sources/{source.public_id}/")
    assert b"".join(response.streaming_content) == b"<script>alert(1)</script>"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_the_page_of_a_document_links_to_its_source(client: Client, guide: Document, source: SourceFile) -> None:
    assert get(client, address(guide)).links("/sources/") == [f"/sources/{source.public_id}/"]


def test_a_source_is_not_handed_out_when_its_documents_may_not_be_read(
    client: Client, guide: Document, source: SourceFile
) -> None:
    Collection.objects.update(visibility="private")
    assert client.get(f"/sources/{source.public_id}/").status_code == 404
    Collection.objects.update(visibility="public")
    Document.objects.filter(pk=guide.pk).delete()
    assert client.get(f"/sources/{source.public_id}/").status_code == 404


def test_a_file_that_is_gone_from_storage_is_a_404(client: Client, source: SourceFile) -> None:
    Path(source.file.path).unlink()
    assert client.get(f"/sources/{source.public_id}/").status_code == 404
