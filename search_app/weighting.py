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
    that the model has tokens for, by which the weight is discounted where none was learned for its language.
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
    language = detect_language(question) if index.semantic_weight is not None else ""
    if known := index.calibration.get("languages", {}).get(language):
        return Weight(value=known["weight"], source=Source.CALIBRATED, language=language)
    readable = _readable_share(index, question)
    source, whole = Source.DEFAULT, SEMANTIC_WEIGHT
    if index.semantic_weight is not None:
        source, whole = Source.CALIBRATED, index.semantic_weight
    return Weight(value=discounted(whole, readable), source=source, readable=readable)


def _readable_share(index: VectorIndex, question: str) -> float:
    try:
        return embedder_for(index.profile).readable_share(question)
    except VectorsiteError as error:
        # The question has a vector, remembered from when the model could be used.
        logger.info("What %s reads of a question is not known: %s", index.profile, error)
        return 1.0
