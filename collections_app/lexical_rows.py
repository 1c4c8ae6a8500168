"""Lexical rows: the terms of every live chunk and of no other, in SQL.

They are written in the transaction that makes chunks live, and removed in the one that retires them. Segments (see
`lexical_segments`) are made of them later; a row that a segment holds leaves a tombstone behind.
"""

from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, QuerySet

from collections_app.lexical import ANALYZER_VERSION, bag_of
from collections_app.models import Chunk, ChunkState, LexicalRow, LexicalTombstone, VectorIndex

_BATCH = 1000


def row_of(chunk: Chunk, text: str) -> LexicalRow:
    """Return the row of a chunk, not yet saved. `text` is what its words are, see `chunking.lexical_input`."""
    bag = bag_of(text)
    return LexicalRow(
        chunk_id=chunk.pk,
        index_id=chunk.index_id,
        length=bag.length,
        terms=bag.to_bytes(),
        analyzer_version=ANALYZER_VERSION,
    )


def write_rows(rows: Iterable[LexicalRow]) -> None:
    """Save rows. Part of the transaction that makes their chunks live."""
    LexicalRow.objects.bulk_create(rows, batch_size=_BATCH)


def remove_rows(chunk_ids: Sequence[int]) -> int:
    """Remove the rows of chunks. Part of the transaction that retires these; return how many there were."""
    removed = 0
    for start in range(0, len(chunk_ids), _BATCH):
        part = LexicalRow.objects.filter(pk__in=chunk_ids[start : start + _BATCH])
        # Locked, so that none is merged into a segment between this look and its removal.
        found = list(part.order_by("pk").select_for_update().values_list("pk", "index", "merged"))
        LexicalTombstone.objects.bulk_create(
            [LexicalTombstone(index_id=index_id, chunk_id=pk) for pk, index_id, merged in found if merged],
            ignore_conflicts=True,
        )
        removed += part._raw_delete(part.db)
    return removed


def missing_rows(index: VectorIndex) -> QuerySet[Chunk]:
    """Return the live chunks of an index that have no row."""
    has_row = LexicalRow.objects.filter(pk=OuterRef("pk"))
    return Chunk.objects.filter(~Exists(has_row), index=index, state=ChunkState.LIVE)


def orphan_rows(index: VectorIndex) -> QuerySet[LexicalRow]:
    """Return the rows of an index whose chunk is not live in it."""
    is_live = Chunk.objects.filter(pk=OuterRef("pk"), index=OuterRef("index"), state=ChunkState.LIVE)
    return LexicalRow.objects.filter(~Exists(is_live), index=index)
