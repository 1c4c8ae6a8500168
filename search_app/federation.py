"""Several collections as one leg: each is searched by itself, then all that they found is put into one order."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from collections_app.fusion import Method, fuse_ranks, fuse_scores
from collections_app.models import Chunk, ChunkState, VectorIndex
from collections_app.vectors import as_vector, is_usable
from search_app.leg import Found, Leg, Measure
from search_app.ranking import Candidate, Ranking
from search_app.scales import Background, common_scale, rarest
from search_app.scope import Scope
from search_app.stopwatch import Stopwatch

# Passages of each index whose vectors say what a stranger's cosine is; remembered for so many indexes of a process.
SAMPLE = 256
_REMEMBERED = 16
_STRETCHES = 16


@dataclass(slots=True)
class Member:
    """One collection's leg, and the question's vector in its model, None where only its words are asked."""

    leg: Leg
    vector: NDArray[np.float32] | None
    passages: int = 0
    _found: Found | None = None

    @property
    def found(self) -> Found:
        """What `run` found."""
        if self._found is None:
            raise RuntimeError("A member is asked what it found before it was run.")
        return self._found

    def run(self, *, wanted: int) -> Ranking:
        self._found = self.leg.run(wanted=wanted)
        return self._found.ranking

    @property
    def index(self) -> VectorIndex:
        return self.leg.scope.index

    def ranking(self, measure: Measure) -> Ranking | None:
        """Return what its leg of this measure found, None if it has no such leg."""
        if self.found.legs:
            return self.found.legs.get(measure)
        return self.found.ranking if self.leg.measure is measure else None

    @property
    def weight(self) -> float:
        """What meaning counts for, from 0 to 1: all where it is asked alone, nothing where it is not asked."""
        return float(self.leg.measure is Measure.COSINE) if self.found.weight is None else self.found.weight


@dataclass(slots=True)
class Federation:
    """Fuses what its members found, all scores on one scale (`scales`); a member's own weight counts for its documents.

    After `run`, `backgrounds` are those of the models by primary key of their profiles, and `scale` is the common one.
    """

    members: Sequence[Member]
    method: Method
    watch: Stopwatch
    backgrounds: dict[int, Background] = field(default_factory=dict)
    scale: Background | None = None

    @property
    def measure(self) -> Measure:
        return Measure.FUSED if self.method is Method.SCORES else Measure.RANKS

    def scopes(self) -> list[Scope]:
        return [member.leg.scope for member in self.members]

    def run(self, *, wanted: int) -> Ranking:
        """Have each member find its `wanted` best documents, and return all of them in one order."""
        for member in self.members:
            member.run(wanted=wanted)
            live = Chunk.objects.filter(index=member.index, state=ChunkState.LIVE)
            with self.watch.step("merge"):
                member.passages = live.order_by().count()
        ranking = Ranking()
        with self.watch.step("merge"):
            self._measure_backgrounds()
            self.fuse(ranking)
        return ranking

    def replace(self, ranking: Ranking, document_ids: Sequence[int]) -> None:
        """Give documents whose best passage is gone the best one that they have now; without any, they are gone too."""
        for member in self.members:
            own = member.found.ranking.by_document()
            lost = [document for document in document_ids if document in own]
            if lost:
                member.leg.replace(member.found.ranking, lost)
        ranking.clear()
        self.fuse(ranking)

    def fuse(self, ranking: Ranking) -> None:
        """Offer every document of a member in its passage there, with its score among all."""
        similarities: dict[int, float] = {}
        words: dict[int, float] = {}
        weights: dict[int, float] = {}
        shown: dict[int, Candidate] = {}
        for member in self.members:
            own = member.found.ranking.by_document()
            similarities |= self._near(member)
            words |= self._named(member)
            shown |= own
            weights |= dict.fromkeys(own, member.weight)
        scores = self._scores(similarities, words, weights)
        for document, candidate in shown.items():
            ranking.offer(Candidate(document, candidate.chunk_id, scores.get(document, 0.0)))

    def _scores(
        self, similarities: dict[int, float], words: dict[int, float], weights: dict[int, float]
    ) -> dict[int, float]:
        if self.method is Method.RANKS:
            return fuse_ranks(similarities, words)
        by_weight = {weight: fuse_scores(similarities, words, weight=weight) for weight in set(weights.values())}
        return {document: by_weight[weight].get(document, 0.0) for document, weight in weights.items()}

    def _near(self, member: Member) -> dict[int, float]:
        background = self.backgrounds.get(member.index.profile_id)
        near = member.ranking(Measure.COSINE)
        if near is None:
            return {}
        cosines = {document: candidate.score for document, candidate in near.by_document().items()}
        if background is None or self.scale is None:
            return cosines
        return {document: background.rescaled(cosine, self.scale) for document, cosine in cosines.items()}

    def _named(self, member: Member) -> dict[int, float]:
        named = member.ranking(Measure.BM25)
        if named is None:
            return {}
        largest = rarest(member.passages)
        return {document: candidate.score / largest for document, candidate in named.by_document().items()}

    def _measure_backgrounds(self) -> None:
        """Sample each model's passages in the collections asked; a single model needs no other scale."""
        vectors = {member.index.profile_id: member.vector for member in self.members if member.vector is not None}
        if len(vectors) < 2:
            return
        for profile, vector in vectors.items():
            members = [member for member in self.members if member.index.profile_id == profile]
            samples = [_sample(member.index.pk, member.passages.bit_length()) for member in members]
            usable = [sample for sample in samples if sample.shape[1:] == vector.shape]
            self.backgrounds[profile] = Background.of(usable, vector)
        self.scale = common_scale(self.backgrounds)


@lru_cache(maxsize=_REMEMBERED)
def _sample(index_id: int, _magnitude: int) -> NDArray[np.float32]:
    """Return vectors of about SAMPLE live passages from all over an index, float32 [n, d].

    They only say how near strangers are, so it does no harm that some are no longer live when they are used. They are
    read anew when the index has twice as many passages.
    """
    index = VectorIndex.objects.select_related("profile").get(pk=index_id)
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE, embedding__isnull=False).order_by("pk")
    first, last = live.values_list("pk", flat=True).first(), live.values_list("pk", flat=True).last()
    dimensions = index.profile.dimensions
    if first is None or last is None:
        return np.zeros((0, dimensions), np.float32)
    chance = random.Random(index_id)  # noqa: S311 - no secret
    found: dict[int, bytes | memoryview] = {}
    for _stretch in range(_STRETCHES):
        begin = chance.randint(first, last)
        rows = live.filter(pk__gte=begin).values_list("pk", "embedding__vector")
        found.update(rows[: SAMPLE // _STRETCHES])
    usable = [as_vector(raw) for _pk, raw in sorted(found.items()) if is_usable(raw, dimensions=dimensions)]
    return np.stack(usable) if usable else np.zeros((0, dimensions), np.float32)
