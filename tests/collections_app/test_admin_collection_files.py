"""A collection is exported and imported at pages of the admin, by those who may."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from collections_app import portable, services, sources
from collections_app.exceptions import LeaseLost
from collections_app.models import (
    AccessLevel,
    Collection,
    CollectionGrant,
    Embedding,
    EmbeddingProfile,
    ExtractionState,
    Import,
    ImportOutcome,
    SourceFile,
    TrailRecord,
    User,
    Visibility,
)
from collections_app.sources import lease, reading
from tests.collections_app.admin_pages import list_page, page, staff_member, text_of
from tests.conftest import Drain, live_texts, save

IMPORT = reverse("admin:collections_app_collection_import")


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    for number, text in enumerate(("Cats purr.", "Dogs bark at night.", "猫在屋顶上睡觉。🐈")):
        save(collection, str(number), text, title=f"Number {number}")
    drain(collection)
    return collection


@pytest.fixture
def exported(notes: Collection, tmp_path: Path) -> bytes:
    portable.export_collection(notes, tmp_path / "notes.zip")
    return (tmp_path / "notes.zip").read_bytes()


def upload(client: Client, content: bytes, **more: Any) -> Any:
    return client.post(IMPORT, {"upload": SimpleUploadedFile("notes.zip", content)} | more)


def read_all() -> None:
    for source in SourceFile.objects.filter(state=ExtractionState.PENDING):
        sources.extract(source.pk)


def test_what_is_downloaded_can_be_uploaded_and_is_embedded_by_nobody(
    notes: Collection, admin_client: Client, admin_user: User, drain: Drain
) -> None:
    asked = admin_client.get(page(notes, "export"))
    assert asked.status_code == 200
    assert page(notes, "export") in text_of(admin_client.get(page(notes)))
    response: Any = admin_client.post(page(notes, "export"))
    assert response.headers["Content-Disposition"] == 'attachment; filename="notes.vectorsite.zip"'
    content = b"".join(response.streaming_content)
    assert IMPORT in text_of(admin_client.get(list_page(Collection)))
    embedded = Embedding.objects.count()
    taken = upload(admin_client, content, name="Copy", visibility=Visibility.INTERNAL)
    import_act = Import.objects.get()
    assert (taken.status_code, taken.url) == (303, page(import_act))
    copy = import_act.collection
    assert (copy.name, copy.visibility, copy.documents.count()) == ("Copy", Visibility.PRIVATE, 0)
    read_all()
    drain(copy)
    copy.refresh_from_db()
    assert (copy.visibility, live_texts(copy)) == (Visibility.INTERNAL, live_texts(notes))
    assert Embedding.objects.count() == embedded
    item = import_act.items.get()
    assert (item.outcome, item.created, item.failed) == (ImportOutcome.CREATED, 3, 0)
    acts = TrailRecord.objects.filter(action__in=["exported", "imported"]).order_by("pk")
    assert [(act.action, act.object_id, act.actor) for act in acts] == [
        ("exported", notes.public_id, admin_user),
        ("imported", copy.public_id, admin_user),
    ]


def test_a_file_that_is_none_is_refused_at_once(admin_client: Client, notes: Collection) -> None:
    shown = upload(admin_client, b"PK cats")
    assert "It is no collection file" in text_of(shown)
    assert Collection.objects.count() == 1


def test_a_file_that_is_damaged_inside_is_refused_by_the_worker_and_nothing_is_shown(
    admin_client: Client, exported: bytes
) -> None:
    place = exported.index(b"Dogs") if b"Dogs" in exported else exported.index(b"NUMPY") + 200
    damaged = exported[:place] + bytes([exported[place] ^ 1]) + exported[place + 1 :]
    assert upload(admin_client, damaged, name="Copy", visibility=Visibility.PUBLIC).status_code == 303
    read_all()
    copy = Collection.objects.get(name="Copy")
    assert (copy.visibility, copy.documents.count()) == (Visibility.PRIVATE, 0)
    item = Import.objects.get().items.get()
    assert item.outcome == ImportOutcome.FAILED
    assert "cannot be unpacked" in item.reason


def test_only_who_manages_a_collection_may_export_it(notes: Collection, client: Client) -> None:
    rights = ["view_collection", "change_collection", "add_collection"]
    writer, manager = staff_member("writer", *rights), staff_member("manager", *rights)
    notes.visibility = Visibility.PRIVATE
    notes.save()
    CollectionGrant.objects.create(collection=notes, user=writer, level=AccessLevel.WRITE)
    CollectionGrant.objects.create(collection=notes, user=manager, level=AccessLevel.MANAGE)
    client.force_login(staff_member("stranger", *rights))
    assert client.post(page(notes, "export")).status_code == 404
    client.force_login(writer)
    assert client.post(page(notes, "export")).status_code == 403
    assert page(notes, "export") not in text_of(client.get(page(notes)))
    client.force_login(manager)
    assert client.post(page(notes, "export")).status_code == 200
    assert TrailRecord.objects.get(action="exported").actor == manager


def test_importing_needs_the_right_to_add_and_vectors_that_to_add_embeddings(exported: bytes, client: Client) -> None:
    client.force_login(staff_member("reader", "view_collection"))
    assert upload(client, exported).status_code == 403
    adder = staff_member("adder", "view_collection", "add_collection")
    client.force_login(adder)
    assert "You may not add embeddings" in text_of(upload(client, exported))
    assert upload(client, exported, re_embed="on").status_code == 303
    made = Import.objects.get().collection
    assert CollectionGrant.objects.get(collection=made).user == adder
    client.force_login(staff_member("trusted", "view_collection", "add_collection", "add_embedding"))
    assert upload(client, exported).status_code == 303


def test_a_profile_is_made_of_a_file_by_administrators_alone(exported: bytes, client: Client) -> None:
    EmbeddingProfile.objects.update(fingerprint="0" * 64)
    rights = ["view_collection", "add_collection", "add_embedding"]
    client.force_login(staff_member("trusted", *rights))
    assert "An administrator has to make it" in text_of(upload(client, exported)).replace("&#x27;", "'")
    client.force_login(staff_member("administrator", *rights, "add_embeddingprofile"))
    assert upload(client, exported).status_code == 303
    assert EmbeddingProfile.objects.count() == 2


def test_a_file_larger_than_uploads_may_be_names_the_command(
    exported: bytes, admin_client: Client, settings: Any
) -> None:
    settings.UPLOAD_LIMIT_BYTES = 100
    assert "manage.py import_collection" in text_of(upload(admin_client, exported))
    assert not Import.objects.exists()


def test_a_worker_that_lost_its_lease_writes_nothing(exported: bytes, admin_client: Client) -> None:
    assert upload(admin_client, exported, name="Copy").status_code == 303
    source = SourceFile.objects.get()
    claimed = lease.claim(source.pk)
    assert claimed is not None
    SourceFile.objects.filter(pk=source.pk).update(lease_token=None, lease_expires_at=None)
    with pytest.raises(LeaseLost):
        reading._read(claimed)
    assert Collection.objects.get(name="Copy").documents.count() == 0
    sources.extract(source.pk)
    assert Collection.objects.get(name="Copy").documents.count() == 3
    assert services.free_slug("Copy") == "copy-2"
