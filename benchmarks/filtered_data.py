"""A data set in which a filter may have to do with the question or not: vectors in clusters, documents of one passage.

All questions come from one region. A document's `rank` is its place in the order of likeness to that region, so a
filter of low ranks keeps what is near to every question, and one of high ranks what is far. `kind`, `x` and `y` have
nothing to do with anything.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections_app.models import VectorIndex

DIMENSIONS = 384
SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
RELATIONS = ("random", "correlated", "anti-correlated")
K = 10
_CLUSTERS, _SPREAD = 400, 0.9
_BATCH = 4000
# No rank is so high.
_BEYOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Test:
    """One field compared with a value: `operator` is eq, in, lt, gte or between, as in our filters."""

    field: str
    operator: str
    value: Any

    def never_asked(self, number: int) -> "Test":
        """Return a test that keeps the same of a data set, and has other values than all of other numbers."""
        match self.operator:
            case "eq":
                return Test(self.field, "in", (self.value, f"never {number}"))
            case "in":
                return Test(self.field, "in", (*self.value, f"never {number}"))
            case "lt":
                return Test(self.field, "between", (-number, self.value - 1))
            case "gte":
                return Test(self.field, "between", (self.value, _BEYOND + number))
            case operator:
                raise ValueError(f"Nothing is known that keeps the same as {operator}.")


@dataclass(frozen=True, slots=True)
class Filter:
    """Tests that all hold; they keep about `share` of the documents."""

    relation: str
    share: float
    tests: tuple[Test, ...]

    def never_asked(self, number: int) -> "Filter":
        """Return a filter that keeps the same, and is another one for each number."""
        return replace(self, tests=tuple(test.never_asked(number) for test in self.tests))

    @property
    def name(self) -> str:
        filters = {0: "no filter", 1: "one filter"}.get(len(self.tests), f"{len(self.tests)} filters")
        return f"{self.share:g} {self.relation}, {filters}"


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """`vectors` [n, d] and `questions` [q, d], float32 of unit length, and the columns by which rows are filtered."""

    vectors: NDArray[np.float32]
    questions: NDArray[np.float32]
    columns: dict[str, NDArray[Any]]

    @property
    def size(self) -> int:
        return len(self.vectors)

    def mask(self, filter_: Filter) -> NDArray[np.bool_]:
        """Return which documents a filter keeps."""
        kept = np.ones(self.size, dtype=np.bool_)
        for test in filter_.tests:
            column = self.columns[test.field]
            match test.operator:
                case "eq":
                    kept &= column == test.value
                case "in":
                    kept &= np.isin(column, test.value)
                case "lt":
                    kept &= column < test.value
                case "gte":
                    kept &= column >= test.value
                case "between":
                    kept &= (column >= test.value[0]) & (column <= test.value[1])
        return kept

    def filters(self) -> Iterator[Filter]:
        """Return none, every kind of filter at every share, and one that keeps nothing."""
        yield Filter("random", 1.0, ())
        yield Filter("random", 0.0, (Test("kind", "eq", "nothing"),))
        for share in SHARES:
            each = math.ceil(self.size * math.sqrt(share))
            yield Filter("random", share, (Test("kind", "eq", f"{share:g}"),))
            yield Filter("random", share, (Test("x", "lt", each), Test("y", "lt", each)))
            near = tuple(f"near {known:g}" for known in SHARES if known <= share)
            yield Filter("correlated", share, (Test("region", "in", near),))
            yield Filter("correlated", share, (Test("rank", "lt", each), Test("x", "lt", each)))
            far = tuple(f"far {known:g}" for known in SHARES if known <= share)
            yield Filter("anti-correlated", share, (Test("region", "in", far),))
            yield Filter("anti-correlated", share, (Test("rank", "gte", self.size - each), Test("x", "lt", each)))


def make(size: int, questions: int) -> DataSet:
    choose = np.random.default_rng(7)
    centres = _unit(choose.standard_normal((_CLUSTERS, DIMENSIONS), dtype=np.float32))
    region = centres[0]
    # The topics that questions are about: the region's own cluster and what is pulled towards it.
    centres[:20] = _unit(centres[:20] + 1.2 * region)
    vectors = np.empty((size, DIMENSIONS), dtype=np.float32)
    for start in range(0, size, 50_000):
        count = min(50_000, size - start)
        vectors[start : start + count] = _around(centres[choose.integers(0, _CLUSTERS, count)], choose)
    order = np.argsort(-(vectors @ region), kind="stable")
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(size)
    kind, band = np.full(size, "rest", dtype="<U8"), np.full(size, "between", dtype="<U12")
    shuffled, start = choose.permutation(size), 0
    for share in SHARES:
        count = math.ceil(size * share)
        kind[shuffled[start : start + count]] = f"{share:g}"
        start += count
        band[(rank < count)] = f"near {share:g}"
        band[(rank >= size - count)] = f"far {share:g}"
    columns = {"kind": kind, "region": band, "rank": rank, "x": choose.permutation(size), "y": choose.permutation(size)}
    return DataSet(vectors, _around(centres[choose.integers(0, 20, questions)], choose), columns)


def _around(centres: NDArray[np.float32], choose: np.random.Generator) -> NDArray[np.float32]:
    noise = choose.standard_normal(centres.shape, dtype=np.float32) * np.float32(_SPREAD / math.sqrt(DIMENSIONS))
    return _unit(centres + noise)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def save(data: DataSet, texts: Sequence[str] | None = None) -> "VectorIndex":
    """Put the data set into the site's own tables, as if it had been indexed.

    With `texts`, one for each vector, documents have these and can be found by their words; else they have their
    titles as text, and nothing is found by words.
    """
    from collections_app import changes, lexical_segments, services
    from collections_app.models import Chunk, Collection, MetadataField

    collection = services.create_collection("Filtered search")
    fields = {
        name: MetadataField.objects.create(
            collection=collection, name=name, source_name=name, type="text" if column.dtype.kind == "U" else "integer"
        )
        for name, column in data.columns.items()
    }
    index = Collection.objects.get(pk=collection.pk).serving_index
    assert index is not None
    for start in range(0, data.size, _BATCH):
        rows = range(start, min(start + _BATCH, data.size))
        _save_batch(data, rows, texts[rows.start : rows.stop] if texts else None, index, fields)
        lexical_segments.keep_up(index.pk)
    changes.note(index.pk, live=[Chunk.objects.filter(index=index).latest("pk").pk])
    return index


def fill_store(index: "VectorIndex") -> None:
    """Copy what is in SQL into the vector store; goes on where it was interrupted."""
    from collections_app import projection

    projection.writable_collection(index)
    while projection.readable_collection(index) is None:
        projection.fill(index)


def _save_batch(
    data: DataSet, rows: range, texts: Sequence[str] | None, index: "VectorIndex", fields: dict[str, Any]
) -> None:
    from django.db import transaction
    from django.utils import timezone

    from collections_app.lexical_rows import row_of, write_rows
    from collections_app.models import (
        Chunk,
        ChunkState,
        Document,
        DocumentText,
        Embedding,
        EmbeddingRole,
        EntryState,
        IndexEntry,
        MetadataValue,
    )

    columns = {name: column[rows.start : rows.stop].tolist() for name, column in data.columns.items()}
    now = timezone.now()
    with transaction.atomic():
        documents = Document.objects.bulk_create(
            Document(
                collection_id=index.collection_id,
                key=str(row),
                title=f"Document {row}",
                metadata={name: values[offset] for name, values in columns.items()},
            )
            for offset, row in enumerate(rows)
        )
        sources = DocumentText.objects.bulk_create(
            DocumentText(document=document, revision=1, text=text, digest="")
            for document, text in zip(documents, texts or [document.title for document in documents], strict=True)
        )
        embeddings = Embedding.objects.bulk_create(
            Embedding(
                profile_id=index.profile_id,
                role=EmbeddingRole.PASSAGE,
                digest=row.to_bytes(32, "big"),
                vector=data.vectors[row].astype("<f4").tobytes(),
                last_used_at=now,
            )
            for row in rows
        )
        chunks = Chunk.objects.bulk_create(
            Chunk(
                index=index, document=document, source_text=source, embedding=embedding, state=ChunkState.LIVE,
                revision=1, position=0, start=0, end=len(source.text), text=source.text,
            )
            for document, source, embedding in zip(documents, sources, embeddings, strict=True)
        )  # fmt: skip
        if texts:
            write_rows(row_of(chunk, chunk.text) for chunk in chunks)
        IndexEntry.objects.bulk_create(
            IndexEntry(
                index=index, document=document, state=EntryState.INDEXED, wanted_revision=1, indexed_revision=1,
                next_attempt_at=now, wanted_at=now, indexed_at=now, chunk_count=1,
            )
            for document in documents
        )  # fmt: skip
        MetadataValue.objects.bulk_create(
            MetadataValue(document=document, field=field, **{field.type: columns[name][offset]})
            for name, field in fields.items()
            for offset, document in enumerate(documents)
        )
