"""A lab that remembers nothing of other tests, a profile of this process, and a server for others."""

from collections.abc import Iterator

import pytest

from collections_app import profiles
from collections_app.models import EmbeddingProfile
from collections_app.recent import Recent
from tests.contracts.embedding_server import EmbeddingServer, running_embedding_server


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collections_app.lab.embedding._recent", Recent(8))


@pytest.fixture
def hashing() -> EmbeddingProfile:
    return profiles.create_profile("Hash", backend="meaningless", options={"dimensions": 64})


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with running_embedding_server() as running:
        yield running
