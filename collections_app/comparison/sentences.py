"""How well the similarities that profiles see in pairs of sentences follow those that people saw."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from collections_app.accounting import Account
from collections_app.comparison.contestant import require_usable
from collections_app.comparison.report import rounded
from collections_app.embeddings.base import Vectors
from collections_app.evaluation.judged import SentencePair
from collections_app.geometry import pearson_r, spearman_rho
from collections_app.models import EmbeddingProfile, EmbeddingRole, Purpose
from collections_app.vectors import embed_once


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """Correlations of a profile's cosines with people's scores, and what it took to embed what was not in SQL.

    A correlation is None where the scores, or the cosines, are all the same.
    """

    profile: str
    pairs: int
    spearman: float | None
    pearson: float | None
    embedded_texts: int
    embedded_tokens: int
    seconds: float


def compare_pairs(
    profile: EmbeddingProfile, pairs: Sequence[SentencePair], *, breathe: Callable[[], None] = lambda: None
) -> PairFigures:
    """Correlate the cosines of both sentences, embedded as passages, with the scores; equals share average ranks.

    Raises EmbeddingError, ConfigurationError, or InvalidEvaluation where the profile is paused.
    """
    embedder = require_usable(profile)
    seconds, embedded, tokens = 0.0, 0, 0

    def embed(texts: list[str]) -> Vectors:
        nonlocal seconds, embedded, tokens
        started = time.perf_counter()
        vectors = embedder.embed_passages(texts)
        seconds += time.perf_counter() - started
        embedded += len(texts)
        tokens += sum(embedder.count_tokens(texts))
        return vectors

    texts = [text for pair in pairs for text in (pair.first, pair.second)]
    account = Account(profile, None, Purpose.UPKEEP)
    stored = embed_once(account, EmbeddingRole.PASSAGE, embedder, embed, texts, sign_of_life=breathe)
    cosines = np.array([float(stored[pair.first].vector @ stored[pair.second].vector) for pair in pairs])
    scores = [pair.score for pair in pairs]
    return PairFigures(
        profile=profile.name,
        pairs=len(pairs),
        spearman=rounded(spearman_rho(cosines, scores)),
        pearson=rounded(pearson_r(cosines, scores)),
        embedded_texts=embedded,
        embedded_tokens=tokens,
        seconds=round(seconds, 2),
    )
