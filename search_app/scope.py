"""What one request may find: permission and filter as SQL conditions, and how many documents they leave."""

from collections.abc import Collection as Sized
from dataclasses import dataclass, field

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    IndexEntry,
    MetadataField,
    User,
    VectorIndex,
)
from search_app import planner
from search_app.filter_sql import FilterSQL, Form
from search_app.filters import EVERYTHING, Expression
from search_app.planner import Counts, Kept


def readable_collections(user: User | AnonymousUser | None) -> QuerySet[Collection]:
    """Return the collections that `user` may search; None stands for who runs the site, and may search them all."""
    return Collection.objects.alive() if user is None else Collection.objects.readable_by(user)


@dataclass(frozen=True, slots=True)
class Scope:
    """The documents of an index that `user` may read and `filter` keeps."""

    index: VectorIndex
    user: User | AnonymousUser | None
    filter: Expression
    sql: FilterSQL = field(init=False)

    def __post_init__(self) -> None:
        declared = MetadataField.objects.filter(collection=self.index.collection_id, filterable=True).order_by()
        known = dict(declared.values_list("name", "pk")) if self.is_filtered else {}
        object.__setattr__(self, "sql", FilterSQL(known))

    @property
    def is_filtered(self) -> bool:
        return self.filter != EVERYTHING

    def is_readable(self) -> bool:
        """Return whether `user` may read the collection now."""
        return readable_collections(self.user).filter(pk=self.index.collection_id).exists()

    def documents(self) -> QuerySet[Document]:
        """Return all documents in scope."""
        documents = Document.objects.alive().filter(
            collection=self.index.collection_id, collection__in=readable_collections(self.user)
        )
        if self.is_filtered:
            documents = documents.filter(self.sql.condition(self.filter, document="pk", form=Form.SET))
        return documents

    def chunks(self, chunk_ids: Sized[int]) -> QuerySet[Chunk]:
        """Return those of the given chunks, in whatever state, whose documents are in scope as SQL has it now."""
        chunks = Chunk.objects.filter(
            pk__in=chunk_ids,
            index=self.index,
            document__deleted_at=None,
            document__collection__in=readable_collections(self.user),
        ).order_by()
        if self.is_filtered:
            chunks = chunks.filter(self.sql.condition(self.filter, document="document", form=Form.PROBE))
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
