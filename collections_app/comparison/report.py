"""What a comparison found, as it is kept and shown."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from collections_app.comparison.contestant import Contestant
from collections_app.comparison.cost import cost_of
from collections_app.comparison.material import Material
from collections_app.evaluation import measures

# Unknown keys that are named.
_NAMED = 5
_VECTOR_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFigures:
    """How one profile did. Means over the questions; None where nothing was measured or known.

    `difference` is the mean of its nDCG@10 less that of the best profile, question by question, and `interval` half
    the width of its 95 % interval. `tokens` are those of all passages, as this model counts them; `cost` is what they
    cost, and `embedded_cost` what the `embedded_tokens` of this run did. `too_long` passages have more tokens than the
    model reads, `refused` ones it did not take. `seconds` were spent embedding in this run. The two speeds are by
    processor time for a model in this process, by the clock for a server.
    """

    profile: str
    error: str = ""
    ndcg: float | None = None
    mrr: float | None = None
    hit_rate: float | None = None
    recall: float | None = None
    difference: float | None = None
    interval: float | None = None
    tokens: int = 0
    too_long: int = 0
    refused: int = 0
    embedded_texts: int = 0
    embedded_tokens: int = 0
    seconds: float = 0.0
    passages_per_second: float | None = None
    ms_per_query: float | None = None
    cost: float | None = None
    embedded_cost: float | None = None
    currency: str = ""
    bytes_per_passage: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How much what two profiles find agrees: means over the questions of overlap@k and rank-biased overlap."""

    one: str
    other: str
    overlap: float
    rank_biased_overlap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One comparison. `depth` is the k of hit rate, recall and overlap; nDCG and MRR look at ten."""

    documents: int
    passages: int
    questions: int
    is_judged: bool
    depth: int
    profiles: Sequence[ProfileFigures]
    agreements: Sequence[Agreement] = field(default_factory=list)
    unknown_keys: int = 0
    unknown: Sequence[str] = field(default_factory=list)
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Report":
        profiles = [ProfileFigures(**figures) for figures in stored["profiles"]]
        agreements = [Agreement(**agreement) for agreement in stored["agreements"]]
        return cls(**{**stored, "profiles": profiles, "agreements": agreements})


def report_of(material: Material, contestants: Sequence[Contestant], *, depth: int) -> Report:
    """Measure what the contestants found. Those that ended with an error have that and nothing else."""
    finished = [contestant for contestant in contestants if not contestant.error]
    rankings = {contestant.profile.pk: contestant.ranked() for contestant in finished}
    gains = {
        contestant.profile.pk: [
            measures.ndcg(ranked, question.relevant)
            for ranked, question in zip(rankings[contestant.profile.pk], material.questions, strict=True)
        ]
        for contestant in finished
    }
    best = max(gains.values(), key=statistics.fmean, default=[])
    return Report(
        documents=material.documents,
        passages=len(material.chunk_ids),
        questions=len(material.questions),
        is_judged=material.is_judged,
        depth=depth,
        unknown_keys=len(material.unknown),
        unknown=list(material.unknown[:_NAMED]),
        left_out=material.left_out,
        profiles=[
            ProfileFigures(profile=contestant.profile.name, error=contestant.error)
            if contestant.error
            else _figures(
                contestant, material, rankings[contestant.profile.pk], gains[contestant.profile.pk], best, depth=depth
            )
            for contestant in contestants
        ],
        agreements=[
            _agreement(one, other, rankings[one.profile.pk], rankings[other.profile.pk], depth=depth)
            for one, other in combinations(finished, 2)
        ],
    )


def _figures(
    contestant: Contestant,
    material: Material,
    rankings: Sequence[Sequence[int]],
    gains: Sequence[float],
    best: Sequence[float],
    *,
    depth: int,
) -> ProfileFigures:
    relevant = [question.relevant for question in material.questions]
    judged = list(zip(rankings, relevant, strict=True))
    difference, interval = measures.mean_difference(gains, best)
    profile = contestant.profile
    per_passage = _VECTOR_BYTES * profile.dimensions
    return ProfileFigures(
        profile=profile.name,
        ndcg=rounded(statistics.fmean(gains)),
        mrr=rounded(statistics.fmean(measures.reciprocal_rank(found, keys) for found, keys in judged)),
        hit_rate=rounded(statistics.fmean(measures.hit(found, keys, depth=depth) for found, keys in judged)),
        recall=rounded(statistics.fmean(measures.recall(found, keys, depth=depth) for found, keys in judged)),
        difference=rounded(difference),
        interval=rounded(interval),
        tokens=contestant.tokens,
        too_long=contestant.too_long,
        refused=contestant.refused,
        embedded_texts=contestant.embedded_texts,
        embedded_tokens=contestant.embedded_tokens,
        seconds=round(contestant.seconds, 2),
        passages_per_second=rounded(contestant.passages_per_second, 1),
        ms_per_query=rounded(contestant.ms_per_query, 2),
        cost=cost_of(profile, contestant.tokens),
        embedded_cost=cost_of(profile, contestant.embedded_tokens),
        currency=profile.currency,
        bytes_per_passage=per_passage,
        bytes=per_passage * len(material.chunk_ids),
    )


def _agreement(
    one: Contestant,
    other: Contestant,
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]],
    *,
    depth: int,
) -> Agreement:
    pairs = list(zip(first, second, strict=True))
    biased = [measures.rank_biased_overlap(ours, theirs, depth=depth) for ours, theirs in pairs]
    return Agreement(
        one=one.profile.name,
        other=other.profile.name,
        overlap=round(statistics.fmean(measures.overlap(ours, theirs, depth=depth) for ours, theirs in pairs), 4),
        rank_biased_overlap=round(statistics.fmean(biased), 4),
    )


def rounded(number: float | None, digits: int = 4) -> float | None:
    """Return a number as JSON takes it: what is infinite or no number is None."""
    return None if number is None or not math.isfinite(number) else round(number, digits)
