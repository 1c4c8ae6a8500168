"""What one request may find: permission and filter as SQL conditions, and how many documents they leave."""

from collections.abc import Callable
from collections.abc import Collection as Sized
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, QuerySet

from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    IndexEntry,
    Permission,
    User,
    VectorIndex,
)
from collections_app.prepared import Many, prepared
from search_app import planner
from search_app.filter_fields import of_collection
from search_app.filter_shape import Shape, shape_of
from search_app.filter_sql import Form, condition_of
from search_app.filters import EVERYTHING, Expression
from search_app.planner import Counts, Kept


def readable_collections(user: User | AnonymousUser | None) -> QuerySet[Collection]:
    """Return the collections that `user` may search; None stands for who runs the site, and may search them all."""
    return Collection.objects.alive() if user is None else Collection.objects.readable_by(user)


def permission_of(user: User | AnonymousUser | None) -> Permission | None:
    """Return all of `user` that `readable_collections` looks at, to tell prepared statements apart by."""
    return None if user is None else Permission.of(user)


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Scope:
    """The documents of an index that `user` may read and `filter` keeps."""

    index: VectorIndex
    user: User | AnonymousUser | None
    filter: Expression
    # What tells the statements of filters apart: they are put together once for all values.
    shape: Shape = field(init=False)

    def __post_init__(self) -> None:
        # So that what is remembered of a filter serves whoever searches the collection, with others or alone.
        object.__setattr__(self, "filter", of_collection(self.filter, self.index.collection_id))
        object.__setattr__(self, "shape", shape_of(self.filter))

    @property
    def is_filtered(self) -> bool:
        return self.filter != EVERYTHING

    def is_readable(self) -> bool:
        """Return whether `user` may read the collection now."""
        return self._readable().exists()

    def _readable(self) -> QuerySet[Collection]:
        """Return the collection, or none. SQL asks for it once, as it is the same for all documents in scope."""
        return readable_collections(self.user).filter(pk=self.index.collection_id)

    def documents(self) -> QuerySet[Document]:
        """Return all documents in scope."""
        documents = Document.objects.alive().filter(Exists(self._readable()), collection=self.index.collection_id)
        if self.is_filtered:
            documents = documents.filter(condition_of(self.filter, document="pk", form=Form.SET))
        return documents

    def read(
        self, chunk_ids: Sized[int], wanted: Callable[[QuerySet[Chunk]], QuerySet[Any, Row]], **values: Sized[int]
    ) -> list[Row]:
        """Return what `wanted` makes of those of the given chunks whose documents are in scope as SQL has it now.

        They are in whatever state and in any order. `wanted` is a function of its argument alone; `values` are those of
        its Parameters.
        """
        return prepared(
            lambda: wanted(self._chunks(Many("chunks"))),
            *(wanted.__code__, permission_of(self.user), self.index.pk, self.index.collection_id),
            self.shape.expression,
        ).rows(chunks=chunk_ids, **self.shape.values, **values)

    def _chunks(self, chunk_ids: Many) -> QuerySet[Chunk]:
        chunks = Chunk.objects.filter(
            Exists(self._readable()),
            pk__in=chunk_ids,
            index=self.index,
            document__deleted_at=None,
            document__collection=self.index.collection_id,
        ).order_by()
        if self.is_filtered:
            chunks = chunks.filter(condition_of(self.shape.expression, document="document", form=Form.PROBE))
        return chunks

    def count(self, *, wanted: int) -> Counts:
        """Count what the index has, and no further than the planner needs to know it."""
        # Without order: sorting first would read everything, and only so many rows are asked for.
        entries = IndexEntry.objects.filter(index=self.index).order_by()[:wanted]
        return Counts(chunks=self._live()[: planner.EXACT_CHUNKS + 1].count(), documents=entries.count())

    def keep(self) -> "KeptDocuments":
        """Count what the filter keeps, and name it if it is little."""
        limit = planner.EXACT_CHUNKS + 1
        ids = list(self.documents().order_by().values_list("pk", flat=True)[:limit])
        total = IndexEntry.objects.filter(index=self.index).count()
        if len(ids) == limit:
            return KeptDocuments(Kept(documents=self.documents().count(), of_documents=total, chunks=limit))
        chunks = self._live().filter(document__in=ids)[:limit].count()
        return KeptDocuments(Kept(documents=len(ids), of_documents=total, chunks=chunks), ids)

    def _live(self) -> QuerySet[Chunk]:
        return Chunk.objects.filter(index=self.index, state=ChunkState.LIVE).order_by()


@dataclass(frozen=True, slots=True)
class KeptDocuments:
    """The counts, and the documents' primary keys where there are few of them."""

    counts: Kept
    ids: list[int] | None = None
