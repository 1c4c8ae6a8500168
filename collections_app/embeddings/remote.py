"""What embedders share that ask a server over HTTP: the key, the address, the pace, and a little patience.

Two layers wait for a server, and each for its own kind of trouble. Here a hiccup is bridged: a connection that broke, a
5xx, a 429 that asks for seconds, and at most `patience` seconds in all, which is far below what a lease lasts.
Whatever takes longer is told to the caller with the time that the server asked for, and pauses the profile for
everybody (`outages`): no worker sleeps through an outage with entries in its hands.
"""

import copy
import os
import threading
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from collections_app.embeddings.addresses import check_host, is_this_machine
from collections_app.embeddings.base import BatchLimits, Embedder, Vectors
from collections_app.embeddings.keys import unseal
from collections_app.embeddings.metering import note_call
from collections_app.embeddings.pacing import Pace, backoff, sleep
from collections_app.embeddings.wire import Answer, error_of_answer
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbedderSilent,
    EmbedderUnavailable,
    EmbeddingError,
    EmbeddingResponseInvalid,
)

if TYPE_CHECKING:
    import httpx2
    from tokenizers import Tokenizer

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Connection:
    """An HTTP client for the server, and the key, "" where there is none. The key is not in its repr."""

    http: "httpx2.Client"
    key: str = field(repr=False)


