"""Profiles are compared in the admin: figures first, then a worker, and past comparisons stay."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from collections_app import comparison, profiles, services, tasks
from collections_app.models import (
    AccessLevel,
    Collection,
    CollectionGrant,
    EmbeddingProfile,
    ProfileComparison,
    Visibility,
)
from tests.collections_app.admin_pages import list_page, messages_of, page, run_action, staff_member, text_of
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

RIGHTS = [f"{right}_profilecomparison" for right in ("view", "add", "delete")]


@pytest.fixture
def notes(drain: Drain) -> Collection:
    collection = services.create_collection("Notes", visibility=Visibility.PRIVATE)
    save(collection, "cats", "Cats purr all day.")
    save(collection, "dogs", "狗在叫 🐕 and dogs bark.")
    drain(collection)
    return collection


@pytest.fixture
def both(notes: Collection) -> list[EmbeddingProfile]:
    other = profiles.create_profile("另一个 🐈", backend="meaningless", options={"dimensions": 48})
    return [serving_index(notes).profile, other]


def add_page() -> str:
    return reverse("admin:collections_app_profilecomparison_add")


def questions(*rows: dict[str, Any]) -> SimpleUploadedFile:
    text = "\n".join(json.dumps(row) for row in rows)
    return SimpleUploadedFile("judged.jsonl", text.encode())


def asked(notes: Collection, both: list[EmbeddingProfile], **more: Any) -> dict[str, Any]:
    return {"collection": notes.pk, "profiles": [profile.pk for profile in both], "depth": 10} | more


def compared(client: Client, notes: Collection, both: list[EmbeddingProfile]) -> ProfileComparison:
    """Ask as the form does: for the figures with the file, then with what the page carries."""
    file = questions({"id": "1", "text": "dogs bark", "relevant": ["dogs", "lost"]})
    shown = client.post(add_page(), asked(notes, both, questions_file=file))
    carried = {name: shown.context["form"][name].value() for name in ("questions_text", "questions_name", "estimated")}
    started = client.post(add_page(), asked(notes, both, **carried))
    row = ProfileComparison.objects.get()
    assert started.url == page(row)  # type: ignore[attr-defined]
    return row


def test_a_comparison_says_what_it_takes_before_a_worker_makes_it(
    notes: Collection, both: list[EmbeddingProfile], admin_client: Client
) -> None:
    assert f"{add_page()}?collection={notes.pk}" in text_of(admin_client.get(page(notes)))
    file = questions({"id": "1", "text": "dogs bark", "relevant": ["dogs"]})
    shown = admin_client.post(add_page(), asked(notes, both, questions_file=file))
    assert "3 texts, embedded on this machine" in text_of(shown)
    assert "1 texts" in text_of(shown)
    assert not ProfileComparison.objects.exists()
    row = compared(admin_client, notes, both)
    waits = text_of(admin_client.get(page(row)))
    assert "waiting for a worker" in waits
    assert "data-live" in waits
    tasks.compare_profiles(row.pk)
    told = text_of(admin_client.get(page(row)))
    for words in ("How well they find", "1.000", "另一个 🐈", "192", "How much they agree", "judged.jsonl", "lost"):
        assert words in told
    assert "data-live" not in told
    assert "(1.000)" in text_of(admin_client.get(list_page(ProfileComparison)))


def test_figures_for_other_settings_do_not_start_anything(
    notes: Collection, both: list[EmbeddingProfile], admin_client: Client
) -> None:
    file = questions({"id": "1", "text": "dogs bark", "relevant": ["dogs"]})
    shown = admin_client.post(add_page(), asked(notes, both, questions_file=file))
    carried = {name: shown.context["form"][name].value() for name in ("questions_text", "questions_name", "estimated")}
    again = admin_client.post(add_page(), asked(notes, both[:1], **carried))
    assert "Compare them" in text_of(again)
    assert not ProfileComparison.objects.exists()


def test_what_is_wrong_is_said_on_the_page(
    notes: Collection, both: list[EmbeddingProfile], admin_client: Client
) -> None:
    def told(**more: Any) -> str:
        return text_of(admin_client.post(add_page(), asked(notes, both, **more)))

    assert "judged.jsonl, line 1: “relevant” has to be" in told(questions_file=questions({"id": "1", "text": "x"}))
    latin = SimpleUploadedFile("latin.jsonl", b"\xe9")
    assert "latin.jsonl is not UTF-8" in told(questions_file=latin)
    assert "No question can be made from the passages" in told()
    assert "greater than or equal to 1" in told(sample=0)
    assert "choose from 1 to 1000" in told(depth=5000)
    EmbeddingProfile.objects.filter(pk=both[1].pk).update(paused_until="2100-01-01T00:00Z", pause_reason="No way.")
    assert "is paused: No way." in told()


def test_one_that_runs_can_be_stopped(notes: Collection, both: list[EmbeddingProfile], admin_client: Client) -> None:
    row = compared(admin_client, notes, both)
    response = run_action(admin_client, ProfileComparison, "stop", [row])
    assert messages_of(response)[-1] == "It is stopped. What was embedded is kept."
    assert not comparison.waiting().exists()
    assert "Stopped by admin." in text_of(admin_client.get(page(row)))


def test_a_private_collections_comparisons_are_for_those_who_may_read_it(
    notes: Collection, both: list[EmbeddingProfile], admin_client: Client
) -> None:
    row = compared(admin_client, notes, both)
    tasks.compare_profiles(row.pk)
    user = staff_member("reader", *RIGHTS, "view_collection")
    client = Client()
    client.force_login(user)
    assert "judged.jsonl" not in text_of(client.get(list_page(ProfileComparison)))
    assert client.get(page(row, "live")).status_code == 404
    assert "How well they find" not in text_of(client.get(page(row), follow=True))
    assert client.get(add_page()).status_code == 403
    CollectionGrant.objects.create(collection=notes, user=user, level=AccessLevel.READ)
    assert "How well they find" in text_of(client.get(page(row)))
    assert client.get(add_page()).status_code == 403
    assert client.post(page(row, "delete"), {"post": "yes"}).status_code == 403
    CollectionGrant.objects.update(level=AccessLevel.MANAGE)
    assert client.get(add_page()).status_code == 200
    hidden = services.create_collection("Hidden", visibility=Visibility.PRIVATE)
    refused = client.post(add_page(), asked(hidden, both))
    assert "collection" in refused.context["form"].errors
    assert client.post(page(row, "delete"), {"post": "yes"}).status_code == 302
    assert not ProfileComparison.objects.exists()


def test_a_deleted_collections_comparisons_are_gone(
    notes: Collection, both: list[EmbeddingProfile], admin_client: Client
) -> None:
    row = compared(admin_client, notes, both)
    notes.delete()
    assert not comparison.waiting().exists()
    assert admin_client.get(page(row, "live")).status_code == 404
