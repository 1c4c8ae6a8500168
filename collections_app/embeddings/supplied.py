"""Vectors that came from outside with their texts, and, where one is named, the model that embeds everything else."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Self

from collections_app.embeddings.base import BatchLimits, Embedder, Vectors
from collections_app.embeddings.registry import load_embedder
from collections_app.exceptions import EmbedderMisconfigured, EmbeddingInputRefused, NoModelForQuestions

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Where no model says how much it reads.
_TOKENS = 8192


class SuppliedEmbedder(Embedder):
    """Stands for the model that supplied vectors were made by.

    Options: `model`, a name for it, which tells the vectors of one from those of another; `dimensions`; `questions`,
    the backend, model and options of an embedder of this site that gives the same vectors: it embeds questions, and
    passages that come without a vector. Without it there are no questions by meaning, and such passages are refused.
    """

    def __init__(
        self,
        *,
        model: str = "",
        dimensions: int = 0,
        questions: Mapping[str, Any] | None = None,
        sealed_api_key: str = "",
    ) -> None:
        if not model:
            raise EmbedderMisconfigured("Name the model that the supplied vectors were made by.")
        if dimensions < 1:
            raise EmbedderMisconfigured("The option `dimensions` must be the length of the supplied vectors.")
        self._dimensions = dimensions
        if questions and not questions.get("backend"):
            raise EmbedderMisconfigured("The option `questions` must name a backend, and may name a model and options.")
        self._questions, self._sealed_api_key = questions, sealed_api_key
        super().__init__(model=model, limits=BatchLimits(texts=256))

    @cached_property
    def _asked(self) -> Embedder | None:
        """The embedder for questions; loaded when it is used, since whoever loads this one holds the lock for it."""
        if not self._questions:
            return None
        options = dict(self._questions.get("options") or {})
        if self._sealed_api_key:
            options["sealed_api_key"] = self._sealed_api_key
        model = str(self._questions.get("model") or "")
        return load_embedder(str(self._questions["backend"]), model=model, options=options)

    @property
    def has_model(self) -> bool:
        return bool(self._questions)

    @property
    def takes_passages_as_given(self) -> bool:
        return True

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        return self._asked.max_tokens if self._asked else _TOKENS

    @property
    def tokenizer(self) -> "Tokenizer | None":
        return self._asked.tokenizer if self._asked else None

    def _identity(self) -> Mapping[str, Any]:
        asked = self._asked.fingerprint if self._asked else ""
        return {"kind": "supplied", "model": self.model, "questions": asked}

    def _embed(self, inputs: list[str]) -> NoReturn:
        raise NotImplementedError("A supplied vector is not made here, and all others by the embedder for questions.")

    @property
    def passage_capacity(self) -> int:
        return self._asked.passage_capacity if self._asked else super().passage_capacity

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._asked.count_tokens(texts) if self._asked else super().count_tokens(texts)

    def within(self, seconds: float) -> Self:
        other = copy.copy(self)
        other._asked = self._asked.within(seconds) if self._asked else None
        return other

    def close(self) -> None:
        if self._asked:
            self._asked.close()

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if self._asked is None:
            raise EmbeddingInputRefused(
                "No vector was supplied for this text as it is now (its title counts too), and no model of this site "
                "makes such vectors. Import it again with its vector, or rebuild the index with a model."
            )
        return self._fitting(self._asked.embed_passages(texts))

    def embed_query(self, text: str) -> Vectors:
        if self._asked is None:
            raise NoModelForQuestions(
                f"The vectors of {self.model} were supplied without a model for questions. Search by words, by more "
                "like this, or import them again with one."
            )
        return self._fitting(self._asked.embed_query(text))

    def _fitting(self, vectors: Vectors) -> Vectors:
        if vectors.shape[-1] != self._dimensions:
            raise EmbedderMisconfigured(
                f"The model for questions gives vectors of {vectors.shape[-1]} dimensions, and the supplied ones have "
                f"{self._dimensions}. Name the one that they were made by."
            )
        return vectors
