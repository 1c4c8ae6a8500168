"""What only a browser shows: pages that refresh themselves, and Unfold's scripts beside our forms."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from collections_app import profiles, sources
from collections_app.models import Collection, Import, SourceFile, User
from tests.browsing import Open
from tests.collections_app.admin_pages import page as page_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser_page(open_page: Open, admin_user: User) -> Page:
    """Return a page of a browser in which the administrator is signed in."""
    page: Page = open_page("/admin/", user=admin_user)
    return page


def test_uploaded_files_are_seen_being_read_without_a_reload(
    collection: Collection, browser_page: Page, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"Text of {name}")
    browser_page.goto(f"{reverse('admin:collections_app_sourcefile_upload')}?collection={collection.pk}")
    browser_page.set_input_files("[name=uploads]", [tmp_path / "a.txt", tmp_path / "b.txt"])
    expect(browser_page.locator("[name=folder]")).to_have_value("")
    browser_page.get_by_role("button", name="Upload", exact=True).click()
    browser_page.wait_for_url(f"**{page_of(Import.objects.get())}")
    expect(browser_page.locator("#vs-panels")).to_contain_text("waiting")
    for source in SourceFile.objects.all():
        sources.extract(source.pk)
    expect(browser_page.locator("#vs-panels")).not_to_contain_text("waiting", timeout=15_000)
    expect(browser_page.locator("#vs-panels")).to_contain_text("1 new")
    assert browser_page.get_attribute("#vs-panels", "data-live") is None


def test_files_are_dropped_anywhere_and_listed_with_what_speaks_against_them(
    collection: Collection, browser_page: Page, tmp_path: Path, settings: Any
) -> None:
    settings.UPLOAD_LIMIT_BYTES = 2**20
    browser_page.goto(f"{reverse('admin:collections_app_sourcefile_upload')}?collection={collection.pk}")
    (tmp_path / "a.txt").write_text("Text of a")
    browser_page.set_input_files("[name=uploads]", [tmp_path / "a.txt"])
    dropped = browser_page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["文本"], "二.txt"));
            transfer.items.add(new File([new Uint8Array(2 ** 20 + 1)], "huge.bin"));
            return transfer;
        }"""
    )
    browser_page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    chosen = browser_page.locator(".vs-chosen li")
    expect(chosen).to_have_count(3)
    expect(chosen.filter(has_text="huge.bin")).to_contain_text("larger than 1 MiB")
    browser_page.get_by_role("button", name="Remove: huge.bin").click()
    expect(chosen).to_have_count(2)
    browser_page.get_by_role("button", name="Upload", exact=True).click()
    browser_page.wait_for_url(f"**{page_of(Import.objects.get())}")
    assert set(SourceFile.objects.values_list("filename", flat=True)) == {"a.txt", "二.txt"}


def test_the_first_page_follows_what_happens(browser_page: Page, collection: Collection) -> None:
    browser_page.goto("/admin/")
    expect(browser_page.locator("#vs-dashboard")).to_contain_text("Notes")
    Collection.objects.update(name="Renamed")
    expect(browser_page.locator("#vs-dashboard")).to_contain_text("Renamed", timeout=15_000)


def test_the_lab_copies_what_it_downloads(browser_page: Page) -> None:
    profiles.create_profile("Hash", backend="meaningless")
    browser_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    browser_page.goto(f"{reverse('admin:collections_app_lab')}?form=rank&example=password-zh")
    browser_page.get_by_role("button", name="Rank the texts").click()
    browser_page.get_by_role("button", name="Copy as JSON").click()
    expect(browser_page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(browser_page.evaluate("navigator.clipboard.readText()"))
    with browser_page.expect_download() as download:
        browser_page.get_by_role("button", name="Download as JSON").click()
    assert copied == json.loads(download.value.path().read_text())
    assert copied["query"] == "我登录不上了，怎么办？"


def test_the_lab_works_without_scripts(open_page: Open, admin_user: User) -> None:
    profiles.create_profile("Hash", backend="meaningless")
    address = f"{reverse('admin:collections_app_lab')}?form=compare"
    page = open_page(address, user=admin_user, java_script_enabled=False)
    page.get_by_role("link", name="Three sentences", exact=True).click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**#results")
    expect(page.get_by_role("table", name="Cosine similarity").locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("button", name="Copy as JSON")).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these vectors (.npy)").click()
    assert np.load(download.value.path(), allow_pickle=False).shape == (3, 64)
