"""The numbers of collections and indexes, as subqueries that a database computes for the rows of one page only."""

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from collections_app.admin.cells import DANGER, INFO, SUCCESS, WARNING, count, tag
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    EntryState,
    IndexAudit,
    IndexEntry,
    PhysicalCollection,
    PhysicalState,
    VectorIndex,
)


def number_of(rows: QuerySet[Any], **match: str) -> Coalesce:
    """Return a subquery that counts those of `rows` whose columns equal columns of the outer row."""
    matching = rows.filter(**{column: OuterRef(outer) for column, outer in match.items()}).order_by()
    grouped = matching.values(*match).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)


def entries_by_state(index_column: str) -> dict[str, Coalesce]:
    """Return annotations `indexed`, `pending` and `failed`: an index's entries by state."""
    return {
        state.value: number_of(IndexEntry.objects.filter(state=state), index=index_column)
        for state in (EntryState.INDEXED, EntryState.PENDING, EntryState.FAILED)
    }


def last_audit(index_column: str) -> dict[str, Subquery]:
    finished = IndexAudit.objects.filter(index=OuterRef(index_column), finished_at__isnull=False, error="")
    audits = finished.order_by("-id")
    return {
        "audited_at": Subquery(audits.values("finished_at")[:1]),
        "audit_in_step": Subquery(audits.values("in_step")[:1]),
    }


def live_chunks(index_column: str) -> Coalesce:
    return number_of(Chunk.objects.filter(state=ChunkState.LIVE), index=index_column)


def with_numbers(collections: QuerySet[Collection]) -> QuerySet[Collection]:
    """Annotate collections with what their documents, serving index and last audit amount to."""
    physical = PhysicalCollection.objects.filter(
        index=OuterRef("serving_index"), generation=OuterRef("serving_index__generation")
    )
    return collections.annotate(
        documents_total=number_of(Document.objects.alive(), collection="pk"),
        chunks_total=live_chunks("serving_index"),
        store_state=Subquery(physical.values("state")[:1]),
        **entries_by_state("serving_index"),
        **last_audit("serving_index"),
    )


def index_with_numbers(indexes: QuerySet[VectorIndex]) -> QuerySet[VectorIndex]:
    """Annotate indexes with their entries by state, their live chunks and their last audit."""
    return indexes.annotate(chunks_total=live_chunks("pk"), **entries_by_state("pk"), **last_audit("pk"))


def state_tag(row: Any) -> str:
    """Return in a word whether what was annotated by the functions above is in step."""
    if row.failed:
        return tag(_("%(count)s failed") % {"count": count(row.failed)}, DANGER)
    if row.pending:
        return tag(_("%(count)s pending") % {"count": count(row.pending)}, WARNING)
    if getattr(row, "store_state", None) == PhysicalState.FILLING:
        return tag(_("store is being filled"), WARNING)
    if row.audit_in_step is False:
        return tag(_("out of step"), DANGER)
    if not row.indexed:
        return tag(_("empty"), INFO)
    return tag(_("in step"), SUCCESS)
