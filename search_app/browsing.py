"""Without a question: the documents that a filter keeps, in the order of a field, a title or their age."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db.models import OuterRef, Q, QuerySet, Subquery

from collections_app.models import Chunk, ChunkState, Document, VectorIndex
from search_app.scope import Scope
from search_app.sorting import Sort, listed_ids


def documents_in(scopes: Sequence[Scope]) -> QuerySet[Document]:
    """Return all documents in any of the scopes."""
    if len(scopes) == 1:
        return scopes[0].documents()
    parts = [Q(pk__in=scope.documents().order_by().values("pk")) for scope in scopes]
    return Document.objects.filter(reduce(or_, parts, Q(pk__in=[])))


def list_passages(
    documents: QuerySet[Document], indexes: Sequence[VectorIndex], sort: Sort | None, *, start: int, end: int
) -> list[Chunk]:
    """Return the first passage of each document from rank `start` up to `end`, an empty one if it has none yet."""
    ids = listed_ids(sort, documents, start=start, end=end)
    live = Chunk.objects.filter(
        document=OuterRef("pk"), index__in=[index.pk for index in indexes], state=ChunkState.LIVE
    )
    first = Subquery(live.order_by("position").values("pk")[:1])
    listed = Document.objects.filter(pk__in=ids).annotate(first=first).select_related("collection")
    found = {document.pk: document for document in listed}
    firsts = [document.first for document in found.values() if document.first]
    chunks = {chunk.document_id: chunk for chunk in Chunk.objects.filter(pk__in=firsts)}
    passages = []
    for document in (found[pk] for pk in ids if pk in found):
        chunk = chunks.get(document.pk) or Chunk(revision=document.revision, start=0, end=0, text="")
        chunk.document = document
        passages.append(chunk)
    return passages
