"""Chroma's own default embedding function, for comparison: all-MiniLM-L6-v2 as `chromadb` runs it.

It pads every text to 256 tokens. `LocalEmbedder` gives the same vectors several times faster.
"""

import tempfile
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from collections_app.embeddings.base import BatchLimits, Embedder, Vectors
from collections_app.embeddings.encoder_folder import read_encoder_folder
from collections_app.embeddings.installed_model import INSTALLED_MODEL, installed_folder
from collections_app.exceptions import EmbedderMisconfigured

if TYPE_CHECKING:
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2
    from tokenizers import Tokenizer

_FILES = ("model.onnx", "tokenizer.json")


class ChromaDefaultEmbedder(Embedder):
    """Embeds with `chromadb`'s code and nothing downloaded.

    Options: `folder`, which holds Chroma's `model.onnx` and `tokenizer.json` (default: where Chroma puts them when it
    downloads them, ~/.cache/chroma/onnx_models/all-MiniLM-L6-v2/onnx; without those, the weights that are installed
    with the site, which are the same model).
    """

    def __init__(self, *, model: str = INSTALLED_MODEL, folder: str | Path = "") -> None:
        if model != INSTALLED_MODEL:
            raise EmbedderMisconfigured(f"Chroma's default function runs {INSTALLED_MODEL} alone, not {model!r}.")
        if folder and (missing := [name for name in _FILES if not (Path(folder) / name).is_file()]):
            raise EmbedderMisconfigured(f"{folder} holds no {' and no '.join(missing)}. Correct the option `folder`.")
        super().__init__(model=model, limits=BatchLimits(texts=256, bytes=8 * 2**20))
        self._folder = Path(folder) if folder else None
        self._lock = threading.Lock()
        self._function: ONNXMiniLM_L6_V2 | None = None

    @property
    def dimensions(self) -> int:
        return 384

    @property
    def max_tokens(self) -> int:
        return 256

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        return read_encoder_folder(installed_folder()).tokenizer(truncates=False)

    def close(self) -> None:
        with self._lock:
            self._function = None

    def _identity(self) -> Mapping[str, Any]:
        return {"model": self.model, "function": "Chroma's default"}

    def _embed(self, inputs: list[str]) -> Vectors:
        with self._lock:
            if self._function is None:
                self._function = _loaded(self._folder)
            function = self._function
        return np.asarray(function(inputs), dtype=np.float32)


def _loaded(folder: Path | None) -> "ONNXMiniLM_L6_V2":
    """Return Chroma's function with model and tokenizer read."""
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    class Offline(ONNXMiniLM_L6_V2):
        def _download_model_if_not_exists(self) -> None:
            """Both were read when the function was made."""

    cached = ONNXMiniLM_L6_V2.DOWNLOAD_PATH / ONNXMiniLM_L6_V2.EXTRACTED_FOLDER_NAME
    folder = folder or (cached if all((cached / name).is_file() for name in _FILES) else None)
    with tempfile.TemporaryDirectory() as scratch:
        function = Offline(preferred_providers=["CPUExecutionProvider"])
        function.DOWNLOAD_PATH = Path(scratch)
        onnx = Path(scratch) / ONNXMiniLM_L6_V2.EXTRACTED_FOLDER_NAME
        if folder:
            onnx.symlink_to(folder.resolve(), target_is_directory=True)
        else:
            _export_installed(onnx)
        # Both are read at first use and kept.
        _ = function.tokenizer, function.model
        return function


def _export_installed(target: Path) -> None:
    from collections_app.embeddings.encoder_graph import build_exported_model

    source = read_encoder_folder(installed_folder())
    target.mkdir()
    (target / "model.onnx").write_bytes(build_exported_model(source.shape, source.weights()))
    (target / "tokenizer.json").write_bytes((source.path / "tokenizer.json").read_bytes())
