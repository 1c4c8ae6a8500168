"""Any endpoint that speaks OpenAI's embeddings API: OpenAI itself, DashScope, Zhipu, vLLM, Ollama, TEI, LM Studio, …"""

from collections.abc import Mapping
from typing import Any

from collections_app.embeddings.remote import CONNECT_SECONDS, Connection, RemoteEmbedder
from collections_app.embeddings.wire import Answer, answer_of_openai
from collections_app.exceptions import EmbedderMisconfigured

_NO_KEY = "no-key"  # a server of one's own may want none, but the client insists on one


class OpenAIEmbedder(RemoteEmbedder):
    """Embeds by requests to `base_url` (default: OpenAI's) + "/embeddings".

    Options: those of RemoteEmbedder, and `encoding_format` ("base64" or "float").
    """

    default_url = "https://api.openai.com/v1"
    wants_key = True

    def __init__(self, *, encoding_format: str = "base64", **options: Any) -> None:
        if encoding_format not in {"base64", "float"}:
            raise EmbedderMisconfigured(f"The option `encoding_format` is {encoding_format!r}; use base64 or float.")
        super().__init__(**options)
        self._encoding_format = encoding_format

    def _identity(self) -> Mapping[str, Any]:
        return {"model": self.model, "protocol": "openai"}

    def _ask(self, connection: Connection, inputs: list[str]) -> Answer:
        import openai

        secret = connection.key or _NO_KEY
        api = openai.OpenAI(api_key=secret, base_url=self._base_url, max_retries=0, http_client=connection.http)
        try:
            answer = api.embeddings.with_raw_response.create(
                input=inputs,
                model=self.model,
                encoding_format="base64" if self._encoding_format == "base64" else "float",
                dimensions=openai.omit if self._asked_dimensions is None else self._asked_dimensions,
                timeout=openai.Timeout(self._timeout, connect=min(self._timeout, CONNECT_SECONDS)),
            )
        except openai.APIStatusError as error:
            # Without its cause, whose text may repeat the key.
            raise self._refusal(
                error.status_code, body=error.body, headers=error.response.headers, secret=secret
            ) from None
        except openai.APITimeoutError as error:
            raise self._silence(error.__cause__) from error
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, EmbedderMisconfigured):
                raise error.__cause__ from None
            raise self._unreachable(error.__cause__) from error
        self._pace.learn(answer.headers)
        return answer_of_openai(answer.http_response.content, count=len(inputs))
