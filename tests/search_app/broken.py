"""Stores and embedders that are out of order, each in its way; settings name them by their path."""

import threading
from typing import Any

import numpy as np

from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.exceptions import (
    EmbedderUnavailable,
    EmbeddingInputRefused,
    VectorStoreCollectionBroken,
    VectorStoreUnavailable,
)
from collections_app.vectorstores import Match
from collections_app.vectorstores.memory import InMemoryVectorStore


def store(name: str) -> dict[str, dict[str, Any]]:
    """Return VECTOR_STORES with one of the stores below."""
    return {"default": {"BACKEND": f"{__name__}.{name}", "OPTIONS": {}}}


def embedder(name: str, **options: Any) -> dict[str, dict[str, Any]]:
    """Return EMBEDDERS with one of the embedders below."""
    return {"meaningless": {"BACKEND": f"{__name__}.{name}", "OPTIONS": options}}


class DeadStore(InMemoryVectorStore):
    """Does not answer questions, and counts them."""

    asked = 0

    def query(self, *args: Any, **kwargs: Any) -> list[Match]:
        type(self).asked += 1
        raise VectorStoreUnavailable("The store does not answer. Start it.")


class BrokenStore(InMemoryVectorStore):
    """Has a collection that cannot be read."""

    def query(self, *args: Any, **kwargs: Any) -> list[Match]:
        raise VectorStoreCollectionBroken("The collection is broken. Rebuild it.")


class CrashingStore(InMemoryVectorStore):
    """Raises what no store should."""

    def query(self, *args: Any, **kwargs: Any) -> list[Match]:
        raise KeyError("distances")


class DamagedStore(InMemoryVectorStore):
    """Answers with similarities that are not those of its vectors, as Chroma does when its vectors' file was cut."""

    def query(self, *args: Any, **kwargs: Any) -> list[Match]:
        return [Match(match.id, 0.5 - match.similarity / 2) for match in super().query(*args, **kwargs)]


class StrangersStore(InMemoryVectorStore):
    """Answers with ids that are not this site's."""

    def query(self, *args: Any, **kwargs: Any) -> list[Match]:
        return [Match(2**62 + number, 1.0) for number in range(100)]


class EmptyStore(InMemoryVectorStore):
    """Has the collection, and nothing in it."""

    def query(self, *args: Any, **kwargs: Any) -> list[Match]:
        return []


class DeadEmbedder(MeaninglessHashEmbedder):
    """Does not answer, and counts how often it was asked."""

    asked = 0

    def _embed(self, inputs: list[str]) -> Any:
        type(self).asked += 1
        raise EmbedderUnavailable("The embedder does not answer. Start it.")


class CrashingEmbedder(MeaninglessHashEmbedder):
    """Raises what no embedder should."""

    def _embed(self, inputs: list[str]) -> Any:
        raise MemoryError


class RefusingEmbedder(MeaninglessHashEmbedder):
    """Wants none of the questions."""

    def _embed(self, inputs: list[str]) -> Any:
        raise EmbeddingInputRefused("The text is too long.")


class NothingEmbedder(MeaninglessHashEmbedder):
    """Answers with vectors that are no direction."""

    def _embed(self, inputs: list[str]) -> Any:
        return np.full((len(inputs), self.dimensions), np.nan)


class ShortEmbedder(MeaninglessHashEmbedder):
    """Answers with vectors of another dimension than it says."""

    def embed_query(self, text: str) -> Any:
        return super().embed_query(text)[:-1]


class PatientEmbedder(MeaninglessHashEmbedder):
    """Answers when it may, and not if it may not soon."""

    may_answer = threading.Event()

    def _embed(self, inputs: list[str]) -> Any:
        if not self.may_answer.wait(2):
            raise EmbedderUnavailable("Nobody allowed an answer.")
        return super()._embed(inputs)
