"""SentenceTransformers in process. Without the optional extra only what it refuses is tested."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collections_app.embeddings.installed_model import installed_folder
from collections_app.embeddings.local import LocalEmbedder
from collections_app.embeddings.sentence_transformers import SentenceTransformersEmbedder
from collections_app.exceptions import EmbedderMisconfigured

TEXTS = ["The weather is lovely today.", "猫", "cat " * 300]


@pytest.fixture
def embedder() -> SentenceTransformersEmbedder:
    pytest.importorskip("sentence_transformers")
    return SentenceTransformersEmbedder(folder=installed_folder(), device="cpu")


def test_it_gives_the_vectors_of_the_local_embedder_for_the_same_weights(
    embedder: SentenceTransformersEmbedder,
) -> None:
    local = LocalEmbedder(runtime="onnxruntime")
    np.testing.assert_allclose(embedder.embed_passages(TEXTS), local.embed_passages(TEXTS), atol=1e-5)
    assert (embedder.dimensions, embedder.max_tokens, embedder.passage_capacity) == (384, 256, 254)
    assert embedder.count_tokens(TEXTS) == local.count_tokens(TEXTS)


def test_the_fingerprint_follows_truncation_and_prefixes_but_not_the_device(
    embedder: SentenceTransformersEmbedder,
) -> None:
    def other(**options: Any) -> str:
        return SentenceTransformersEmbedder(folder=installed_folder(), **options).fingerprint

    assert other() == other(batch_texts=3) == embedder.fingerprint
    assert len({embedder.fingerprint, other(max_tokens=128), other(query_prefix="q: ")}) == 3


def test_a_model_that_is_not_on_this_machine_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(EmbedderMisconfigured, match=r"cannot load .*Correct `folder`, `model` or `device`"):
        SentenceTransformersEmbedder(folder=tmp_path).embed_query("x")


def test_without_the_library_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collections_app.embeddings.sentence_transformers.find_spec", lambda name: None)
    with pytest.raises(EmbedderMisconfigured, match=r"pip install -r requirements-extra\.txt"):
        SentenceTransformersEmbedder(folder=tmp_path).embed_query("x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Name the model, or the folder"),
        ({"folder": "/nowhere"}, "is no folder"),
        ({"model": "/"}, "'/' is a path of this machine. Give it in the option `folder`"),
        ({"model": "m", "max_tokens": 1}, "at least 3"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match=message):
        SentenceTransformersEmbedder(**options)
