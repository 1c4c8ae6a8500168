"""What every embedder promises, run by each backend: the local model, a server over HTTP, and the hash embedder."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from functools import partial
from typing import Any

import numpy as np
import pytest

from collections_app.embeddings import BatchLimits, Embedder
from collections_app.embeddings.chroma_default import ChromaDefaultEmbedder
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.embeddings.installed_model import installed_folder
from collections_app.embeddings.local import LocalEmbedder
from collections_app.embeddings.ollama import OllamaEmbedder
from collections_app.embeddings.openai import OpenAIEmbedder
from collections_app.embeddings.sentence_transformers import SentenceTransformersEmbedder
from collections_app.exceptions import EmbedderMisconfigured, EmbeddingInputRefused
from tests.contracts.embedding_server import running_embedding_server

Factory = Callable[..., Embedder]
Same = Callable[[Any, Any], None]

TEXTS = [
    "A cat sleeps on the warm roof.",
    "Short.",
    "向量数据库把文本变成向量，然后寻找最近的邻居。",
    "Two\nlines\tand\ttabs, and 3 numbers: 1, 2.5, -7e9",
    "An engine burns fuel. " * 20,
]
HOSTILE = [
    "zero \x00 byte",
    "???",
    "\u202eright to left\u202c \u200b\u2060",
    "👩‍👩‍👧‍👦🏴‍☠️",
    "Z̸̢̛͇a̷l̶g̵o̴",
    "x" * 50_000,
    "[CLS] [SEP] [MASK] </s> <|endoftext|>",
    "'; DROP TABLE chunk; --",
]


BACKENDS = [
    "local in float32",
    "local in bfloat16",
    pytest.param("chroma default", marks=pytest.mark.slow),  # it pads each text to 256 tokens
    "sentence-transformers",
    "ollama",
    "openai over base64",
    "openai over float",
    "hash",
]


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def same(backend: str) -> Same:
    """Asserts that unit vectors are the same, as exactly as the backend computes."""
    tolerance = 0.01 if backend == "local in bfloat16" else 1e-5
    return partial(np.testing.assert_allclose, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def make_embedder(backend: str) -> Iterator[Factory]:
    """Makes embedders of one backend that give the same vectors; options may be added."""
    if backend == "local in float32":
        yield partial(LocalEmbedder, runtime="onnxruntime")
    elif backend == "local in bfloat16":
        pytest.importorskip("openvino")
        yield partial(LocalEmbedder, runtime="openvino")
    elif backend == "chroma default":
        yield ChromaDefaultEmbedder
    elif backend == "sentence-transformers":
        pytest.importorskip("sentence_transformers")
        yield partial(SentenceTransformersEmbedder, folder=installed_folder(), device="cpu")
    elif backend == "ollama":
        with running_embedding_server() as server:
            yield partial(OllamaEmbedder, model="m", base_url=server.url.removesuffix("/v1"))
    elif backend == "hash":
        yield MeaninglessHashEmbedder
    else:
        with running_embedding_server() as server:

            def make(**options: Any) -> Embedder:
                encoding_format = backend.rpartition(" ")[2]
                return OpenAIEmbedder(
                    **{"model": "m", "base_url": server.url, "encoding_format": encoding_format, **options}
                )

            yield make


@pytest.fixture(scope="module")
def embedder(make_embedder: Factory) -> Embedder:
    return make_embedder()


def test_passages_become_unit_vectors_in_the_order_of_the_texts(embedder: Embedder, same: Same) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), embedder.dimensions), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        same(embedder.embed_passages([text])[0], vector)


def test_a_query_becomes_one_unit_vector(embedder: Embedder) -> None:
    vector = embedder.embed_query("Where does the cat sleep?")
    assert (vector.shape, vector.dtype) == ((embedder.dimensions,), np.float32)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_a_text_is_nearest_to_itself(embedder: Embedder) -> None:
    texts = ["roof warm the on sleeps cat A", *TEXTS]
    passages = embedder.embed_passages(texts)
    for number, text in enumerate(texts):
        assert int(np.argmax(passages @ embedder.embed_query(text))) == number


def test_no_texts_give_an_array_without_rows(embedder: Embedder) -> None:
    vectors = embedder.embed_passages([])
    assert (vectors.shape, vectors.dtype) == ((0, embedder.dimensions), np.float32)


def test_vectors_do_not_depend_on_the_order_or_the_company_of_a_text(embedder: Embedder, same: Same) -> None:
    texts = [f"{text} {number}" for number in range(16) for text in TEXTS[:3]]
    expected = embedder.embed_passages(texts)
    order = random.Random(1).sample(range(len(texts)), len(texts))
    shuffled = embedder.embed_passages([texts[position] for position in order])
    same(shuffled, expected[order])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_odd_but_valid_text_is_embedded(embedder: Embedder, text: str) -> None:
    assert embedder.embed_passages([text, text]).shape == (2, embedder.dimensions)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "leave it out"),
        (" \n\t\u3000", "leave it out"),
        ("half a pair \ud800", "lone surrogate at character 12"),
        (None, "NoneType, not text"),
        (b"bytes", "bytes, not text"),
        (7, "int, not text"),
    ],
)
def test_what_is_no_text_is_refused_and_named(embedder: Embedder, text: Any, remedy: str) -> None:
    with pytest.raises(EmbeddingInputRefused, match=rf"Text 2 of 3 cannot be embedded: .*{remedy}"):
        embedder.embed_passages(["fine", text, "fine"])
    with pytest.raises(EmbeddingInputRefused, match=remedy):
        embedder.embed_query(text)


def test_a_string_in_place_of_a_list_is_refused(embedder: Embedder) -> None:
    with pytest.raises(EmbeddingInputRefused, match="put it into a list"):
        embedder.embed_passages("one text")


def test_tokens_are_counted_for_any_text_and_grow_with_it(embedder: Embedder) -> None:
    counts = embedder.count_tokens(["", "cat", "cat and dog and mouse", "cat and dog " * 20_000])
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2] <= embedder.max_tokens < counts[3]
    assert all(type(count) is int for count in counts)
    assert embedder.count_tokens([]) == []


def test_tokens_of_text_that_is_not_unicode_are_not_counted(embedder: Embedder) -> None:
    with pytest.raises(EmbeddingInputRefused, match="lone surrogate"):
        embedder.count_tokens(["\udfff"])


def test_the_capacity_of_a_passage_is_what_prefix_and_special_tokens_leave(make_embedder: Factory) -> None:
    plain = make_embedder()
    assert plain.passage_capacity == plain.max_tokens - plain.count_tokens([""])[0] > 0


def test_the_fingerprint_is_the_same_for_the_same_model(make_embedder: Factory) -> None:
    fingerprint = make_embedder().fingerprint
    assert fingerprint == make_embedder().fingerprint
    assert len(bytes.fromhex(fingerprint)) == 32


def test_many_threads_get_the_vectors_that_one_gets(make_embedder: Factory, same: Same) -> None:
    expected = make_embedder().embed_passages(TEXTS)
    shared = make_embedder()
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(lambda _: shared.embed_passages(TEXTS), range(16)):
            same(vectors, expected)


def test_a_closed_embedder_works_again(make_embedder: Factory, same: Same) -> None:
    with make_embedder() as embedder:
        expected = embedder.embed_query("again")
    embedder.close()
    same(embedder.embed_query("again"), expected)


def test_limits_and_their_kinds_are_stated_and_cannot_be_changed(embedder: Embedder) -> None:
    assert isinstance(embedder.limits, BatchLimits)
    assert embedder.limits.texts > 0
    assert embedder.model
    with pytest.raises(FrozenInstanceError):
        embedder.limits.texts = 1  # type: ignore[misc]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(EmbedderMisconfigured, match="'tokens' is 0; it must be at least 1"):
        BatchLimits(texts=1, tokens=0)
