"""Ollama's own API over real HTTP: what is sent, and what becomes of an answer that is not right."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from collections_app.embeddings.ollama import OllamaEmbedder
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingInputRefused,
    EmbeddingResponseInvalid,
)
from tests.contracts.embedding_server import EmbeddingServer, Items, Refusal, running_embedding_server, vector_of

TEXTS = ["one", "two", "three"]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with running_embedding_server() as running:
        yield running


@pytest.fixture
def embedder(server: EmbeddingServer) -> OllamaEmbedder:
    return OllamaEmbedder(model="bge-m3", base_url=f"http://127.0.0.1:{server.server_port}/", timeout=0.5, retries=0)


def test_a_request_forbids_ollama_to_cut_a_text(server: EmbeddingServer, embedder: OllamaEmbedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    expected = [vector_of(text, 24) / np.linalg.norm(vector_of(text, 24)) for text in TEXTS]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert {"path": "/api/embed", "model": "bge-m3", "truncate": False, "input": TEXTS} in server.requests
    assert server.authorizations[0] is None


def test_dimensions_and_how_long_the_model_stays_are_sent_if_given(server: EmbeddingServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    OllamaEmbedder(model="m", base_url=url, dimensions=16, keep_alive="5m").embed_query("x")
    assert (server.requests[0]["dimensions"], server.requests[0]["keep_alive"]) == (16, "5m")


def test_a_key_is_sent_to_an_ollama_behind_a_proxy(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-one")
    url = f"http://127.0.0.1:{server.server_port}"
    OllamaEmbedder(model="m", base_url=url, api_key_env="MY_KEY").embed_query("x")
    assert server.authorizations[0] == "Bearer sk-one"


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (404, 'model "bge-m3" not found, try pulling it first', EmbedderMisconfigured),
        (400, "the input length exceeds the context length", EmbeddingInputRefused),
        (503, "server busy, please try again. maximum pending requests exceeded", EmbedderUnavailable),
        (500, "llama runner process has terminated", EmbedderUnavailable),
        (401, "unauthorized", EmbedderMisconfigured),
    ],
)
def test_a_refusal_says_whose_it_is(
    server: EmbeddingServer, embedder: OllamaEmbedder, status: int, said: str, error: type[Exception]
) -> None:
    server.refusal = Refusal(status, said)
    with pytest.raises(error, match=rf"HTTP {status}"):
        embedder.embed_query("x")


@pytest.mark.parametrize(
    ("alters", "message"),
    [
        (lambda items: items[:2], "holds 2 vectors for 3 inputs"),
        (lambda items: [*items, items[0]], "holds 4 vectors for 3 inputs"),
        (lambda items: None, "no list `embeddings`"),
        (lambda items: [{"embedding": [0.0] * 24}] * 3, "zero or not finite"),
        (lambda items: [{"embedding": [float("nan")] * 24}] * 3, "zero or not finite"),
        (lambda items: [*items[:2], {"embedding": [1.0] * 23}], "different lengths"),
        (lambda items: [*items[:2], {"embedding": []}], "not a flat, non-empty list"),
    ],
)
def test_an_answer_without_one_vector_for_each_text_is_invalid(
    server: EmbeddingServer, embedder: OllamaEmbedder, alters: Callable[[Items], Any], message: str
) -> None:
    assert embedder.dimensions == 24
    server.alters = alters
    with pytest.raises(EmbeddingResponseInvalid, match=message):
        embedder.embed_passages(TEXTS)


def test_an_answer_of_another_dimension_is_a_misconfiguration(
    server: EmbeddingServer, embedder: OllamaEmbedder
) -> None:
    assert embedder.dimensions == 24
    server.dimensions = 23
    with pytest.raises(EmbedderMisconfigured, match="23 dimensions where 24 are expected"):
        embedder.embed_query("x")


def test_silence_a_broken_connection_and_no_server_are_outages(
    server: EmbeddingServer, embedder: OllamaEmbedder
) -> None:
    server.closes_early = True
    with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
        embedder.embed_query("x")
    server.closes_early, server.hangs = False, True
    with pytest.raises(EmbedderUnavailable, match=r"silent for 0\.5 s"):
        embedder.embed_query("x")
