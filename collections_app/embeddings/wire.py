"""What embedding servers answer: vectors out of a good answer, an error out of a bad one."""

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from collections_app.embeddings.base import Vectors
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingError,
    EmbeddingInputRefused,
    EmbeddingResponseInvalid,
)

_QUOTED_CHARACTERS = 300
# 424 is what Text Embeddings Inference answers when its own backend fails.
_PASSING = {408, 409, 424, 425, 429}
_REFUSES_INPUT = {400, 413, 422}
# The same status answers a wrong model or dimension, and not every server fills in `param` or `code`.
_BLAMES_OPTIONS = re.compile(
    r"\bdimensions?\b|matryoshka|encoding_format|(unknown|invalid|unsupported) model"
    r"|\bmodel\b[^.]*\b(not found|not exist|not support|not allowed)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Vectors, float32 [n, d], row i that of input i, and the tokens they took, None if the server does not say."""

    vectors: Vectors
    tokens: int | None


def answer_of_openai(content: bytes, *, count: int) -> Answer:
    """Return what an answer of OpenAI's kind holds, whatever its order and number format.

    Raises EmbeddingResponseInvalid unless it holds exactly one vector for each input, all of one length.
    """
    answer = _object(content)
    rows: list[npt.NDArray[Any] | None] = [None] * count
    for item in _items(answer, "data"):
        index = item.get("index") if isinstance(item, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            raise _invalid(f"a vector says it belongs to input {index!r} of {count}")
        if rows[index] is not None:
            raise _invalid(f"two vectors say they belong to input {index}")
        rows[index] = _vector(item.get("embedding"))
    found = [row for row in rows if row is not None]
    if len(found) != count:
        raise _invalid(f"{count - len(found)} of {count} vectors are missing")
    usage = answer.get("usage")
    return Answer(_stacked(found), _tokens(usage, "total_tokens", "prompt_tokens"))


def answer_of_ollama(content: bytes, *, count: int) -> Answer:
    """Return what Ollama's own answer holds: a list `embeddings` in the order of the inputs.

    Raises EmbeddingResponseInvalid unless it holds exactly one vector for each input, all of one length.
    """
    answer = _object(content)
    rows = [_vector(item) for item in _items(answer, "embeddings")]
    if len(rows) != count:
        raise _invalid(f"it holds {len(rows)} vectors for {count} inputs")
    return Answer(_stacked(rows), _tokens(answer, "prompt_eval_count"))


def _tokens(counts: object, *names: str) -> int | None:
    """Return the first count of these names that is one. Some servers leave them at 0, which is no count of a text."""
    known = counts if isinstance(counts, dict) else {}
    return next((known[name] for name in names if type(known.get(name)) is int and known[name] > 0), None)


def error_of_answer(
    status: int, *, body: object, retry_after: str | None, model: str, server: str, secret: str
) -> EmbeddingError:
    """Return what an answer with an error status means. `body` is its JSON, or what the JSON's "error" holds.

    Some servers repeat the key that they refuse: `secret` is taken out of what is quoted.
    """
    details = body if isinstance(body, dict) else {"message": body}
    said = str(details.get("message") or "no reason given")
    if secret:
        said = said.replace(secret, "(key)")
    said = said[:_QUOTED_CHARACTERS]
    answer = f"{server} answered HTTP {status} for the model {model}: {said}"
    if status in _PASSING or status >= 500:
        return EmbedderUnavailable(answer, retry_after=_seconds(retry_after), is_rate_limit=status == 429)
    if status in _REFUSES_INPUT and not _blames_options(details, said):
        return EmbeddingInputRefused(f"{answer} Shorten the text, or set `max_tokens` to what the model takes.")
    return EmbedderMisconfigured(f"{answer} Check the model's name, `base_url`, `dimensions` and the key's rights.")


def _stacked(rows: list[npt.NDArray[Any]]) -> Vectors:
    if len({len(row) for row in rows}) > 1:
        raise _invalid("its vectors are of different lengths")
    return np.stack(rows).astype(np.float32)


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    return answer if isinstance(answer, dict) else {}


def _items(answer: Mapping[str, Any], name: str) -> list[Any]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise _invalid(f"it holds no list `{name}`")
    return items


def _vector(value: object) -> npt.NDArray[Any]:
    try:
        if isinstance(value, str):
            vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
        else:
            vector = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise _invalid("a vector is neither a list of numbers nor base64 of float32") from None
    if vector.ndim != 1 or vector.size == 0:
        raise _invalid("a vector is not a flat, non-empty list")
    return vector


def _invalid(reason: str) -> EmbeddingResponseInvalid:
    return EmbeddingResponseInvalid(
        f"The embedding server's answer cannot be used: {reason}. Check that `base_url` leads to an embeddings "
        "endpoint of this kind (OpenAI-compatible or Ollama's), and look at its log."
    )


def _blames_options(details: Mapping[str, Any], said: str) -> bool:
    return (
        details.get("param") in {"model", "dimensions", "encoding_format"}
        or details.get("code") in {"model_not_found", "invalid_model"}
        or bool(_BLAMES_OPTIONS.search(said))
    )


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3: a number or a date), None when it says nothing."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
