"""Every model has its pages in the admin, and they stay quick."""

from datetime import UTC, date, datetime

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from collections_app import services, sources
from collections_app.admin import cells
from collections_app.admin.pages import SiteAdmin
from collections_app.models import (
    Activity,
    Budget,
    Chunk,
    Collection,
    Document,
    Embedding,
    EmbeddingProfile,
    EntryState,
    Import,
    ImportItem,
    ImportOrigin,
    IndexChange,
    IndexEntry,
    IndexPicture,
    LexicalPostings,
    LexicalRow,
    LexicalSegment,
    LexicalTombstone,
    MetadataValue,
    ProfileComparison,
    Segment,
    SourceFile,
    TrailRecord,
    User,
    VectorIndex,
    VectorStoreStatus,
)
from tests.collections_app.admin_pages import fill_site, list_page, page, text_of
from tests.conftest import Drain, save

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def filled(collection: Collection, drain: Drain, admin_user: User) -> Collection:
    fill_site(collection, drain, admin_user)
    return collection


def test_every_model_of_the_site_is_registered_but_what_is_packed_numbers() -> None:
    from django.apps import apps

    packed = {Activity, IndexChange, IndexPicture, LexicalRow, LexicalSegment, LexicalPostings, LexicalTombstone}
    assert set(apps.get_app_config("collections_app").get_models()) - set(REGISTERED) == packed


def test_every_list_and_every_page_opens(filled: Collection, admin_client: Client) -> None:
    opened = 0
    for model in REGISTERED:
        assert admin_client.get(list_page(model)).status_code == 200, model
        rows = list(model._default_manager.all()[:5])
        assert rows, f"there is no {model._meta.label} to open"
        for row in rows:
            assert admin_client.get(page(row)).status_code == 200, row
            assert admin_client.get(page(row, "history")).status_code == 200, row
            if isinstance(admin.site.get_model_admin(model), SiteAdmin):
                assert admin_client.get(page(row, "live")).status_code == 200, row
            opened += 1
    assert opened > len(REGISTERED)


def test_every_page_has_one_main_landmark(filled: Collection, admin_client: Client, client: Client) -> None:
    opened = {address: text_of(admin_client.get(address)) for address in _pages_of_every_kind(filled)}
    admin_client.logout()
    opened["login"] = text_of(admin_client.get("/admin/login/"))
    landmarks = {address: (text.count("<main"), text.count("</main>")) for address, text in opened.items()}
    assert landmarks == dict.fromkeys(opened, (1, 1))


def _pages_of_every_kind(collection: Collection) -> list[str]:
    return [
        reverse("admin:index"),
        list_page(Document),
        f"{list_page(Document)}add/",
        f"{list_page(Collection)}add/",
        page(collection),
        page(collection, "delete"),
        page(collection, "history"),
        page(collection, "rebuild"),
        page(User.objects.get(username="admin"), "history"),
        page(User.objects.get(username="admin"), "delete"),
        *(
            reverse(f"admin:{name}")
            for name in ("collections_app_lab", "collections_app_usage_changelist", "password_change")
        ),
    ]


def test_actions_that_have_nothing_to_do_are_not_offered(filled: Collection, admin_client: Client) -> None:
    def offers(row: Model, action: str) -> bool:
        return f'name="action" value="{action}"' in text_of(admin_client.get(page(row)))

    entries = IndexEntry.objects.order_by("pk")
    assert offers(entries.get(state=EntryState.FAILED), "retry_failures")
    assert not offers(entries.filter(state=EntryState.INDEXED)[0], "retry_failures")
    assert offers(filled, "retry_failures")
    entries.update(state=EntryState.INDEXED)
    assert not offers(filled, "retry_failures")
    assert offers(filled, "resync")
    assert offers(VectorStoreStatus.objects.get(), "resume_now")
    assert not offers(EmbeddingProfile.objects.all()[0], "resume_now")
    ended, asked = ProfileComparison.objects.order_by("-finished_at")[:2]
    assert (offers(ended, "stop"), offers(asked, "stop")) == (ended.finished_at is None, asked.finished_at is None)
    assert not offers(ended if ended.finished_at else asked, "stop")


def test_large_numbers_are_grouped_and_shown_without_zeros(filled: Collection, admin_client: Client) -> None:
    assert 'value="1000000"' in text_of(admin_client.get(page(Budget.objects.get())))
    assert "1,000,000" in text_of(admin_client.get(list_page(Budget)))
    assert "1,000,000" in text_of(admin_client.get(list_page(Budget), headers={"Accept-Language": "zh-Hans"}))


def test_values_of_fields_are_shown_as_people_write_them() -> None:
    with translation.override("en"):
        assert [cells.field_value(value) for value in (True, False, 3, "text")] == ["Yes", "No", "3", "text"]
        assert cells.field_value(date(2024, 3, 5)) == "March 5, 2024"
        assert cells.field_value(datetime(2024, 3, 5, 12, tzinfo=UTC)) == "March 5, 2024, noon"
    with translation.override("zh-hans"):
        assert cells.field_value(True) == "是"


