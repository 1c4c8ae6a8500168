"""Models run in this process by SentenceTransformers, on the CPU or a GPU: what `local` cannot run, with PyTorch.

An optional extra: pip install -r requirements-extra.txt
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from collections_app.embeddings.base import BatchLimits, Embedder, Vectors
from collections_app.exceptions import EmbedderMisconfigured, EmbedderUnavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

# Texts that PyTorch runs together; it sorts by length itself.
_RUN = 32


class SentenceTransformersEmbedder(Embedder):
    """Runs the model in `folder`, or the one of this name that the machine's cache holds or the hub gives.

    Options: `folder`; `device` ("cpu", "cuda", "cuda:1", "mps"; default: the fastest there is); `max_tokens` where the
    model does not say or says otherwise; `query_prefix` and `passage_prefix` (default: none);
    `offline`, to load nothing from the hub (default: true); `batch_texts`. No code of a model is run.

    Prompts that the model names are not used unless they are given as prefixes: they are known only once it is loaded.
    """

    def __init__(
        self,
        *,
        model: str = "",
        folder: str | Path = "",
        device: str = "",
        max_tokens: int | None = None,
        query_prefix: str = "",
        passage_prefix: str = "",
        offline: bool = True,
        batch_texts: int = 256,
    ) -> None:
        if not model and not folder:
            raise EmbedderMisconfigured("Name the model, or the folder that holds it, for SentenceTransformers to run.")
        # The option `folder` is for administrators alone, so a name must not be one.
        if not folder and Path(model).exists():
            raise EmbedderMisconfigured(
                f"The model {model!r} is a path of this machine. Give it in the option `folder`."
            )
        if folder and not Path(folder).is_dir():
            raise EmbedderMisconfigured(f"The option `folder` names {folder}, which is no folder. Correct it.")
        if max_tokens is not None and max_tokens < 3:
            raise EmbedderMisconfigured(f"The option `max_tokens` is {max_tokens}; it must be at least 3.")
        self._source = str(folder or model)
        self._device = device or None
        self._wanted_tokens = max_tokens
        self._offline = offline
        self._lock = threading.RLock()
        self._model: SentenceTransformer | None = None
        self._decides: Mapping[str, Any] | None = None  # hashing the weights takes a moment
        super().__init__(
            model=model or Path(folder).name,
            limits=BatchLimits(texts=batch_texts, bytes=8 * 2**20),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
        )

    @property
    def dimensions(self) -> int:
        return int(self._loaded().get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        return int(self._loaded().max_seq_length or 512)

    @cached_property
    def tokenizer(self) -> "Tokenizer | None":
        """The tokenizer of a model that has one of the Rust kind, neither truncating nor padding."""
        from tokenizers import Tokenizer

        backend = getattr(self._loaded().tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        tokenizer = Tokenizer.from_str(backend.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def close(self) -> None:
        with self._lock:
            self._model = self._decides = None

    def _identity(self) -> Mapping[str, Any]:
        with self._lock:
            if self._decides is None:
                self._decides = self._of_model()
            return {**self._decides, "model": self.model, "truncation": self.max_tokens}

    def _embed(self, inputs: list[str]) -> Vectors:
        with self._lock:
            model = self._loaded()
            try:
                # The prefix is in front already.
                raw = model.encode(inputs, batch_size=_RUN, prompt="", show_progress_bar=False)
            except RuntimeError as error:
                if "out of memory" not in str(error):
                    raise
                raise EmbedderUnavailable(
                    f"{model.device} has too little memory for {self.model}. Free some, or choose another `device`."
                ) from error
        return np.asarray(raw, dtype=np.float32)

    def _loaded(self) -> "SentenceTransformer":
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> "SentenceTransformer":
        if not find_spec("sentence_transformers"):
            raise EmbedderMisconfigured(
                "SentenceTransformers is not installed. Run: pip install -r requirements-extra.txt"
            )
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(self._source, device=self._device, local_files_only=self._offline)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise EmbedderMisconfigured(
                f"SentenceTransformers cannot load {self._source}: {error}. Correct `folder`, `model` or `device`; a "
                "model of the hub is downloaded only with the option `offline` set to false."
            ) from error
        if self._wanted_tokens is not None:
            model.max_seq_length = self._wanted_tokens
        return model

    def _of_model(self) -> Mapping[str, Any]:
        """Return what decides the vectors and does not change with the version of a library."""
        model = self._loaded()
        weights = hashlib.sha256()
        for name, tensor in sorted(model.state_dict().items()):
            weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            weights.update(tensor.detach().cpu().contiguous().flatten().view(dtype=_uint8()).numpy().tobytes())
        vocabulary = json.dumps(sorted(model.tokenizer.get_vocab().items()))
        return {
            "weights": weights.hexdigest(),
            "vocabulary": hashlib.sha256(vocabulary.encode()).hexdigest(),
            "modules": [type(module).__name__ for module in model],
            "pooling": [module.get_pooling_mode_str() for module in model if hasattr(module, "get_pooling_mode_str")],
        }


def _uint8() -> Any:
    import torch

    return torch.uint8
