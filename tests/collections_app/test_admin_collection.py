"""Collections and the indexes that serve them, in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from collections_app.models import (
    AccessLevel,
    Chunk,
    ChunkState,
    Collection,
    CollectionGrant,
    Document,
    EmbeddingProfile,
    EntryState,
    IndexAudit,
    IndexEntry,
    IndexState,
    MetadataField,
    PhysicalCollection,
    TrailRecord,
    User,
    VectorIndex,
    VectorStoreStatus,
)
from tests.collections_app.admin_pages import list_page, messages_of, page, run_action, staff_member, text_of
from tests.conftest import Drain, save, serving_index
from vectorsite.celery import app as celery

ADD = reverse("admin:collections_app_collection_add")
ADD_PROFILE = reverse("admin:collections_app_embeddingprofile_add")
NEW = {"name": "Contracts", "visibility": "private", "time_zone": "Asia/Shanghai", "chunk_overlap": "0"}


def settings_of(collection: Collection, **changes: Any) -> dict[str, Any]:
    """Return what the page of a collection without fields and grants would post, with `changes`."""
    names = ("name", "slug", "description", "visibility", "time_zone")
    empty = {f"{prefix}-{count}": "0" for prefix in ("fields", "grants") for count in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return {name: getattr(collection, name) for name in names} | empty | changes


def test_a_new_collection_has_an_index_that_serves_it(db: None, admin_client: Client, admin_user: User) -> None:
    response: Any = admin_client.post(ADD, NEW | {"chunk_size": "100", "chunk_overlap": "10"})
    collection = Collection.objects.get()
    assert (response.status_code, response.url) == (303, page(collection))
    index = serving_index(collection)
    assert (index.state, index.chunk_size, index.chunk_overlap) == (IndexState.SERVING, 100, 10)
    assert (collection.slug, collection.visibility, collection.created_by) == ("contracts", "private", admin_user)
    assert TrailRecord.objects.filter(action="created", object_id=collection.public_id, actor=admin_user).exists()


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({"name": ""}, "name"),
        ({"slug": "notes"}, "slug"),
        ({"time_zone": "Moon/Base"}, "time_zone"),
        ({"chunk_size": "50", "chunk_overlap": "50"}, "chunk_overlap"),
        ({"chunk_overlap": "50"}, "chunk_size"),
        ({"chunk_size": "100000"}, "chunk_size"),
    ],
)
def test_a_collection_that_cannot_be_is_refused_at_its_field(
    entered: dict[str, str], field: str, collection: Collection, admin_client: Client
) -> None:
    profile = str(EmbeddingProfile.objects.get().pk)
    response = admin_client.post(ADD, NEW | {"profile": profile} | entered)
    assert list(response.context["form"].errors) == [field]
    assert Collection.objects.count() == 1


def test_an_embedder_that_cannot_be_used_is_told_on_the_page(db: None, admin_client: Client, settings: Any) -> None:
    settings.EMBEDDERS = {"broken": {"BACKEND": "collections_app.nowhere.Embedder", "OPTIONS": {}}}
    settings.DEFAULT_EMBEDDER = "broken"
    response = admin_client.post(ADD, NEW)
    assert "nowhere" in str(response.context["form"].non_field_errors())
    assert not Collection.objects.exists()


def test_settings_fields_and_grants_are_edited_on_one_page_and_recorded(
    collection: Collection, admin_client: Client, admin_user: User
) -> None:
    reader = User.objects.create_user("reader")
    posted = settings_of(
        collection,
        name="Notes of all",
        **{"fields-TOTAL_FORMS": "1", "fields-0-name": "year", "fields-0-source_name": "year"},
        **{"fields-0-type": "integer", "fields-0-filterable": "on", "fields-0-position": "0"},
        **{"grants-TOTAL_FORMS": "1", "grants-0-user": reader.pk, "grants-0-level": AccessLevel.WRITE},
    )
    assert admin_client.post(page(collection), posted).status_code == 302
    collection.refresh_from_db()
    assert collection.name == "Notes of all"
    assert MetadataField.objects.get().source_name == "year"
    assert CollectionGrant.objects.get().user == reader
    record = TrailRecord.objects.get(action="changed", object_id=collection.public_id)
    assert (record.actor, record.details) == (admin_user, {"fields": "name, metadata fields, grants"})


def test_a_slug_that_is_taken_is_refused(collection: Collection, admin_client: Client) -> None:
    other = Collection.objects.create(name="Other", slug="other")
    response = admin_client.post(page(collection), settings_of(collection, slug=other.slug))
    assert "already" in response.context["adminform"].form.errors["slug"][0]
    collection.refresh_from_db()
    assert collection.slug == "notes"


def test_deleting_says_with_numbers_what_goes_and_never_meets_a_protected_row(
    collection: Collection, admin_client: Client, admin_user: User, drain: Drain
) -> None:
    for key in "abc":
        save(collection, key, f"Text {key}")
    drain(collection)
    response = admin_client.get(page(collection, "delete"))
    assert dict(response.context["model_count"]) == {"collection": 1, "documents": 3, "chunks": 3, "source files": 0}
    assert not response.context["protected"]
    assert admin_client.post(page(collection, "delete"), {"post": "yes"}).status_code == 302
    collection.refresh_from_db()
    assert collection.deleted_at is not None
    assert not Document.objects.alive().exists()
    assert set(Chunk.objects.values_list("state", flat=True)) == {ChunkState.RETIRED}
    assert TrailRecord.objects.filter(action="deleted", object_id=collection.public_id, actor=admin_user).exists()


def test_several_collections_are_deleted_at_once(collection: Collection, admin_client: Client) -> None:
    save(collection, "a", "Text")
    assert "Delete the selected" in text_of(run_action(admin_client, Collection, "delete_selected", [collection]))
    run_action(admin_client, Collection, "delete_selected", [collection], post="yes")
    assert not Collection.objects.alive().exists()
    assert not Document.objects.alive().exists()


def test_a_collection_s_failures_are_retried_and_its_documents_indexed_anew(
    collection: Collection, admin_client: Client, drain: Drain
) -> None:
    for key in "ab":
        save(collection, key, f"Text {key}")
    drain(collection)
    IndexEntry.objects.filter(document__key="a").update(state=EntryState.FAILED, error="No.")
    assert "1 failed" in text_of(admin_client.get(list_page(Collection)))
    response = run_action(admin_client, Collection, "retry_failures", [collection])
    assert messages_of(response) == ["1 failed document is tried again."]
    assert IndexEntry.objects.get(document__key="a").state == EntryState.PENDING
    response = run_action(admin_client, Collection, "resync", [collection])
    assert messages_of(response)[-1] == "2 documents are being indexed anew."
    assert set(Document.objects.values_list("revision", flat=True)) == {2}
    actions = TrailRecord.objects.filter(object_id=collection.public_id).values_list("action", flat=True)
    assert list(actions) == ["re-synced", "retried", "created"]


def test_a_worker_audits_what_somebody_asks_for_and_repairs_after_saying_what_that_means(
    collection: Collection, admin_client: Client, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(celery.conf, "task_always_eager", True)
    save(collection, "a", "Text")
    drain(collection)
    index = serving_index(collection)
    told = messages_of(run_action(admin_client, Collection, "audit_now", [collection]))
    assert told == [f"{index} is being audited; the result will be on its page."]
    IndexEntry.objects.update(wanted_revision=7)
    run_action(admin_client, VectorIndex, "audit_deeply", [index])
    assert "No document is changed or deleted." in text_of(admin_client.get(page(index, "repair")))
    admin_client.post(page(index, "repair"))
    audits = IndexAudit.objects.order_by("pk").values_list("deep", "repair", "in_step")
    assert list(audits) == [(False, False, True), (True, False, False), (True, True, True)]
    assert "entries that want another revision: 1" in text_of(admin_client.get(page(index)))


def test_an_index_is_rebuilt_under_a_new_generation(collection: Collection, admin_client: Client) -> None:
    index = serving_index(collection)
    run_action(admin_client, VectorIndex, "rebuild", [index])
    index.refresh_from_db()
    assert index.generation == 2
    assert PhysicalCollection.objects.get(index=index, generation=2).reason == "asked for by admin"
    assert TrailRecord.objects.filter(action="rebuilt", object_id=index.public_id).exists()


def test_a_profile_is_tried_and_made(collection: Collection, admin_client: Client) -> None:
    made = {"name": "Wide", "backend": "meaningless", "options": '{"dimensions": 32}', "is_default": "on"}
    assert admin_client.post(ADD_PROFILE, made).status_code == 303
    profile = EmbeddingProfile.objects.get(name="Wide")
    assert (profile.dimensions, profile.is_default) == (32, True)
    assert EmbeddingProfile.objects.filter(is_default=True).count() == 1


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({}, "__all__"),
        ({"options": "[]", "name": "Other"}, "options"),
        ({"options": '{"colour": "red"}'}, "__all__"),
        ({"backend": "nonsense"}, "backend"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(
    entered: dict[str, str], field: str, collection: Collection, admin_client: Client
) -> None:
    same = {"name": "Twin", "backend": "meaningless", "options": "{}"}
    response = admin_client.post(ADD_PROFILE, same | entered)
    assert list(response.context["form"].errors) == [field]
    assert EmbeddingProfile.objects.count() == 1


def test_of_a_profile_only_name_default_and_price_can_be_changed(collection: Collection, admin_client: Client) -> None:
    profile = EmbeddingProfile.objects.get()
    posted = {"name": "Renamed", "is_default": "on", "price": "0", "backend": "openai", "dimensions": "5"}
    assert admin_client.post(page(profile), posted).status_code == 302
    changed = EmbeddingProfile.objects.get()
    assert (changed.name, changed.backend, changed.dimensions) == ("Renamed", profile.backend, profile.dimensions)
    assert admin_client.post(page(profile, "delete"), {"post": "yes"}).status_code == 403


def test_a_pause_is_ended_at_once(collection: Collection, admin_client: Client) -> None:
    from django.db.models.functions import Now

    paused = VectorStoreStatus.objects.create(alias="default", paused_until=Now(), pause_reason="Nobody answers.")
    assert "Nobody answers." in text_of(admin_client.get("/admin/"))
    response = run_action(admin_client, VectorStoreStatus, "resume_now", [paused])
    assert messages_of(response) == ["1 pause was ended."]
    paused.refresh_from_db()
    assert (paused.paused_until, paused.pause_reason, paused.pauses) == (None, "", 0)


def test_who_makes_a_collection_may_manage_it(db: None, client: Client) -> None:
    maker = staff_member("maker", "add_collection", "view_collection", "change_collection")
    client.force_login(maker)
    assert client.post(ADD, NEW).status_code == 303
    collection = Collection.objects.get()
    assert CollectionGrant.objects.get().level == AccessLevel.MANAGE
    assert client.post(page(collection), settings_of(collection, name="Renamed")).status_code == 302
    collection.refresh_from_db()
    assert collection.name == "Renamed"
