"""Any endpoint that speaks OpenAI's embeddings API: OpenAI itself, vLLM, Ollama, Text Embeddings Inference, …

Nothing is tried twice here: the caller waits and tries again, by what the error says.
"""

import copy
import os
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from collections_app.embeddings.base import BatchLimits, Embedder, Vectors
from collections_app.embeddings.openai_wire import error_of_answer, vectors_of_answer
from collections_app.exceptions import EmbedderMisconfigured, EmbedderUnavailable, EmbeddingError

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI
    from tokenizers import Tokenizer

_OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 5.0
_NO_KEY = "no-key"  # a server of one's own may want none, but the client insists on one


class OpenAIEmbedder(Embedder):
    """Embeds by requests to `base_url` + "/embeddings".

    Options: `base_url` (default: OpenAI's); `api_key_env`, the name of the environment variable that holds the key (the
    key itself is never shown); `dimensions`, asked of models that can shorten their vectors (default: the
    model's own number, learned by one request); `query_prefix`, `passage_prefix`; `max_tokens`, what the model takes;
    `tokenizer_file`, the model's tokenizer.json where it is at hand (else tokens are estimated); `encoding_format`
    ("base64" or "float"); `timeout`, the seconds of silence after which the server counts as unavailable;
    `batch_texts`, `batch_tokens`, `batch_bytes`, the most that one request may hold.
    """

    def __init__(
        self,
        *,
        model: str = "",
        base_url: str = "",
        api_key_env: str = "",
        dimensions: int | None = None,
        query_prefix: str = "",
        passage_prefix: str = "",
        max_tokens: int = 8192,
        tokenizer_file: str | Path = "",
        encoding_format: str = "base64",
        timeout: float = 30.0,
        batch_texts: int = 128,
        batch_tokens: int = 100_000,
        batch_bytes: int = 2 * 2**20,
    ) -> None:
        if not model:
            raise EmbedderMisconfigured(
                "Name the model that the endpoint is to use, for example text-embedding-3-small."
            )
        if base_url and (urlsplit(base_url).scheme not in {"http", "https"} or not urlsplit(base_url).hostname):
            raise EmbedderMisconfigured("The option `base_url` must look like https://host/v1.")
        if encoding_format not in {"base64", "float"}:
            raise EmbedderMisconfigured(f"The option `encoding_format` is {encoding_format!r}; use base64 or float.")
        if tokenizer_file and not Path(tokenizer_file).is_file():
            raise EmbedderMisconfigured(f"The option `tokenizer_file` names {tokenizer_file}, which is no file.")
        if timeout <= 0 or max_tokens < 1 or (dimensions is not None and dimensions < 1):
            raise EmbedderMisconfigured("The options `timeout`, `max_tokens` and `dimensions` must be above zero.")
        super().__init__(
            model=model,
            limits=BatchLimits(texts=batch_texts, tokens=batch_tokens, bytes=batch_bytes),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
        )
        self._base_url = base_url or _OPENAI_URL
        self._server = urlsplit(self._base_url).hostname or ""
        self._api_key_env = api_key_env
        self._request_options: dict[str, Any] = {"model": model, "encoding_format": encoding_format}
        if dimensions is not None:
            self._request_options["dimensions"] = dimensions
        self._dimensions = dimensions
        self._max_tokens = max_tokens
        self._tokenizer_file = tokenizer_file
        self._timeout = timeout
        self._lock = threading.RLock()
        self._client: OpenAI | None = None

    @property
    def dimensions(self) -> int:
        """The number of components of a vector; without the option, the first use asks the server."""
        with self._lock:
            if self._dimensions is None:
                self._dimensions = self._embed(["How many dimensions?"]).shape[1]
            return self._dimensions

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    @cached_property
    def tokenizer(self) -> "Tokenizer | None":
        if not self._tokenizer_file:
            return None
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def within(self, seconds: float) -> Self:
        # Connected first: all copies ask over the connections of the one that is kept.
        self._connected()
        hasty = copy.copy(self)
        hasty._timeout = min(self._timeout, seconds)
        return hasty

    def close(self) -> None:
        # Not closed at once: another thread may be waiting for an answer. The client closes itself when it is unused.
        with self._lock:
            self._client = None

    def _identity(self) -> Mapping[str, Any]:
        return {"model": self.model, "protocol": "openai"}

    def _embed(self, inputs: list[str]) -> Vectors:
        import openai

        client = self._connected()
        try:
            answer = client.embeddings.with_raw_response.create(
                input=inputs,
                timeout=openai.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_SECONDS)),
                **self._request_options,
            )
        except openai.APIStatusError as error:
            # Without its cause, whose text may repeat the key.
            raise self._refusal(error, secret=client.api_key) from None
        except openai.APITimeoutError as error:
            raise EmbedderUnavailable(
                f"{self._server} was silent for {self._timeout:g} s. Look at it, or raise the option `timeout`."
            ) from error
        except openai.APIConnectionError as error:
            raise EmbedderUnavailable(
                f"{self._server} cannot be reached ({error.__cause__}). Start it, or correct `base_url`."
            ) from error
        return vectors_of_answer(answer.http_response.content, count=len(inputs))

    def _refusal(self, error: "APIStatusError", *, secret: str) -> EmbeddingError:
        if error.status_code == 401:
            return EmbedderMisconfigured(self._about_the_key(f"{self._server} does not accept the key (HTTP 401)"))
        return error_of_answer(
            error.status_code,
            body=error.body,
            retry_after=error.response.headers.get("retry-after"),
            model=self.model,
            server=self._server,
            secret=secret,
        )

    def _connected(self) -> "OpenAI":
        import openai

        with self._lock:
            if self._client is None:
                self._client = openai.OpenAI(
                    api_key=self._api_key(),
                    base_url=self._base_url,
                    max_retries=0,
                )
            return self._client

    def _api_key(self) -> str:
        key = os.environ.get(self._api_key_env, "").strip() if self._api_key_env else ""
        if not key and self._base_url == _OPENAI_URL:
            raise EmbedderMisconfigured(self._about_the_key("OpenAI wants a key and there is none"))
        if not (key.isascii() and key.isprintable()):
            raise EmbedderMisconfigured(self._about_the_key("The key holds characters that no key has"))
        return key or _NO_KEY

    def _about_the_key(self, problem: str) -> str:
        if not self._api_key_env:
            return f"{problem}. Name the environment variable that holds it in the option `api_key_env`."
        return f"{problem}. Put a valid key into the environment variable {self._api_key_env} and restart."
