"""Texts as one profile embeds them, or why it does not."""

import logging
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TypeAlias

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from collections_app.accounting import Account
from collections_app.embeddings import Embedder
from collections_app.exceptions import VectorsiteError
from collections_app.lab.texts import Texts
from collections_app.models import EmbeddingProfile, Purpose
from collections_app.profiles import embedder_for
from collections_app.reasons import explained, in_readers_language
from collections_app.recent import Recent

logger = logging.getLogger(__name__)

# How long a server may be silent; whoever looks at the page waits for all of its profiles.
_SECONDS = 15.0
# The largest has 41 vectors of 4,096 numbers, 0.7 MB.
_REMEMBERED = 32


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """`vectors` float32 [n, d] of the passages, and `query` float32 [d] of the query if there is one, all of length 1.

    `tokens` and `readable` (the share of characters that the vocabulary knows) are of each passage;
    `is_estimate` says that the tokenizer is not known. `milliseconds` is what embedding took; `is_remembered` that it
    took place for an earlier page.
    """

    profile: EmbeddingProfile
    texts: Texts
    vectors: NDArray[np.float32]
    query: NDArray[np.float32] | None
    tokens: tuple[int, ...]
    query_tokens: int
    readable: tuple[float, ...]
    is_estimate: bool
    query_prefix: str
    passage_prefix: str
    milliseconds: float
    is_remembered: bool = False

    @property
    def token_sum(self) -> int:
        return sum(self.tokens) + self.query_tokens


@dataclass(frozen=True, slots=True)
class Failed:
    """The profile gives no vectors now; `reason` names the remedy."""

    profile: EmbeddingProfile
    reason: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """The profile would send the texts to `recipient`, some `tokens` of them, and nobody has agreed yet."""

    profile: EmbeddingProfile
    recipient: str
    tokens: int
    is_estimate: bool


Outcome: TypeAlias = Embedded | Failed | Unsent

_recent: Recent[tuple[str, str], Embedded] = Recent(_REMEMBERED)


def embed(profile: EmbeddingProfile, texts: Texts, *, may_send: bool) -> Outcome:
    """Embed passages in the role of passages and the query, if there is one, in the role of a query.

    Texts leave this machine only if somebody agreed (`may_send`). What was embedded a moment ago is remembered by this
    process, so that downloads and other settings embed and cost nothing again. Whatever an embedder comes up with ends
    here, and pauses nothing: it says something of these texts, and others are none of them.
    """
    remembered = _recent.get((profile.fingerprint, texts.digest))
    if remembered is not None:
        return replace(remembered, profile=profile, is_remembered=True)
    if profile.paused_until is not None:
        reason = _("The profile is paused: %(reason)s It is tried again by itself; an administrator can resume it now.")
        return Failed(profile, reason % {"reason": in_readers_language(profile.pause_reason)})
    try:
        outcome = _ask(profile, texts, may_send=may_send)
    except VectorsiteError as error:
        return Failed(profile, explained(error))
    except Exception:  # whatever a library of a backend raises, the other profiles are shown
        logger.exception("The lab could not embed with %s.", profile)
        return Failed(profile, _("The embedder failed in a way that it does not explain; look at the site's log."))
    if isinstance(outcome, Embedded):
        _recent.put((profile.fingerprint, texts.digest), outcome)
    return outcome


def _ask(profile: EmbeddingProfile, texts: Texts, *, may_send: bool) -> Outcome:
    embedder = embedder_for(profile)
    tokens = tuple(embedder.count_tokens(texts.passages))
    query_tokens = embedder.count_query_tokens(texts.query) if texts.query else 0
    is_estimate = embedder.tokenizer is None
    if embedder.recipient and not may_send:
        return Unsent(profile, embedder.recipient, sum(tokens) + query_tokens, is_estimate)
    with Account(profile, None, Purpose.UPKEEP).charged([*texts.passages, *([texts.query] if texts.query else [])]):
        vectors, query, milliseconds = _timed(embedder.within(_SECONDS), texts)
    return Embedded(
        profile=profile,
        texts=texts,
        vectors=vectors,
        query=query,
        tokens=tokens,
        query_tokens=query_tokens,
        readable=tuple(embedder.readable_share(text) for text in texts.passages),
        is_estimate=is_estimate,
        query_prefix=embedder.query_prefix,
        passage_prefix=embedder.passage_prefix,
        milliseconds=milliseconds,
    )


def _timed(embedder: Embedder, texts: Texts) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, float]:
    if not embedder.recipient:
        # Weights are read at the first use, which is not what a text takes.
        embedder.embed_query(".")
    began = perf_counter()
    vectors = embedder.embed_passages(texts.passages)
    query = embedder.embed_query(texts.query) if texts.query else None
    return vectors, query, (perf_counter() - began) * 1000
