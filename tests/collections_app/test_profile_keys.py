"""Keys of embedding servers: stored encrypted, shown never, changed and sealed anew easily."""

import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from collections_app import profiles
from collections_app.exceptions import ConfigurationError, EmbedderMisconfigured, ProfileMismatch
from collections_app.models import EmbeddingProfile, TrailRecord
from tests.collections_app.admin_pages import messages_of, page, staff_member, text_of
from tests.contracts.embedding_server import EmbeddingServer, Refusal, running_embedding_server

pytestmark = pytest.mark.django_db

ADD = "admin:collections_app_embeddingprofile_add"


class LockedServer(EmbeddingServer):
    """Takes one key, and refuses all others as OpenAI does, repeating them."""

    key = "sk-first"

    def refusal_of(self, request: dict[str, Any], *, client_port: int) -> Refusal | None:
        given = self.authorizations[-1]
        return None if given == f"Bearer {self.key}" else Refusal(401, {"message": f"Incorrect API key: {given}"})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LockedServer]:
    monkeypatch.setattr("tests.contracts.embedding_server.EmbeddingServer", LockedServer)
    with running_embedding_server() as running:
        assert isinstance(running, LockedServer)
        yield running


@pytest.fixture
def make(server: LockedServer) -> Callable[..., EmbeddingProfile]:
    def make_profile(name: str = "Locked", **options: Any) -> EmbeddingProfile:
        return profiles.create_profile(
            name, backend="openai", model="m", options={"base_url": server.url, **options}, key="sk-first"
        )

    return make_profile


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forgets the embedders of this process, as a restart does, which is when SECRET_KEY changes."""
    return lambda: monkeypatch.setattr("collections_app.embeddings.registry._loaded", {})


def test_a_key_is_stored_encrypted_and_used(make: Callable[..., EmbeddingProfile], server: LockedServer) -> None:
    profile = EmbeddingProfile.objects.get(pk=make().pk)
    assert profile.sealed_key
    assert "sk-first" not in repr(vars(profile))
    assert profiles.embedder_for(profile).embed_query("x").shape == (24,)
    assert set(server.authorizations) == {"Bearer sk-first"}


def test_another_key_is_tried_first_and_kept_if_it_is_accepted(
    make: Callable[..., EmbeddingProfile], server: LockedServer
) -> None:
    profile = make()
    with pytest.raises(EmbedderMisconfigured, match="Enter a valid key in the profile"):
        profiles.change_key(profile, "sk-wrong")
    profile.refresh_from_db()
    assert profiles.embedder_for(profile).embed_query("x").shape == (24,)
    server.key = "sk-second"
    profiles.change_key(profile, "sk-second")
    profile.refresh_from_db()
    assert profiles.embedder_for(profile).embed_query("y").shape == (24,)
    assert server.authorizations[-1] == "Bearer sk-second"


def test_a_key_that_leads_to_another_model_is_not_kept(
    make: Callable[..., EmbeddingProfile], server: LockedServer
) -> None:
    profile = make()
    sealed = profile.sealed_key
    server.alters = lambda items: [{**item, "embedding": [1.0] * 24} for item in items]
    with pytest.raises(ProfileMismatch):
        profiles.change_key(profile, "sk-first")
    profile.refresh_from_db()
    assert profile.sealed_key == sealed


def test_a_new_secret_key_opens_what_its_predecessor_sealed_until_it_is_sealed_anew(
    make: Callable[..., EmbeddingProfile], settings: Settings, restarted: Callable[[], None]
) -> None:
    profile = make()
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    restarted()
    with pytest.raises(EmbedderMisconfigured, match="SECRET_KEY_FALLBACKS"):
        profiles.check_canary(profile)
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        call_command("reseal_keys")
    settings.SECRET_KEY_FALLBACKS = [former]
    restarted()
    profiles.check_canary(profile)
    said = StringIO()
    call_command("reseal_keys", stdout=said)
    assert said.getvalue() == "1 keys are encrypted by the present SECRET_KEY.\n"
    settings.SECRET_KEY_FALLBACKS = []
    restarted()
    profile.refresh_from_db()
    profiles.check_canary(profile)


def test_a_sealed_key_is_no_option(server: LockedServer) -> None:
    with pytest.raises(ConfigurationError, match="not as an option"):
        profiles.create_profile("x", backend="openai", model="m", options={"sealed_api_key": "x"})


# --- the admin ------------------------------------------------------------------------------------------------------


def test_an_administrator_enters_and_changes_a_key_that_no_page_and_no_log_shows(
    admin_client: Client, server: LockedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options = f'{{"base_url": "{server.url}"}}'
    form = {"name": "Locked", "backend": "openai", "model": "m", "options": options, "key": "sk-wrong"}
    refused = admin_client.post(reverse(ADD), form)
    assert "Enter a valid key in the profile" in text_of(refused)
    assert admin_client.post(reverse(ADD), {**form, "key": "sk-first"}).status_code == 303
    profile = EmbeddingProfile.objects.get(name="Locked")
    server.key = "sk-second"
    wrong = admin_client.post(page(profile, "key"), {"key": "sk-third"})
    changed = admin_client.post(page(profile, "key"), {"key": "sk-second"})
    assert messages_of(changed) == ["The key works and is used from now on."]
    shown = (
        text_of(refused)
        + text_of(wrong)
        + "".join(text_of(admin_client.get(page(profile, name))) for name in ("change", "history", "key"))
    )
    trail = repr(list(TrailRecord.objects.values()))
    profile.refresh_from_db()
    assert "stored, encrypted" in shown
    for secret in ("sk-first", "sk-second", "sk-third", "sk-wrong", profile.sealed_key):
        assert secret not in shown + trail + caplog.text


def test_a_backend_that_asks_no_server_takes_no_key(admin_client: Client) -> None:
    form = {"name": "Words", "backend": "meaningless", "options": '{"dimensions": 9}', "key": "sk-first"}
    assert "takes no key" in text_of(admin_client.post(reverse(ADD), form))
    admin_client.post(reverse(ADD), {**form, "key": ""})
    profile = EmbeddingProfile.objects.get(name="Words")
    assert admin_client.get(page(profile, "key")).status_code == 403
    assert page(profile, "key") not in text_of(admin_client.get(page(profile)))


def test_only_administrators_say_which_servers_files_and_variables_are_used(client: Client) -> None:
    rights = [f"{right}_embeddingprofile" for right in ("add", "view", "change")]
    client.force_login(staff_member("editor", *rights))
    for option in ("base_url", "folder", "tokenizer_file", "api_key_env", "offline"):
        form = {
            "name": "Mine",
            "backend": "openai",
            "model": "m",
            "options": f'{{"{option}": "http://127.0.0.1:1/v1"}}',
        }
        assert f"Only an administrator may set {option}" in text_of(client.post(reverse(ADD), form))
    profile = profiles.create_profile("Words", backend="meaningless", options={"dimensions": 9})
    assert client.get(page(profile, "key")).status_code == 403


def test_an_administrator_cannot_aim_at_a_metadata_address(admin_client: Client) -> None:
    options = '{"base_url": "http://169.254.169.254/v1"}'
    form = {"name": "Cloud", "backend": "openai", "model": "m", "options": options}
    assert "link-local, metadata or multicast" in text_of(admin_client.post(reverse(ADD), form))
    assert not EmbeddingProfile.objects.filter(name="Cloud").exists()
