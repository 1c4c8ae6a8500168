"""What meaning weighs beside words for one question: as somebody said, as was learned, or as is assumed."""

import logging
from dataclasses import dataclass
from enum import StrEnum

from collections_app.exceptions import VectorsiteError
from collections_app.fusion import SEMANTIC_WEIGHT, discounted
from collections_app.language import detect_language
from collections_app.models import VectorIndex
from collections_app.profiles import embedder_for

logger = logging.getLogger(__name__)


class Source(StrEnum):
    """Where a weight comes from."""

    # Somebody set it for the collection.
    OVERRIDE = "override"
    # It was learned from passages in the question's language, or, where they are too few, from all of them.
    CALIBRATED = "calibrated"
    # Nothing was learned yet.
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What meaning weighs, from 0 to 1, and where that comes from.

    `language` is the one from whose passages it was learned, "" for all of them; `readable` is the part of the question
    that the model has tokens for, beyond which it weighs nothing.
    """

    value: float
    source: Source
    language: str = ""
    readable: float = 1.0


def weight_for(index: VectorIndex, question: str) -> Weight:
    """Return the weight for a question to `index`, which comes with its collection and profile."""
    override = index.collection.semantic_weight
    if override is not None:
        return Weight(value=override, source=Source.OVERRIDE)
    source, language, weight = Source.DEFAULT, "", SEMANTIC_WEIGHT
    if index.semantic_weight is not None:
        source, language, weight = Source.CALIBRATED, *_learned(index, question)
    readable = _readable_share(index, question)
    # What a model has no tokens for it does not compare, whatever was learned of passages that it reads.
    most = discounted(max(weight, SEMANTIC_WEIGHT), readable)
    return Weight(value=min(weight, most), source=source, language=language, readable=readable)


def _learned(index: VectorIndex, question: str) -> tuple[str, float]:
    """Return what was learned from the passages in the question's language; else "" and what was learned from all."""
    language = detect_language(question)
    known = index.calibration.get("languages", {}).get(language)
    return (language, known["weight"]) if known else ("", index.semantic_weight or 0.0)


def _readable_share(index: VectorIndex, question: str) -> float:
    try:
        return embedder_for(index.profile).readable_share(question)
    except VectorsiteError as error:
        # The question has a vector, remembered from when the model could be used.
        logger.info("What %s reads of a question is not known: %s", index.profile, error)
        return 1.0
