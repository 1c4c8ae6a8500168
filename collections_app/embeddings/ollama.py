"""Ollama by its own API, POST /api/embed, which says for each text whether it fits, and never cuts one unasked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collections_app.embeddings.remote import CONNECT_SECONDS, Connection, RemoteEmbedder
from collections_app.embeddings.wire import Answer, answer_of_ollama

if TYPE_CHECKING:
    import httpx2


class OllamaEmbedder(RemoteEmbedder):
    """Embeds by requests to `base_url` (default: http://127.0.0.1:11434) + "/api/embed".

    Options: those of RemoteEmbedder, and `keep_alive`, how long Ollama keeps the model in memory ("5m"; "-1m": for
    ever).
    """

    default_url = "http://127.0.0.1:11434"

    def __init__(self, *, keep_alive: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._request: dict[str, Any] = {"model": self.model, "truncate": False}
        if keep_alive:
            self._request["keep_alive"] = keep_alive
        if self._asked_dimensions is not None:
            self._request["dimensions"] = self._asked_dimensions

    def _identity(self) -> Mapping[str, Any]:
        return {"model": self.model, "protocol": "ollama"}

    def _ask(self, connection: Connection, inputs: list[str]) -> Answer:
        import httpx2

        try:
            answer = connection.http.post(
                f"{self._base_url}/api/embed",
                json={**self._request, "input": inputs},
                headers={"Authorization": f"Bearer {connection.key}"} if connection.key else {},
                timeout=httpx2.Timeout(self._timeout, connect=min(self._timeout, CONNECT_SECONDS)),
            )
        except httpx2.TimeoutException as error:
            raise self._silence(error) from error
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if answer.status_code != 200:
            raise self._refusal(
                answer.status_code, body={"message": _said(answer)}, headers=answer.headers, secret=connection.key
            )
        return answer_of_ollama(answer.content, count=len(inputs))


def _said(answer: "httpx2.Response") -> object:
    """Return what the server gives as its reason: the JSON's "error", or the text."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text
    return body.get("error") if isinstance(body, dict) else body
