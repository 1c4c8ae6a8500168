"""The admin's first page says what is going on, and what is wrong with its remedy."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from collections_app import workers
from collections_app.admin.dashboard import Dashboard, read_dashboard
from collections_app.admin.navigation import navigation
from collections_app.models import (
    Collection,
    EmbeddingProfile,
    EntryState,
    ExtractionState,
    IndexEntry,
    SourceFile,
    User,
    WorkerStatus,
)
from search_app.search import SearchRequest, search
from tests.collections_app.admin_pages import fill_site, list_page, staff_member, text_of
from tests.conftest import Drain, save

LIVE = reverse("admin:collections_app_dashboard")


def facts_of(dashboard: Dashboard) -> dict[str, str]:
    return {fact.label: str(fact.value) for fact in dashboard.facts}


def test_an_empty_site_says_that_there_is_nothing_yet(admin_client: Client) -> None:
    answer = text_of(admin_client.get("/admin/"))
    assert "There is no collection yet." in answer
    assert "Nothing has failed." in answer
    assert reverse("admin:collections_app_collection_add") in answer


def test_it_counts_what_is_done_waiting_and_failed(collection: Collection, drain: Drain, admin_user: User) -> None:
    fill_site(collection, drain, admin_user)
    dashboard = read_dashboard(admin_user)
    facts = facts_of(dashboard)
    assert (facts["Documents"], facts["Waiting to be indexed"], facts["Files waiting to be read"]) == ("5", "2", "0")
    assert ">1<" in facts["Failed documents"]
    assert ">1<" in facts["Failed files"]
    workers_panel, collections, failures = dashboard.panels
    assert len(workers_panel.rows) == 2
    assert len(collections.rows) == 1
    assert [strip_tags(row[0]) for row in failures.rows] == ["document", "file"]
    assert "The model refuses this." in failures.rows[0][3]
    assert any("Nobody answers." in warning for warning in dashboard.warnings)


def test_a_paused_profile_is_told_with_its_reason(collection: Collection, admin_user: User) -> None:
    EmbeddingProfile.objects.update(paused_until=timezone.now() + timedelta(minutes=2), pause_reason="Bad <key>.")
    (warning,) = read_dashboard(admin_user).warnings
    assert "Embedding profile" in warning
    assert "Bad &lt;key&gt;." in warning


def test_work_that_waits_too_long_is_a_warning(collection: Collection, admin_user: User) -> None:
    save(collection, "a", "Text")
    assert read_dashboard(admin_user).warnings == []
    IndexEntry.objects.update(wanted_at=timezone.now() - timedelta(minutes=5))
    (warning,) = read_dashboard(admin_user).warnings
    assert "has waited for 5\xa0minutes" in warning


def test_a_worker_that_went_silent_at_work_is_told_from_an_idle_one(admin_client: Client) -> None:
    workers.begin("index 1: embedding 7 documents")
    assert "embedding 7 documents" in text_of(admin_client.get(LIVE))
    assert "working" in text_of(admin_client.get(LIVE))
    WorkerStatus.objects.update(seen_at=timezone.now() - timedelta(hours=1))
    assert "not seen any more" in text_of(admin_client.get(LIVE))
    WorkerStatus.objects.update(activity="")
    assert "idle" in text_of(admin_client.get(LIVE))


def test_the_page_refreshes_with_a_fragment_of_itself_and_without_scripts_as_a_whole(admin_client: Client) -> None:
    whole, fragment = text_of(admin_client.get("/admin/")), text_of(admin_client.get(LIVE))
    assert f'id="vs-dashboard" data-live="{LIVE}"' in whole
    assert fragment.lstrip().startswith(f'<div id="vs-dashboard" data-live="{LIVE}"')
    assert "<html" not in fragment
    assert '<noscript><meta http-equiv="refresh"' in whole


def test_the_sidebar_shows_what_one_may_see_and_what_has_failed(collection: Collection, drain: Drain) -> None:
    save(collection, "a", "Text")
    IndexEntry.objects.update(state=EntryState.FAILED)
    SourceFile.objects.create(
        collection=collection, key="a", filename="a", sha256="0", size=1, state=ExtractionState.FAILED
    )
    request = RequestFactory().get(list_page(IndexEntry))
    request.user = staff_member("somebody", "view_indexentry", "view_sourcefile", "view_group")
    groups = {str(group.get("title", "")): group["items"] for group in navigation(request)}
    assert [str(item["title"]) for item in groups["Content"]] == ["Source files"]
    (entries,) = groups["Index"]
    assert (entries["badge"], entries["active"]) == ("1", True)
    assert [str(item["title"]) for item in groups["System"]] == ["Groups"]
    assert groups["Content"][0]["badge"] == "1"


def test_the_admin_s_helpers_refuse_a_stranger() -> None:
    from collections_app.admin.scope import user_of

    request = RequestFactory().get("/admin/")
    request.user = AnonymousUser()
    with pytest.raises(TypeError, match="signed in"):
        user_of(request)


@pytest.mark.django_db
def test_who_may_watch_workers_sees_how_much_is_done_and_how_fast(
    collection: Collection, drain: Drain, admin_client: Client
) -> None:
    charts = "<figure"
    assert text_of(admin_client.get(LIVE)).count(charts) == 4, "an idle hour is a chart too"
    for name in ("one", "two"):
        save(collection, name, f"The text of {name}.")
    drain(collection)
    for _ in range(3):
        search(SearchRequest(collections=(collection,), query="text"))
    page = text_of(admin_client.get(LIVE))
    assert "2 in the last hour" in page
    assert "3 in the last hour" in page
    assert "half within" in page
    client = Client()
    client.force_login(staff_member("reader", "view_collection"))
    assert charts not in text_of(client.get(LIVE))
