"""What every embedder does: one base class with the shared work, and one primitive that a backend supplies."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from collections_app.embeddings.metering import is_metered, metered, note_call
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbeddingInputRefused,
    EmbeddingResponseInvalid,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors: TypeAlias = npt.NDArray[np.float32]

# Byte-level BPE spends about 4 bytes of English, 3 of Chinese and 2.5 of Cyrillic or Arabic on a token.
BYTES_PER_ESTIMATED_TOKEN = 3


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much one call of the backend's primitive takes. `tokens` and `bytes` (UTF-8) may be None: no limit.

    A single text above `tokens` or `bytes` is sent alone; whether it is too long is the backend's to say.
    """

    texts: int
    tokens: int | None = None
    bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("texts", "tokens", "bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise EmbedderMisconfigured(f"The batch limit {name!r} is {value}; it must be at least 1.")


class Embedder(ABC):
    """Turns texts into float32 vectors of length 1, so that the dot product of two is their cosine.

    Instances are safe to use from several threads, are cheap to make, and take what is dear (weights, connections)
    at the first use. They must not be carried across a fork; `load_embedder` gives each process its own.
    """

    model: str
    limits: BatchLimits
    # How many calls of the primitive one `embed_passages` may have under way.
    concurrency: int = 1

    def __init__(self, *, model: str, limits: BatchLimits, query_prefix: str = "", passage_prefix: str = "") -> None:
        self.model = model
        self.limits = limits
        self.query_prefix = query_prefix
        self.passage_prefix = passage_prefix

    # --- what a backend supplies ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """The number of components of a vector. A backend may have to ask its server once."""

    @property
    @abstractmethod
    def max_tokens(self) -> int:
        """The length in tokens, special tokens and prefix included, up to which an input is not truncated."""

    @abstractmethod
    def _identity(self) -> Mapping[str, Any]:
        """Return what decides the vectors beyond prefixes and dimensions, as JSON: weights, tokenizer, pooling, …"""

    @abstractmethod
    def _embed(self, inputs: list[str]) -> npt.NDArray[np.floating[Any]]:
        """Return [n, d] raw vectors, row i for `inputs[i]`, which are within `limits`, valid Unicode and not blank.

        A backend that knows better than `_count` what it took says so by `metering.note_call`, once for each call.
        """

    @property
    def recipient(self) -> str:
        """The host that texts are sent to, which may keep or charge for them; "" where they stay on this machine."""
        return ""

    @property
    def has_model(self) -> bool:
        """Whether it can embed anything: False for one that knows of vectors which were supplied, and of no model."""
        return True

    @property
    def takes_passages_as_given(self) -> bool:
        """Whether passages are those that vectors were supplied for, where a document says so."""
        return False

    @property
    def tokenizer(self) -> "Tokenizer | None":
        """The model's own tokenizer, neither truncating nor padding; None where it is not known. Do not change it."""
        return None

    def _count(self, inputs: Sequence[str]) -> list[int]:
        if self.tokenizer is None:
            return [-(-len(text.encode()) // BYTES_PER_ESTIMATED_TOKEN) for text in inputs]
        return [len(encoding) for encoding in self.tokenizer.encode_batch_fast(list(inputs))]

    def close(self) -> None:  # noqa: B027 - most backends hold nothing
        """Give back memory and connections. The embedder stays usable: the next call takes them again."""

    # --- the port -------------------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """The sha256 (hex) of everything that decides the vectors, equal in every process that has the same model.

        Not in it: URL, runtime, threads, batch sizes.
        """
        identity = {
            **self._identity(),
            "dimensions": self.dimensions,
            "normalisation": "l2",
            "query_prefix": self.query_prefix,
            "passage_prefix": self.passage_prefix,
        }
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def passage_capacity(self) -> int:
        """How many tokens of a passage's own text fit, counted without special tokens: what a chunk may hold."""
        return self.max_tokens - self._count([self.passage_prefix])[0]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text takes as a passage, prefix and special tokens included, untruncated.

        Exact where the backend knows the model's tokenizer, else an estimate: a third of the UTF-8 bytes.
        """
        return self._count(self._inputs(texts, prefix=self.passage_prefix, allow_blank=True))

    def count_query_tokens(self, text: str) -> int:
        """Return how many tokens `text` takes as a search text, counted as `count_tokens` does."""
        return self._count(self._inputs([text], prefix=self.query_prefix, allow_blank=True))[0]

    def readable_share(self, text: str) -> float:
        """Return which part of a text's characters, from 0 to 1, the model's vocabulary has a token for.

        A model reads the rest as one and the same unknown token. 1 where the tokenizer is not known, has no such token,
        or the text is blank.
        """
        tokenizer = self.tokenizer
        unknown = None if tokenizer is None else _unknown_token(tokenizer)
        if tokenizer is None or unknown is None:
            return 1.0
        encoding = tokenizer.encode(text, add_special_tokens=False)
        lengths = [end - start for start, end in encoding.offsets]
        if not sum(lengths):
            return 1.0
        unread = sum(length for token, length in zip(encoding.ids, lengths, strict=True) if token == unknown)
        return 1 - unread / sum(lengths)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 [n, d], row i the unit vector of `texts[i]`; [0, d] for no texts.

        All or nothing. Raises EmbeddingInputRefused, EmbeddingResponseInvalid, EmbedderUnavailable or
        EmbedderMisconfigured.
        """
        inputs = self._inputs(texts, prefix=self.passage_prefix)
        if not inputs:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return np.concatenate(self._in_turn_or_at_once(list(self._batches(inputs))))

    def within(self, seconds: float) -> Self:
        """Return this embedder for somebody who waits: no silence of its server is borne longer, where there is one."""
        return self

    def embed_query(self, text: str) -> Vectors:
        """Return the float32 [d] unit vector of a search text. Raises what `embed_passages` raises."""
        vector: Vectors = self._unit_vectors(self._inputs([text], prefix=self.query_prefix))[0]
        return vector

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- shared work ----------------------------------------------------------------------------------------------

    def _inputs(self, texts: Sequence[str], *, prefix: str, allow_blank: bool = False) -> list[str]:
        if isinstance(texts, str):
            raise EmbeddingInputRefused("One text was given where a list of texts is needed; put it into a list.")
        for number, text in enumerate(texts, start=1):
            if reason := _reason_to_refuse(text, allow_blank=allow_blank):
                raise EmbeddingInputRefused(f"Text {number} of {len(texts)} cannot be embedded: {reason}")
        return [prefix + text for text in texts]

    def _batches(self, inputs: list[str]) -> Iterator[list[str]]:
        """Cut `inputs` into runs that keep the limits, in order."""
        limits = self.limits
        tokens = self._count(inputs) if limits.tokens is not None else [0] * len(inputs)
        batch: list[str] = []
        batch_tokens = batch_bytes = 0
        for text, text_tokens in zip(inputs, tokens, strict=True):
            text_bytes = len(text.encode())
            full = (
                len(batch) >= limits.texts
                or (limits.tokens is not None and batch_tokens + text_tokens > limits.tokens)
                or (limits.bytes is not None and batch_bytes + text_bytes > limits.bytes)
            )
            if batch and full:
                yield batch
                batch, batch_tokens, batch_bytes = [], 0, 0
            batch.append(text)
            batch_tokens += text_tokens
            batch_bytes += text_bytes
        if batch:
            yield batch

    def _in_turn_or_at_once(self, batches: list[list[str]]) -> list[Vectors]:
        """Return the vectors of each batch. After an error none is begun any more, and those under way are awaited."""
        if self.concurrency == 1 or len(batches) == 1:
            return [self._unit_vectors(batch) for batch in batches]
        with ThreadPoolExecutor(min(self.concurrency, len(batches)), thread_name_prefix="embed") as pool:
            # In copies of this thread's context, so that its meter counts the calls of the others too.
            begun = [pool.submit(copy_context().run, self._unit_vectors, batch) for batch in batches]
            try:
                return [future.result() for future in begun]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _unit_vectors(self, inputs: list[str]) -> Vectors:
        raw = self._counted(inputs)
        if raw.ndim != 2 or raw.shape[0] != len(inputs):
            raise EmbeddingResponseInvalid(
                f"{self.model} answered {len(inputs)} texts with an array of shape {raw.shape}; try again, and look "
                "at the embedding server's log if it stays so."
            )
        if raw.shape[1] != self.dimensions:
            raise EmbedderMisconfigured(
                f"{self.model} gives vectors of {raw.shape[1]} dimensions where {self.dimensions} are expected. "
                "Correct the option `dimensions`, or make a new embedding profile for the changed model."
            )
        # float64, because the square of a large float32 is infinite and that of a small one is zero.
        wide = raw.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
            raise EmbeddingResponseInvalid(
                f"{self.model} answered with a vector that is zero or not finite; try again, and look at the embedding "
                "server's log if it stays so."
            )
        unit: Vectors = (wide / lengths).astype(np.float32)
        return unit

    def _counted(self, inputs: list[str]) -> npt.NDArray[np.floating[Any]]:
        """Embed; a backend that does not count its own calls is taken at our count of the tokens."""
        if not is_metered():
            return self._embed(inputs)
        with metered() as own:
            raw = self._embed(inputs)
            if not own.calls:
                note_call(tokens=sum(self._count(inputs)))
        return raw


def _unknown_token(tokenizer: "Tokenizer") -> int | None:
    """Return the id of the token for what is not in the vocabulary."""
    for name in ("[UNK]", "<unk>"):
        token = tokenizer.token_to_id(name)
        if token is not None:
            return int(token)
    return None


def _reason_to_refuse(text: object, *, allow_blank: bool) -> str:
    """Say why `text` cannot be given to a model, "" when it can."""
    if not isinstance(text, str):
        return f"it is {type(text).__name__}, not text."
    if not allow_blank and not text.strip():
        return "it is empty or blank; leave it out."
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"it holds a lone surrogate at character {error.start}; remove it when the text is extracted."
    return ""
