"""Brings lexical rows into step with live chunks where they are not: sites older than the rows or than the analysis of
words, and damage.
"""

from django.db import transaction

from collections_app import changes, lexical_segments
from collections_app.chunking import embedding_input, lexical_input
from collections_app.lexical import ANALYZER_VERSION
from collections_app.lexical_rows import missing_rows, orphan_rows, remove_rows, row_of, write_rows
from collections_app.locks import lock_documents, lock_indexes
from collections_app.models import Chunk, LexicalRow, VectorIndex

BATCH = 500


def add_missing_rows(index: VectorIndex, *, limit: int = 40 * BATCH) -> int:
    """Write the rows of at most `limit` live chunks that have none; return how many."""
    added = 0
    while added < limit and (count := _add_batch(index)):
        added += count
        lexical_segments.keep_up(index.pk)
    return added


def _add_batch(index: VectorIndex) -> int:
    seen = list(missing_rows(index).order_by("pk").values_list("pk", "document")[:BATCH])
    if not seen:
        return 0
    with transaction.atomic():
        lock_indexes([index.pk])
        lock_documents({document_id for _, document_id in seen})
        # Whoever retires a chunk or writes its row holds these locks, so what is missing now stays so until we commit.
        chunks = missing_rows(index).filter(pk__in=[pk for pk, _ in seen]).select_related("document").order_by("pk")
        rows = [row_of(chunk, _words_of(chunk)) for chunk in chunks]
        # One that was lost after it was merged must not be counted twice.
        held = lexical_segments.held_by_segments(index.pk, [row.pk for row in rows])
        for row in rows:
            row.merged = row.pk in held
        write_rows(rows)
        changes.note_words(index.pk)
    return len(rows)


def _words_of(chunk: Chunk) -> str:
    title = chunk.document.title
    return lexical_input(title, embedding_input(title, chunk.locator, chunk.text))


@transaction.atomic
def remove_orphan_rows(index: VectorIndex, *, limit: int = 10 * BATCH) -> int:
    """Remove at most `limit` rows whose chunk is not live; return how many."""
    # No chunk becomes live again, and a row is written together with the flip: what is an orphan now always is.
    removed = remove_rows(list(orphan_rows(index).order_by("pk").values_list("pk", flat=True)[:limit]))
    if removed:
        changes.note_words(index.pk)
    return removed


def renew_words(index: VectorIndex) -> bool:
    """Let the words of an index be found anew if another version of the analysis found them; return whether it begins.

    From then on its rows are missing, and `add_missing_rows` makes them; until all are there, answers say so.
    """
    # A worker of an older release, which may still run, must not go back.
    if index.analyzer_version >= ANALYZER_VERSION:
        return False
    stale = LexicalRow.objects.filter(index=index, analyzer_version__lt=ANALYZER_VERSION)
    begins = stale.exists()
    if begins:
        with transaction.atomic():
            # A tombstone hides its chunk in every segment, and these chunks come back: all segments go with them.
            lexical_segments.rebuild(index.pk)
            stale._raw_delete(stale.db)
    elif not missing_rows(index).exists():
        VectorIndex.objects.filter(pk=index.pk).update(analyzer_version=ANALYZER_VERSION)
    return begins
