"""What profiles are compared by: the same passages and the same questions for all of them."""

import hashlib
from collections.abc import Collection as Sized
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collections_app.calibration import questions_of
from collections_app.chunking import embedding_input
from collections_app.evaluation.judged import JudgedQuestion
from collections_app.exceptions import InvalidEvaluation
from collections_app.models import Chunk, ChunkState, Collection, Document, VectorIndex

# Keys of documents that are named in an error or a warning.
_NAMED = 5
_LOOKUP = 5000
# Passages at once, and scores of passages times questions.
SLAB, _MOST_SCORES = 2000, 4_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the documents that answer it with their grades.

    One that is a passage's own sentence comes with that passage's chunk and what is left of it, which then is compared
    in its place.
    """

    text: str
    relevant: Mapping[int, float]
    chunk_id: int | None = None
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages that are live at this moment: chunk and document ids int64 [n], and what is embedded of each."""

    ids: NDArray[np.int64]
    document_ids: NDArray[np.int64]
    inputs: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Questions, and the ids of the chunks among which they are asked; of which `documents` documents.

    `unknown` are the judged keys that the collection does not have, and `left_out` how many questions went with them.
    """

    index: VectorIndex
    questions: Sequence[Asked]
    chunk_ids: NDArray[np.int64]
    documents: int
    is_judged: bool
    unknown: Sequence[str] = field(default_factory=list)
    left_out: int = 0

    def slabs(self, size: int) -> Iterator[Passages]:
        """Read the passages in slabs. What was retired meanwhile is left out, for all profiles alike."""
        for start in range(0, len(self.chunk_ids), size):
            yield _read(self.index, self.chunk_ids[start : start + size])

    @property
    def slab(self) -> int:
        """How many passages are compared at once."""
        return max(1, min(SLAB, _MOST_SCORES // max(1, len(self.questions))))

    def drawn(self, count: int) -> Passages:
        """Read passages at even distances, at most `count`."""
        last = len(self.chunk_ids) - 1
        return _read(self.index, self.chunk_ids[np.linspace(0, last, min(last + 1, count)).astype(np.int64)])


def gather(collection: Collection, judged: Sequence[JudgedQuestion], *, sample: int | None) -> Material:
    """Return what to compare by: judged questions, or where there are none, sentences taken out of passages.

    A `sample` is of so many documents with all their passages, always the same ones, and has all that answer a
    question. Raises InvalidEvaluation where there is nothing to compare by.
    """
    index = VectorIndex.objects.select_related("profile").filter(pk=collection.serving_index_id or 0).first()
    chunks, documents = _live(index)
    if index is None or not len(chunks):
        raise InvalidEvaluation(
            f"The collection {collection.name!r} has no passages yet. Add documents, and wait until they are indexed."
        )
    questions, unknown = _judged(collection, judged) if judged else (_made_of(index), [])
    if not questions:
        raise InvalidEvaluation(
            f"No question can be made from the passages of {collection.name!r}: none has two sentences that say "
            "something. Give questions with the documents that answer them (--queries)."
        )
    if sample is not None:
        chosen = _sampled(collection, documents, sample, {key for question in questions for key in question.relevant})
        kept = np.isin(documents, chosen)
        chunks, documents = chunks[kept], documents[kept]
    return Material(
        index=index,
        questions=questions,
        chunk_ids=chunks,
        documents=len(np.unique(documents)),
        is_judged=bool(judged),
        unknown=unknown,
        left_out=len(judged) - len(questions) if judged else 0,
    )


def _live(index: VectorIndex | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = Chunk.objects.filter(index=index, state=ChunkState.LIVE).order_by("pk").values_list("pk", "document")
    pairs = np.fromiter((number for row in rows.iterator(_LOOKUP) for number in row), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _made_of(index: VectorIndex) -> list[Asked]:
    return [
        Asked(question.text, {question.document_id: 1.0}, chunk_id=question.chunk_id, rest=question.rest)
        for question in questions_of(index)
    ]


def _judged(collection: Collection, judged: Sequence[JudgedQuestion]) -> tuple[list[Asked], list[str]]:
    """Return the questions with the documents that there are, and the keys that the collection does not have."""
    keys = list(dict.fromkeys(key for question in judged for key in question.relevant))
    known: dict[str, int] = {}
    for start in range(0, len(keys), _LOOKUP):
        found = Document.objects.alive().filter(collection=collection, key__in=keys[start : start + _LOOKUP])
        known |= dict(found.values_list("key", "pk"))
    unknown = [key for key in keys if key not in known]
    if not known:
        named = ", ".join(repr(key) for key in unknown[:_NAMED])
        raise InvalidEvaluation(
            f"The collection {collection.name!r} has none of the {len(unknown):,} documents that are judged: {named}, "
            "… Questions name documents by the keys that they have in the collection."
        )
    questions = [
        Asked(question.text, {known[key]: grade for key, grade in question.relevant.items() if key in known})
        for question in judged
    ]
    return [question for question in questions if question.relevant], unknown


def _sampled(collection: Collection, documents: NDArray[np.int64], size: int, needed: Sized[int]) -> list[int]:
    """Return documents chosen by a hash of their public ids, so that a sample stays as the collection grows."""
    present = set(documents.tolist())
    chosen = set(needed) & present
    rows = Document.objects.filter(collection=collection).order_by().values_list("pk", "public_id").iterator(_LOOKUP)
    hashed = sorted((hashlib.sha256(public_id.bytes).digest(), pk) for pk, public_id in rows if pk in present)
    for _digest, pk in hashed:
        if len(chosen) >= size:
            break
        chosen.add(pk)
    return sorted(chosen)


def _read(index: VectorIndex, chunk_ids: NDArray[np.int64]) -> Passages:
    rows = list(
        Chunk.objects.filter(pk__in=chunk_ids.tolist(), index=index, state=ChunkState.LIVE)
        .order_by("pk")
        .values_list("pk", "document", "document__title", "locator", "text")
    )
    return Passages(
        ids=np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)),
        document_ids=np.fromiter((row[1] for row in rows), dtype=np.int64, count=len(rows)),
        inputs=[embedding_input(title, locator, text) for _pk, _document, title, locator, text in rows],
    )
