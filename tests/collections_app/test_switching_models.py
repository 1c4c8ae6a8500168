"""A collection goes from one embedding model to another and back in the admin alone, and search follows."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from collections_app import services, sweeping, sync
from collections_app.models import Collection, EmbeddingProfile, IndexState, VectorIndex
from search_app.request import Mode
from search_app.search import SearchRequest, search
from tests.collections_app.admin_pages import page
from tests.conftest import Drain, save, serving_index
from tests.contracts.embedding_server import running_embedding_server

pytestmark = pytest.mark.django_db


def work() -> None:
    """What the workers and the sweeper do."""
    for index in VectorIndex.objects.exclude(state=IndexState.DROPPED):
        sweeping.fill(index.pk)
        while sync.drain(index.pk).more:
            pass
    for pk in services.ready_to_activate():
        services.activate_when_proved(pk)


def best(collection: Collection) -> tuple[str, list[Any]]:
    found = search(SearchRequest(query="Cats purr.", collections=(collection,), mode=Mode.SEMANTIC))
    return found.hits[0].chunk.text, list(found.degraded)


def test_to_a_server_that_speaks_openais_protocol_and_back(
    collection: Collection, drain: Drain, admin_client: Client
) -> None:
    for key, text in (("a", "Cats purr."), ("b", "Dogs bark."), ("c", "鱼在水里游。")):
        save(collection, key, text)
    drain(collection)
    old = serving_index(collection)
    with running_embedding_server() as server:
        add = reverse("admin:collections_app_embeddingprofile_add")
        options = f'{{"base_url": "{server.url}"}}'
        made = admin_client.post(
            add, {"name": "Theirs", "backend": "openai", "model": "text-embedding-3-small", "options": options}
        )
        assert made.status_code == 303
        theirs = EmbeddingProfile.objects.get(name="Theirs")

        rebuild = reverse("admin:collections_app_collection_rebuild", args=[collection.pk])
        asked = {"profile": theirs.pk, "chunk_size": old.chunk_size, "chunk_overlap": 0, "activate": "on"}
        estimated = admin_client.post(rebuild, asked).context["form"]["estimated"].value()
        assert admin_client.post(rebuild, asked | {"estimated": estimated}).status_code == 303
        assert best(collection) == ("Cats purr.", []), "the old index answers meanwhile"
        work()
        new = serving_index(Collection.objects.get())
        assert (new.profile, new.pk != old.pk) == (theirs, True)
        assert best(Collection.objects.get()) == ("Cats purr.", [])

        server.requests.clear()
        assert admin_client.post(page(old, "switch")).status_code == 303
        assert serving_index(Collection.objects.get()).pk == old.pk
    # The server is gone by now.
    assert best(Collection.objects.get()) == ("Cats purr.", [])
    assert server.requests == []
