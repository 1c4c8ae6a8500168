"""Scores of several collections on one scale. Pure.

Cosines of different models do not compare: one model's strangers are nearer than another one's neighbours. What a
cosine is worth follows from how far it stands above those of passages that nobody chose: (cosine - mean) / deviation of
a sample, the z-scores of Montague and Aslam, "Relevance score normalization for metasearch", CIKM 2001. They are put on
the scale that the models have on average, so that they are cosines again, and fused as those of one collection are.
Collections of one model share its sample: their cosines do compare.

BM25 grows with how rare a word can be in a collection, ln(passages + 1) at most, and is divided by that, as the belief
of INQUERY is: Callan, Lu and Croft, "Searching distributed collections with inference networks", SIGIR 1995.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_LEAST_DEVIATION = 1e-3
Model = TypeVar("Model", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a question's cosines with passages that were not chosen for it."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, samples: Sequence[NDArray[np.float32]], question: NDArray[np.float32]) -> "Background":
        """Return the background of `question`, float32 [d], in samples of unit vectors, each float32 [n, d]."""
        cosines = np.concatenate([np.zeros(0, np.float32), *(sample @ question for sample in samples)])
        cosines = cosines[np.isfinite(cosines)]
        if not len(cosines):
            return cls(0.0, _LEAST_DEVIATION)
        return cls(float(cosines.mean()), max(float(cosines.std()), _LEAST_DEVIATION))

    def rescaled(self, cosine: float, onto: "Background") -> float:
        """Return the cosine that stands as far above `onto` as this one above its own background."""
        return onto.mean + onto.deviation * (cosine - self.mean) / self.deviation


def common_scale(backgrounds: Mapping[Model, Background]) -> Background:
    """Return the average scale; of a single one, itself, so that nothing changes."""
    count = max(1, len(backgrounds))
    return Background(
        sum(background.mean for background in backgrounds.values()) / count,
        sum(background.deviation for background in backgrounds.values()) / count or _LEAST_DEVIATION,
    )


def rarest(passages: int) -> float:
    """Return what BM25 scores are divided by in a collection of so many passages."""
    return math.log(passages + 1) or 1.0