def test_every_list_can_be_searched_and_sorted_by_every_column(filled: Collection, admin_client: Client) -> None:
    for model in REGISTERED:
        model_admin = admin.site.get_model_admin(model)
        queries = ["?q=text"] if model_admin.search_fields else []
        queries.append("?o=" + ".".join(str(number + 1) for number in range(len(model_admin.list_display))))
        for query in queries:
            assert admin_client.get(f"{list_page(model)}{query}").status_code == 200, (model, query)


def test_filters_keep_what_they_say(filled: Collection, admin_client: Client) -> None:
    def found(model: type[Model], query: str) -> list[str]:
        return [str(row) for row in admin_client.get(f"{list_page(model)}{query}").context["cl"].result_list]

    assert found(Document, "?state=failed") == ["c.md"]
    assert found(Document, "?state=indexed") == ["Second", "First"]
    assert found(Document, "?from_file=yes") == ["Read"]
    assert len(found(Document, "?from_file=no")) == 4
    assert sorted(found(Document, "?language=en")) == sorted(map(str, Document.objects.filter(language="en")))
    assert found(Document, "?q=Second") == ["Second"]
    assert found(SourceFile, "?state__exact=failed") == ["empty.txt"]
    assert found(SourceFile, "?error_code=empty") == ["empty.txt"]
    assert len(found(IndexEntry, "?error_code=EmbeddingInputRefused")) == 1
    assert found(TrailRecord, "?action=changed&type=collection") == ["changed collection Notes"]
    assert found(TrailRecord, "?action=deleted") == []


def test_what_the_site_writes_itself_cannot_be_added_or_deleted(filled: Collection, admin_client: Client) -> None:
    for model in (Chunk, Embedding, IndexEntry, Segment, TrailRecord, VectorIndex, Import, ImportItem):
        row = model._default_manager.all()[0]
        before = model._default_manager.count()
        assert admin_client.get(f"{list_page(model)}add/").status_code == 403, model
        assert admin_client.post(page(row, "delete"), {"post": "yes"}).status_code == 403, model
        assert admin_client.post(page(row), {"_save": "1"}).status_code == 403, model
        assert model._default_manager.count() == before


def test_a_source_file_is_deleted_with_its_documents_after_it_was_said_how_many(
    filled: Collection, admin_client: Client
) -> None:
    source = SourceFile.objects.filter(documents__deleted_at=None).exclude(documents=None).first()
    assert source is not None
    asked = text_of(admin_client.get(page(source, "delete")))
    assert "The documents that were read from them go too" in asked
    admin_client.post(page(source, "delete"), {"post": "yes"})
    assert not SourceFile.objects.filter(pk=source.pk).exists()
    assert not Document.objects.alive().filter(key=source.key).exists()
    assert TrailRecord.objects.filter(action="deleted", object_id=source.public_id).exists()


def test_lists_take_as_many_queries_for_many_rows_as_for_few(
    filled: Collection, admin_client: Client, drain: Drain
) -> None:
    models = [Collection, Document, IndexEntry, Chunk, SourceFile, Import, ImportItem, MetadataValue, VectorIndex]
    # The first visit fills caches, such as the one of the languages that there are.
    admin_client.get("/admin/")
    admin_client.get(list_page(Document))
    few = {model: _queries_of(admin_client, list_page(model)) for model in models}
    dashboard = _queries_of(admin_client, "/admin/")
    _multiply(filled, drain)
    assert {model: _queries_of(admin_client, list_page(model)) for model in models} == few
    assert _queries_of(admin_client, "/admin/") == dashboard


def _multiply(collection: Collection, drain: Drain) -> None:
    for number in range(4):
        other = services.create_collection(f"Other {number}")
        save(other, "a", "Text of another collection")
        drain(other)
        act = sources.start_import(other, origin=ImportOrigin.UPLOAD)
        sources.store_upload(other, content=ContentFile(b"text"), filename="a.txt", key="a.txt", import_act=act)
    for number in range(10):
        save(collection, f"more-{number}", f"More text, number {number}.", metadata={"author": f"Author {number}"})
    drain(collection)


def _queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_the_trail_is_shown_as_the_history_and_nothing_goes_to_django_s_own_log(
    filled: Collection, admin_client: Client
) -> None:
    document = Document.objects.get(key="a.md")
    answer = text_of(admin_client.get(page(document, "history")))
    assert "created" in answer
    admin_client.post(page(document, "delete"), {"post": "yes"})
    assert not LogEntry.objects.exists()
    assert TrailRecord.objects.filter(action="deleted", object_id=document.public_id).count() == 1


def test_a_trail_record_leads_to_its_object(filled: Collection, admin_client: Client) -> None:
    answer = admin_client.get(f"{list_page(Document)}?public_id__exact={Document.objects.get(key='a.md').public_id}")
    assert [row.key for row in answer.context["cl"].result_list] == ["a.md"]
    assert "public_id__exact" in text_of(admin_client.get(list_page(TrailRecord)))
