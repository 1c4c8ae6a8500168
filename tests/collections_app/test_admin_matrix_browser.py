"""Every page that an administrator or an operator works with, in both languages, themes and sizes."""

import pytest
from django.urls import reverse

from collections_app.models import Chunk, Collection, Document, SourceFile, User, VectorIndex
from tests.browsing import PHONE, Open, barriers, keep_picture, overhang
from tests.collections_app.admin_pages import fill_site, list_page, page
from tests.conftest import Drain

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Django's own way to choose one of many rows has no name beside its label. The library by which Unfold's lists scroll
# calls each of them by the same one, and Unfold's tables of a form have no head over what deletes a row.
OF_LIBRARIES = ("aria-input-field-name", "landmark-unique", "empty-table-header")


def addresses(collection: Collection) -> dict[str, str]:
    index, document = VectorIndex.objects.first(), Document.objects.alive().first()
    assert index and document
    named = {
        name: reverse(f"admin:collections_app_{name}")
        for name in ("sourcefile_upload", "sourcefile_table", "health", "usage_changelist")
    }
    return named | {
        "dashboard": reverse("admin:index"),
        "collections": list_page(Collection),
        "collection": page(collection),
        "documents": list_page(Document),
        "document": page(document),
        "index": page(index),
        "peek": page(index, "peek"),
        "file": page(SourceFile.objects.get(state="failed")),
        "chunks": list_page(Chunk),
    }


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_of_the_workplace_is_for_everybody(
    open_page: Open, collection: Collection, drain: Drain, admin_user: User, *, language: str, theme: str, size: str
) -> None:
    fill_site(collection, drain, admin_user)
    options: dict[str, object] = {"viewport": PHONE, "has_touch": True} if size == "phone" else {}
    found = {}
    for name, address in addresses(collection).items():
        shown = open_page(address, user=admin_user, locale=language, color_scheme=theme, **options)
        keep_picture(shown, f"{name}-{language}-{theme}-{size}", of="admin")
        found[name] = [f"{overhang(shown)} pixels too wide"] if overhang(shown) > 0 else []
        found[name] += [told for told in barriers(shown) if not told.startswith(OF_LIBRARIES)]
        shown.context.close()
    assert found == {name: [] for name in found}
