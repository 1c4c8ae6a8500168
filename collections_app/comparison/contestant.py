"""One profile in a comparison: its vectors, what it finds by them, and what that took."""

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from collections_app.accounting import Account
from collections_app.comparison.material import Material, Passages
from collections_app.embeddings import Embedder, takes_key
from collections_app.embeddings.base import Vectors
from collections_app.evaluation.nearest import NearestDocuments
from collections_app.exceptions import EmbeddingInputRefused, InvalidEvaluation
from collections_app.models import EmbeddingProfile, EmbeddingRole, Purpose
from collections_app.profiles import embedder_for
from collections_app.vectors import UNIT_TOLERANCE, embed_once


def require_usable(profile: EmbeddingProfile) -> Embedder:
    """Return the embedder of a profile; InvalidEvaluation if it is paused, ConfigurationError if it has changed."""
    if profile.paused_until:
        raise InvalidEvaluation(
            f"The profile {profile.name!r} is paused: {profile.pause_reason or 'no reason is known.'} Wait until it is "
            "used again, or resume it at its page in the admin."
        )
    return embedder_for(profile)


class Contestant:
    """Ranks the documents of `material` for each of its questions. Every vector is kept in SQL, and none made twice.

    `breathe` is called before each slice of embedding, and may raise to end the work.
    """

    def __init__(
        self, profile: EmbeddingProfile, material: Material, *, depth: int, breathe: Callable[[], None]
    ) -> None:
        self.profile = profile
        self.error = ""
        self.tokens = self.too_long = self.refused = 0
        self.embedded_texts = self.embedded_tokens = 0
        self.seconds = 0.0
        self.query_seconds: list[float] = []
        # Processor time, which what else runs on the machine hardly touches; a server is waited for.
        self._clock = time.process_time if self.is_in_this_process else time.perf_counter
        self._embedded_passages = self._timed_passages = 0
        self._timed_seconds = 0.0
        self._embedder = require_usable(profile)
        self._account = Account(profile, None, Purpose.UPKEEP)
        self._material = material
        self._breathe = breathe
        self._near = NearestDocuments(len(material.questions), depth)
        self._questions = np.empty((0, profile.dimensions), dtype=np.float32)
        self._own: dict[int, tuple[int, NDArray[np.float32]]] = {}

    # --- asked ----------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Embed the questions, and what is left of the passages that they were taken from."""
        questions = self._material.questions
        texts = [question.text for question in questions]
        self._questions = self._vectors(EmbeddingRole.QUERY, self._embed_queries, texts)
        taken = [
            (row, question.chunk_id, question.rest)
            for row, question in enumerate(questions)
            if question.chunk_id is not None
        ]
        rests = self._passage_vectors([rest for _row, _chunk_id, rest in taken])
        self._own = {chunk_id: (row, rest) for (row, chunk_id, _text), rest in zip(taken, rests, strict=True)}

    def meet(self, passages: Passages) -> None:
        """Compare every question with these passages."""
        inputs = list(passages.inputs)
        counts = np.array(self._embedder.count_tokens(inputs))
        self.tokens += int(counts.sum())
        self.too_long += int((counts > self._embedder.max_tokens).sum())
        vectors = self._passage_vectors(inputs)
        self.refused += int(np.isnan(vectors).any(axis=1).sum())
        scores = vectors @ self._questions.T
        for place in np.flatnonzero(np.isin(passages.ids, list(self._own))):
            row, rest = self._own[int(passages.ids[place])]
            scores[place, row] = rest @ self._questions[row]
        # What the model refused, or what is damaged in SQL, has no number and is not found.
        scores[~np.isfinite(scores)] = -np.inf
        self._near.add(scores, passages.document_ids)

    def ranked(self) -> list[list[int]]:
        """Return the documents found for each question, the best first."""
        return self._near.ranked()

    # --- how fast -------------------------------------------------------------------------------------------------

    @property
    def is_in_this_process(self) -> bool:
        """Whether a text can be embedded once more for the sake of its seconds alone, and costs nothing else."""
        return not takes_key(self.profile.backend)

    def warm_up(self) -> None:
        """Take the model into memory, and forget how long a question took until then."""
        first = self._material.questions[0].text
        with self._account.charged([first]):
            self._embedder.embed_query(first)
        self.query_seconds = []

    def time(self, passages: Sequence[str], questions: Sequence[str]) -> None:
        """Embed a few texts to measure how long it takes; their vectors are not kept."""
        started = self._clock()
        with self._account.charged(passages):
            self._embedder.embed_passages(list(passages))
        self._timed_seconds += self._clock() - started
        self._timed_passages += len(passages)
        with self._account.charged(questions):
            for question in questions:
                self._timed_query(question)

    @property
    def passages_per_second(self) -> float | None:
        """How many passages it embeds a second: of those that were timed, else of those that had to be embedded."""
        if self._timed_seconds:
            return self._timed_passages / self._timed_seconds
        return self._embedded_passages / self.seconds if self._embedded_passages else None

    @property
    def ms_per_query(self) -> float | None:
        """The median of the milliseconds that it took to embed one question."""
        return 1000 * statistics.median(self.query_seconds) if self.query_seconds else None

    # --- embedded -------------------------------------------------------------------------------------------------

    def _passage_vectors(self, texts: list[str]) -> NDArray[np.float32]:
        return self._vectors(EmbeddingRole.PASSAGE, self._embed_passages, texts)

    def _vectors(
        self, role: EmbeddingRole, embed: Callable[[list[str]], Vectors], texts: list[str]
    ) -> NDArray[np.float32]:
        """Return [n, d]; of what the model refuses, and of what is damaged in SQL, a row of NaN."""
        rows = np.full((len(texts), self.profile.dimensions), np.nan, dtype=np.float32)
        places = {text: place for place, text in enumerate(texts)}
        for text, vector in self._kept(role, embed, list(places)).items():
            if len(vector) == self.profile.dimensions and abs(float(np.linalg.norm(vector)) - 1) < UNIT_TOLERANCE:
                rows[places[text]] = vector
        same = [places[text] for text in texts]
        return rows[same]

    def _kept(
        self, role: EmbeddingRole, embed: Callable[[list[str]], Vectors], texts: list[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the vectors by text. What is refused is found by halving, and left out."""
        try:
            stored = embed_once(self._account, role, self._embedder, embed, texts, sign_of_life=self._breathe)
        except EmbeddingInputRefused:
            if len(texts) == 1:
                return {}
            half = len(texts) // 2
            return self._kept(role, embed, texts[:half]) | self._kept(role, embed, texts[half:])
        return {text: one.vector for text, one in stored.items()}

    def _embed_passages(self, texts: list[str]) -> Vectors:
        started = time.perf_counter()
        vectors = self._embedder.embed_passages(texts)
        self.seconds += time.perf_counter() - started
        self._embedded_passages += len(texts)
        self._count(texts)
        return vectors

    def _embed_queries(self, texts: list[str]) -> Vectors:
        vectors = np.stack([self._timed_query(text) for text in texts])
        self._count(texts)
        return vectors

    def _count(self, texts: list[str]) -> None:
        self.embedded_texts += len(texts)
        self.embedded_tokens += sum(self._embedder.count_tokens(texts))

    def _timed_query(self, text: str) -> Vectors:
        started = self._clock()
        vector = self._embedder.embed_query(text)
        self.query_seconds.append(self._clock() - started)
        return vector