class RemoteEmbedder(Embedder):
    """Embeds by requests to the server at `base_url`.

    Options: `base_url`; `api_key_env`, the name of the environment variable that holds the key, or `sealed_api_key`,
    the key as `keys.seal` gives it (the key itself is never shown); `dimensions`, asked of models that can shorten
    their vectors (default: the model's own number, learned by one request); `query_prefix`, `passage_prefix`;
    `max_tokens`, what the model takes; `tokenizer_file`, the model's tokenizer.json where it is at hand (else tokens
    are estimated); `timeout`, the seconds of silence after which the server counts as unavailable; `batch_texts`,
    `batch_tokens`, `batch_bytes`, the most that one request may hold; `concurrency`, how many requests may be under
    way; `requests_per_minute`, `tokens_per_minute`, where the server does not tell them; `retries` of what is
    temporary, and `patience`, the seconds to wait for them in all.
    """

    default_url = ""
    # The server wants a key whenever it is asked at `default_url`.
    wants_key = False

    def __init__(
        self,
        *,
        model: str = "",
        base_url: str = "",
        api_key_env: str = "",
        sealed_api_key: str = "",
        dimensions: int | None = None,
        query_prefix: str = "",
        passage_prefix: str = "",
        max_tokens: int = 8192,
        tokenizer_file: str | Path = "",
        timeout: float = 30.0,
        batch_texts: int = 128,
        batch_tokens: int | None = 100_000,
        batch_bytes: int | None = 2 * 2**20,
        concurrency: int = 4,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        retries: int = 2,
        patience: float = 10.0,
    ) -> None:
        if not model:
            raise EmbedderMisconfigured(
                "Name the model that the endpoint is to use, for example text-embedding-3-small."
            )
        if base_url and (urlsplit(base_url).scheme not in {"http", "https"} or not urlsplit(base_url).hostname):
            raise EmbedderMisconfigured("The option `base_url` must look like https://host/v1.")
        if tokenizer_file and not Path(tokenizer_file).is_file():
            raise EmbedderMisconfigured(f"The option `tokenizer_file` names {tokenizer_file}, which is no file.")
        above_zero = (timeout, max_tokens, dimensions or 1, requests_per_minute or 1, tokens_per_minute or 1)
        if min(above_zero) <= 0 or 0 in (dimensions, requests_per_minute, tokens_per_minute):
            raise EmbedderMisconfigured(
                "The options `timeout`, `max_tokens`, `dimensions`, `requests_per_minute` and `tokens_per_minute` must "
                "be above zero."
            )
        if retries < 0 or patience < 0 or not 1 <= concurrency <= 64:
            raise EmbedderMisconfigured(
                "The options `retries` and `patience` must not be below zero, and `concurrency` must be from 1 to 64."
            )
        super().__init__(
            model=model,
            limits=BatchLimits(texts=batch_texts, tokens=batch_tokens, bytes=batch_bytes),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
        )
        self.concurrency = concurrency
        self._base_url = (base_url or self.default_url).rstrip("/")
        self._server = urlsplit(self._base_url).hostname or ""
        check_host(self._server)
        self._api_key_env = api_key_env
        self._sealed_api_key = sealed_api_key
        self._asked_dimensions = self._dimensions = dimensions
        self._max_tokens = max_tokens
        self._tokenizer_file = tokenizer_file
        self._timeout = timeout
        self._retries = retries
        self._patience = patience
        self._pace = Pace(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
        self._lock = threading.RLock()
        self._connection: Connection | None = None

    @abstractmethod
    def _ask(self, connection: Connection, inputs: list[str]) -> Answer:
        """Send one request; return raw vectors and the tokens they took, or raise what the answer means."""

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

    @property
    def recipient(self) -> str:
        return "" if is_this_machine(self._server) else self._server

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
        # Connected first: all copies ask over the connections of the one that is kept, and at its pace.
        self._connected()
        hasty = copy.copy(self)
        hasty._timeout = min(self._timeout, seconds)
        hasty._retries, hasty._patience = 0, 0.0
        return hasty

    def close(self) -> None:
        # Not closed at once: another thread may be waiting for an answer. Unused connections close themselves.
        with self._lock:
            self._connection = None

    def _embed(self, inputs: list[str]) -> Vectors:
        connection = self._connected()
        tokens = sum(self._count(inputs))
        patience, attempt = self._patience, 0
        while True:
            patience -= self._pace.admit(tokens, patience=patience)
            try:
                answer = self._ask(connection, inputs)
            except EmbeddingResponseInvalid:
                note_call(tokens=tokens, confirmed=False)
                raise
            except EmbedderUnavailable as error:
                note_call(tokens=tokens if error.may_have_worked else 0, confirmed=False)
                wait = max(error.retry_after or 0.0, backoff(attempt))
                if error.is_rate_limit:
                    self._pace.close_for(error.retry_after or 0.0)
                if isinstance(error, EmbedderSilent) or attempt >= self._retries or wait > patience:
                    raise
                sleep(wait)
                patience -= wait
                attempt += 1
            else:
                note_call(tokens=tokens if answer.tokens is None else answer.tokens)
                return answer.vectors

    def _refusal(self, status: int, *, body: object, headers: Mapping[str, str], secret: str) -> EmbeddingError:
        """Return what an answer with an error status means, and learn the pace from it."""
        self._pace.learn(headers)
        if status == 401:
            return EmbedderMisconfigured(self._about_the_key(f"{self._server} does not accept the key (HTTP 401)"))
        retry_after = headers.get("retry-after")
        return error_of_answer(
            status, body=body, retry_after=retry_after, model=self.model, server=self._server, secret=secret
        )

    def _silence(self, reason: BaseException | None) -> EmbedderSilent:
        return EmbedderSilent(
            f"{self._server} was silent for {self._timeout:g} s. Look at it, or raise the option `timeout`.",
            may_have_worked=_was_sent(reason),
        )

    def _unreachable(self, reason: BaseException | None) -> EmbedderUnavailable:
        return EmbedderUnavailable(
            f"{self._server} cannot be reached ({reason}). Start it, or correct `base_url`.",
            may_have_worked=_was_sent(reason),
        )

    def _connected(self) -> Connection:
        from collections_app.embeddings.guarded_http import guarded_client

        with self._lock:
            if self._connection is None:
                self._connection = Connection(guarded_client(self._base_url), self._api_key())
            return self._connection

    def _api_key(self) -> str:
        """Return the key, "" where the server wants none."""
        if self._sealed_api_key:
            key = unseal(self._sealed_api_key)
        else:
            key = os.environ.get(self._api_key_env, "").strip() if self._api_key_env else ""
        if not key and self.wants_key and self._base_url == self.default_url:
            raise EmbedderMisconfigured(self._about_the_key(f"{self._server} wants a key and there is none"))
        if not (key.isascii() and key.isprintable()):
            raise EmbedderMisconfigured(self._about_the_key("The key holds characters that no key has"))
        return key

    def _about_the_key(self, problem: str) -> str:
        if self._sealed_api_key:
            return f"{problem}. Enter a valid key in the profile."
        if not self._api_key_env:
            return (
                f"{problem}. Enter it in the profile, or name the environment variable that holds it in the option "
                "`api_key_env`."
            )
        return f"{problem}. Put a valid key into the environment variable {self._api_key_env} and restart."


def _was_sent(error: BaseException | None) -> bool:
    """Return whether a request that had no answer may have reached the server."""
    import httpx2

    return not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
