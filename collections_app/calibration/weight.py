"""Learns the weight of an index and stores it with what it was learned from."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import numpy as np
from django.db.models import F, Q
from django.db.models.functions import Now
from numpy.typing import NDArray

from collections_app.calibration.gains import gains_of
from collections_app.calibration.questions import Question, questions_of
from collections_app.fusion import choose_weight, tried
from collections_app.ledger import in_future
from collections_app.lexical import ANALYZER_VERSION
from collections_app.models import EntryState, IndexEntry, IndexState, VectorIndex
from collections_app.profiles import embedder_for

# Below, chance would decide. The same for a language of its own.
FEWEST_QUESTIONS = 40
# An index is calibrated again when it has become so many times larger or smaller.
GROWTH = 2
_TERM = timedelta(minutes=5)
_FREE = Q(calibrator_expires_at=None) | Q(calibrator_expires_at__lt=Now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How well each leg, and both by `weight`, found the documents that questions were taken from: nDCG@10."""

    questions: int
    semantic: float
    lexical: float
    hybrid: float
    weight: float


def due() -> int | None:
    """Return an index to calibrate: one that serves, is in step with its documents, and has changed its size a lot.

    Or whose words were analysed otherwise when its weight was learned; not while they are being found anew.
    """
    serving = VectorIndex.objects.filter(
        state=IndexState.SERVING,
        collection__deleted_at=None,
        profile__paused_until=None,
        analyzer_version=ANALYZER_VERSION,
    )
    free = serving.filter(Q(calibrator_expires_at=None) | Q(calibrator_expires_at__lt=Now()))
    busy = IndexEntry.objects.filter(state=EntryState.PENDING).order_by().values("index")
    for index in free.exclude(pk__in=busy).order_by(F("calibrated_at").asc(nulls_first=True)):
        entries = IndexEntry.objects.filter(index=index).count()
        before = index.calibration.get("documents", 0)
        is_otherwise = index.calibration.get("analyzer_version") != ANALYZER_VERSION
        if entries and (is_otherwise or entries >= GROWTH * before or entries * GROWTH <= before):
            return index.pk
    return None


def calibrate(index: VectorIndex, *, breathe: Callable[[], None] = lambda: None) -> Evidence | None:
    """Learn and store the weight of an index; None, and no weight, where its passages are too few or too short for it.

    Embeds at most 2 · MOST_QUESTIONS texts and keeps none of their vectors. `breathe` is called every second or so,
    and may raise to end the work; then nothing is stored. Returns None at once where another worker is at it. Raises
    EmbeddingError or ConfigurationError if it cannot be embedded.
    """
    if not _claim(index):
        return None
    evidence = _calibrate(index, breathe)
    # One that failed is not tried again before its lease is over.
    VectorIndex.objects.filter(pk=index.pk).update(calibrator_expires_at=None)
    return evidence


def _claim(index: VectorIndex) -> bool:
    free = VectorIndex.objects.filter(_FREE, pk=index.pk)
    return bool(free.update(calibrator_expires_at=in_future(_TERM)))


def _calibrate(index: VectorIndex, breathe: Callable[[], None]) -> Evidence | None:
    def rest_and_hold() -> None:
        breathe()
        VectorIndex.objects.filter(pk=index.pk).update(calibrator_expires_at=in_future(_TERM))

    documents = IndexEntry.objects.filter(index=index).count()
    questions = list(questions_of(index))
    evidence, languages, embedded = None, {}, 0
    # Where nothing can be embedded, nothing can be asked.
    if len(questions) >= FEWEST_QUESTIONS and (embedder := embedder_for(index.profile)).has_model:
        gains = gains_of(index, questions, embedder, rest_and_hold)
        embedded = 2 * len(questions)
        evidence = _evidence(gains)
        languages = _by_language(questions, gains)
    VectorIndex.objects.filter(pk=index.pk).update(
        semantic_weight=evidence.weight if evidence else None,
        calibration={
            "analyzer_version": ANALYZER_VERSION,
            "documents": documents,
            "questions": len(questions),
            "embedded": embedded,
            **(asdict(evidence) if evidence else {}),
            "languages": {language: asdict(known) for language, known in languages.items()},
        },
        calibrated_at=Now(),
    )
    return evidence


def _evidence(gains: NDArray[np.float64]) -> Evidence:
    weight = choose_weight(gains)
    means = gains.mean(axis=0)
    return Evidence(
        questions=len(gains),
        semantic=round(float(means[-1]), 4),
        lexical=round(float(means[0]), 4),
        hybrid=round(float(means[tried(weight)]), 4),
        weight=weight,
    )


def _by_language(questions: Sequence[Question], gains: NDArray[np.float64]) -> dict[str, Evidence]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, question in enumerate(questions):
        rows[question.language].append(row)
    return {
        language: _evidence(gains[found])
        for language, found in sorted(rows.items())
        if language and len(found) >= FEWEST_QUESTIONS
    }
