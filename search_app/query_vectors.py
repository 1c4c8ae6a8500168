"""Questions as vectors: embedded by the profile of the index that is searched, and remembered for a while."""

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from collections_app import outages
from collections_app.accounting import Account
from collections_app.embeddings import Embedder
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingInputRefused,
    EmbeddingResponseInvalid,
    NoModelForQuestions,
    ProfileMismatch,
    VectorsiteError,
)
from collections_app.models import EmbeddingProfile, Purpose, VectorIndex
from collections_app.profiles import embedder_for
from collections_app.recent import Recent
from search_app.degradation import Code

logger = logging.getLogger(__name__)

# Typing, paging and filtering ask the same question again and again. 512 vectors of 1,536 dimensions are 3 MB.
_CAPACITY = 512
# How long somebody who asks waits for a server that says nothing; then words answer, and a worker finds out what it is.
EMBEDDER_SECONDS = 5.0

_recent: Recent[tuple[str, str], NDArray[np.float32]] = Recent(_CAPACITY)
_sentences: Recent[tuple[str, str], NDArray[np.float32]] = Recent(_CAPACITY)


class QuestionNotEmbedded(VectorsiteError):
    """The question has no vector now; `code` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


class _FailedMeanwhile(Exception):
    """What was done meanwhile raised `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def query_vector(
    index: VectorIndex, text: str, *, meanwhile: Callable[[], object] | None = None
) -> NDArray[np.float32]:
    """Return the unit vector, float32 [d], of a question; a remembered one needs no embedder.

    What else has to be done can be done `meanwhile`, in this thread, while the model is at work in another; where there
    is nothing to wait for, it is not done. What it raises is raised.

    The vector is charged to the collection of the index that asks first, and refused where a budget has no room for it.
    The index's profile was read a moment ago: only one that was paused then is looked at again. An outage is noted for
    all processes, which then leave the embedder alone until it works again. Raises QuestionNotEmbedded, whatever the
    embedder does.
    """
    key = (index.profile.fingerprint, text)
    vector = _recent.get(key)
    if vector is None:
        vector = _embed(index, [text], lambda embedder: embedder.embed_query(text), meanwhile=meanwhile)
        _recent.put(key, vector)
    return vector


def sentence_vectors(index: VectorIndex, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the unit vectors, float32 [n, d], of stretches of passages, remembered like questions.

    Raises QuestionNotEmbedded as `query_vector` does.
    """
    fingerprint = index.profile.fingerprint
    known = {text: _sentences.get((fingerprint, text)) for text in dict.fromkeys(texts)}
    missing = [text for text, vector in known.items() if vector is None]
    if missing:
        embedded = _embed(index, missing, lambda embedder: embedder.embed_passages(missing), shape=(len(missing),))
        for text, vector in zip(missing, embedded, strict=True):
            known[text] = vector
            _sentences.put((fingerprint, text), vector)
    return np.stack([vector for text in texts if (vector := known[text]) is not None])


def _embed(
    index: VectorIndex,
    texts: Sequence[str],
    embed: Callable[[Embedder], NDArray[np.float32]],
    *,
    shape: tuple[int, ...] = (),
    meanwhile: Callable[[], object] | None = None,
) -> NDArray[np.float32]:
    profile = index.profile
    if profile.paused_until is not None and outages.is_paused(profile):
        raise QuestionNotEmbedded(Code.EMBEDDER_PAUSED)
    account = Account(profile, index.collection, Purpose.QUERY)
    try:
        embedder = embedder_for(profile).within(EMBEDDER_SECONDS)
        if not account.has_room(embedder, texts):
            raise QuestionNotEmbedded(Code.BUDGET_USED_UP)
        with account.charged(texts, later=True):
            vectors = _beside(meanwhile, embed, embedder) if meanwhile else embed(embedder)
        return _checked(vectors, profile, shape)
    except QuestionNotEmbedded:
        raise
    except _FailedMeanwhile as failed:
        raise failed.error from None
    except NoModelForQuestions as error:
        raise QuestionNotEmbedded(Code.NO_QUESTION_MODEL) from error
    except Exception as error:
        # Whatever a backend, its library or a foreign server comes up with, a search answers.
        logger.warning("A question could not be embedded with %s.", profile, exc_info=True)
        if isinstance(error, EmbedderUnavailable | EmbedderMisconfigured):
            # Whether it fails at this question alone, a worker finds out at once.
            outages.doubt(profile, error)
        raise QuestionNotEmbedded(_code_of(error)) from error


def _beside(
    meanwhile: Callable[[], object], embed: Callable[[Embedder], NDArray[np.float32]], embedder: Embedder
) -> NDArray[np.float32]:
    # In a copy of this thread's context, so that its meter counts the call. SQL is left to this thread, which has the
    # connection, and perhaps a transaction.
    begun = _threads(os.getpid()).submit(copy_context().run, embed, embedder)
    try:
        meanwhile()
    except Exception as error:
        raise _FailedMeanwhile(error) from error
    return begun.result()


@lru_cache(maxsize=1)
def _threads(_process: int) -> ThreadPoolExecutor:
    """Return the threads of this process, not those of the one that it was forked from: as many as wait at most."""
    return ThreadPoolExecutor(settings.WEB_THREADS, thread_name_prefix="question")


def _checked(vector: NDArray[np.float32], profile: EmbeddingProfile, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if vector.shape != (*shape, profile.dimensions):
        raise ProfileMismatch(
            f"The embedder answered with an array of shape {vector.shape} where the profile {profile.name!r} has "
            f"{profile.dimensions} dimensions. Put the old model back, or rebuild with a new profile."
        )
    if not np.isfinite(vector).all():
        raise EmbeddingResponseInvalid("The embedder answered with a vector that is not finite; look at its log.")
    return vector


def _code_of(error: Exception) -> Code:
    match error:
        case ProfileMismatch():
            return Code.EMBEDDER_CHANGED
        case EmbedderUnavailable():
            return Code.EMBEDDER_DOWN
        case EmbeddingInputRefused():
            return Code.QUESTION_REFUSED
        case _:
            return Code.EMBEDDER_FAILED
