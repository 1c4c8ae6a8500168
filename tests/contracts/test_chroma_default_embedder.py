"""Chroma's default embedding function, run offline: the same model as the local one, by other code."""

from pathlib import Path

import numpy as np
import pytest
from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

from collections_app.embeddings.chroma_default import ChromaDefaultEmbedder
from collections_app.embeddings.local import LocalEmbedder
from collections_app.exceptions import EmbedderMisconfigured

TEXTS = ["The weather is lovely today.", "猫", "cat " * 300]


def test_it_gives_the_vectors_of_the_local_model_and_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "_download", lambda *args: pytest.fail("a download was begun"))
    vectors = ChromaDefaultEmbedder().embed_passages(TEXTS)
    np.testing.assert_allclose(vectors, LocalEmbedder(runtime="onnxruntime").embed_passages(TEXTS), atol=1e-5)


def test_what_chroma_downloaded_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "DOWNLOAD_PATH", tmp_path)
    (tmp_path / "onnx").mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / "onnx" / name).write_text("damaged")
    with pytest.raises(Exception, match="expected value"):
        ChromaDefaultEmbedder().embed_query("x")


def test_a_folder_without_the_model_and_another_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").touch()
    with pytest.raises(EmbedderMisconfigured, match=r"holds no model\.onnx"):
        ChromaDefaultEmbedder(folder=tmp_path)
    with pytest.raises(EmbedderMisconfigured, match="all-MiniLM-L6-v2 alone, not 'bge'"):
        ChromaDefaultEmbedder(model="bge")
