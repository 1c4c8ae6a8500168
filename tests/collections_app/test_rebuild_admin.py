"""Rebuilding, switching and dropping in the admin: figures first, then the act."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from collections_app import services, sweeping, sync
from collections_app.models import (
    AccessLevel,
    Collection,
    CollectionGrant,
    EntryState,
    IndexEntry,
    IndexState,
    VectorIndex,
)
from tests.collections_app.admin_pages import messages_of, page, staff_member, text_of
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    save(collection, "a", "Cats purr.")
    save(collection, "b", "Dogs bark.")
    drain(collection)
    return collection


def build(collection: Collection, **options: Any) -> VectorIndex:
    index = services.start_rebuild(collection, **options)
    sweeping.fill(index.pk)
    sync.drain(index.pk)
    return index


def rebuild_page(collection: Collection) -> str:
    return reverse("admin:collections_app_collection_rebuild", args=[collection.pk])


def settings_of(index: VectorIndex, **other: Any) -> dict[str, Any]:
    return {
        "profile": index.profile_id,
        "chunk_size": index.chunk_size,
        "chunk_overlap": index.chunk_overlap,
        "activate": "on",
    } | other


def test_a_rebuild_shows_its_figures_before_it_starts(notes: Collection, admin_client: Client) -> None:
    serving = serving_index(notes)
    assert rebuild_page(notes) in text_of(admin_client.get(page(notes)))
    assert str(serving.chunk_size) in text_of(admin_client.get(rebuild_page(notes)))
    asked = settings_of(serving, chunk_size=64)
    shown = admin_client.post(rebuild_page(notes), asked)
    assert "Tokens to embed" in text_of(shown)
    assert VectorIndex.objects.count() == 1
    estimated = shown.context["form"]["estimated"].value()
    started = admin_client.post(rebuild_page(notes), asked | {"estimated": estimated})
    index = VectorIndex.objects.get(state=IndexState.BUILDING)
    assert (index.chunk_size, index.activate_when_ready, started.url) == (64, True, page(index))  # type: ignore[attr-defined]


def test_figures_for_other_settings_do_not_start_anything(notes: Collection, admin_client: Client) -> None:
    asked = settings_of(serving_index(notes), chunk_size=64)
    estimated = admin_client.post(rebuild_page(notes), asked).context["form"]["estimated"].value()
    again = admin_client.post(rebuild_page(notes), asked | {"chunk_size": 80, "estimated": estimated})
    assert "Tokens to embed" in text_of(again)
    assert VectorIndex.objects.count() == 1


def test_settings_that_cannot_be_are_refused_on_the_page(notes: Collection, admin_client: Client) -> None:
    shown = admin_client.post(rebuild_page(notes), settings_of(serving_index(notes), chunk_size=3))
    assert "A chunk size of 3 cannot be used" in text_of(shown)


def test_progress_and_what_comes_next_are_on_both_pages(notes: Collection, admin_client: Client) -> None:
    index = services.start_rebuild(notes)
    IndexEntry.objects.filter(index=index, document__key="a").update(state=EntryState.FAILED, error="Too odd.")
    VectorIndex.objects.filter(pk=index.pk).update(problem="One has failed in it.")
    for shown in (admin_client.get(page(notes)), admin_client.get(page(index))):
        assert "One has failed in it." in text_of(shown)


def test_the_switch_and_the_way_back_are_confirmed_with_figures(notes: Collection, admin_client: Client) -> None:
    old, new = serving_index(notes), build(notes, activate=False)
    for index, other in ((new, old), (old, new)):
        assert page(index, "switch") in text_of(admin_client.get(page(index)))
        asked = text_of(admin_client.get(page(index, "switch")))
        assert str(index) in asked
        assert str(other) in asked
        assert serving_index(Collection.objects.get()).pk == other.pk
        done = admin_client.post(page(index, "switch"))
        assert messages_of(done) == [f"{index} serves now."]
        assert serving_index(Collection.objects.get()).pk == index.pk


def test_a_switch_that_comes_too_early_says_what_is_missing_and_happens_later(
    notes: Collection, admin_client: Client
) -> None:
    index = services.start_rebuild(notes, activate=False)
    sweeping.fill(index.pk)
    (message,) = messages_of(admin_client.post(page(index, "switch")))
    assert "still being taken into it" in message
    assert "by itself" in message
    sync.drain(index.pk)
    assert services.ready_to_activate() == [index.pk]


def test_a_build_is_given_up_after_a_confirmation(notes: Collection, admin_client: Client) -> None:
    index = build(notes)
    assert str(index) in text_of(admin_client.get(page(index, "drop")))
    admin_client.post(page(index, "drop"))
    index.refresh_from_db()
    assert index.state == IndexState.DROPPED
    assert "serves now" in messages_of(admin_client.post(page(serving_index(notes), "drop")))[-1]


def test_who_may_only_read_a_collection_cannot_rebuild_or_switch(notes: Collection, client: Client) -> None:
    index = build(notes)
    user = staff_member("reader", "view_collection", "change_collection", "view_vectorindex", "change_vectorindex")
    client.force_login(user)
    for url in (rebuild_page(notes), page(index, "switch"), page(index, "drop")):
        assert client.post(url).status_code == 403
        assert url not in text_of(client.get(page(notes))) + text_of(client.get(page(index)))
    CollectionGrant.objects.create(collection=notes, user=user, level=AccessLevel.MANAGE)
    assert client.get(page(index, "switch")).status_code == 200
    assert client.get(rebuild_page(notes)).status_code == 200


def test_who_makes_a_collection_may_manage_it(notes: Collection) -> None:
    user = staff_member("maker")
    made = services.create_collection("Mine", user=user)
    assert list(Collection.objects.writable_by(user, AccessLevel.MANAGE)) == [made]
