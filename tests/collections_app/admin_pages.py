"""What the tests of the admin share: addresses, a site with something of everything, and what people were told."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.messages import get_messages
from django.core.files.base import ContentFile
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from collections_app import audit, comparison, fields, outages, sources, trail, workers
from collections_app.accounting import Account
from collections_app.embeddings import load_embedder
from collections_app.evaluation.judged import JudgedQuestion
from collections_app.exceptions import VectorStoreUnavailable
from collections_app.models import (
    AccessLevel,
    Budget,
    Collection,
    CollectionGrant,
    EntryState,
    ImportOrigin,
    IndexEntry,
    Purpose,
    SavedSearch,
    SiteIdentity,
    User,
    WorkerStatus,
)
from tests.conftest import Drain, save, serving_index


def list_page(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page(obj: Model, name: str = "change") -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{name}", args=[obj.pk])


def messages_of(response: Any) -> list[str]:
    """Return what a followed or unfollowed response tells the user."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def text_of(response: Any) -> str:
    return str(response.content.decode())


def run_action(client: Any, model: type[Model], action: str, rows: list[Any], **more: Any) -> Any:
    """Post a list action for `rows`, as the list's form does."""
    data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows], **more}
    return client.post(list_page(model), data)


def staff_member(name: str, *rights: str) -> User:
    """Return somebody who may enter the admin with these model permissions, such as "change_document"."""
    user = User.objects.create_user(name, password="secret", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert user.user_permissions.count() == len(rights)
    return user


def fill_site(collection: Collection, drain: Drain, user: User) -> None:
    """Give the site a row or more of every model, in more than one state."""
    fields.declare(collection, [{"author": "Ann", "year": 2024}])
    save(collection, "a.md", "# One\n\nText of the first.", title="First", metadata={"author": "Ann", "year": 2024})
    save(collection, "b.md", "Text of the second.", title="Second", metadata={"author": "Bo"})
    drain(collection)
    failing = save(collection, "c.md", "Text of the third.")
    IndexEntry.objects.filter(document=failing).update(
        state=EntryState.FAILED, error="The model refuses this.", error_code="EmbeddingInputRefused", attempts=5
    )
    save(collection, "d.md", "Text of the fourth, which waits.")
    import_act = sources.start_import(collection, origin=ImportOrigin.UPLOAD, user=user)
    for name, content in {"read.md": b"# Read\n\nSome text to read.\n", "empty.txt": b""}.items():
        item = sources.store_upload(
            collection, content=ContentFile(content), filename=name, key=name, import_act=import_act, user=user
        )
        assert item.source_file_id is not None
        sources.extract(item.source_file_id)
    audit.audit_index(serving_index(collection))
    profile = serving_index(collection).profile
    judged = [JudgedQuestion("1", "the second text", {"b.md": 1.0})]
    wish = comparison.Wish(collection=collection, profiles=[profile], questions=judged, questions_name="judged.jsonl")
    comparison.compare(wish)
    comparison.ask(wish, user=user)
    outages.pause(outages.store_status("default"), VectorStoreUnavailable("Nobody answers."))
    workers.begin("index 1: embedding 2 documents")
    WorkerStatus.objects.create(
        name="gone/1", activity="embedding", since=timezone.now(), seen_at=timezone.now() - timedelta(hours=1)
    )
    CollectionGrant.objects.create(collection=collection, user=user, level=AccessLevel.MANAGE)
    CollectionGrant.objects.create(collection=collection, group=Group.objects.create(name="Editors"))
    SavedSearch.objects.create(owner=user, name="Text", query_string="?q=text", collection=collection)
    SiteIdentity.current()
    Budget.objects.create(collection=collection, amount=1_000_000)
    account = Account(serving_index(collection).profile, collection, Purpose.PASSAGE)
    account.reserve(load_embedder("meaningless"), ["A call that is under way."])
    trail.record(user, "changed", collection, fields="name")
