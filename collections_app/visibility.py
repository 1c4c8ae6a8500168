"""Which chunks are live: the one column that every read tests, and what the ledger notes about it."""

import hashlib
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from collections_app import changes
from collections_app.lexical_rows import remove_rows
from collections_app.models import Chunk, ChunkState, IndexEntry


@transaction.atomic
def retire(chunks: QuerySet[Chunk]) -> int:
    """Take chunks out of every answer from this commit on; their rows stay until the store has let go of their ids.

    The lexical rows of those that were live go at once, and who has them in memory is told.
    """
    live = list(chunks.filter(state=ChunkState.LIVE).order_by("pk").values_list("pk", "index"))
    remove_rows([pk for pk, _index_id in live])
    for index_id in sorted({index_id for _pk, index_id in live}):
        changes.note(index_id, retired=[pk for pk, its_index in live if its_index == index_id])
    return chunks.update(state=ChunkState.RETIRED, retired_at=Now())


def retire_superseded(texts: Mapping[int, str]) -> None:
    """Retire live chunks whose text the new text of their document (by id) no longer holds, and count what is left.

    Part of the transaction that makes the new text true, under the documents' and entries' locks.
    """
    live = Chunk.objects.filter(document__in=list(texts), state=ChunkState.LIVE)
    gone = [
        (pk, index_id, document_id)
        for pk, index_id, document_id, text in live.values_list("pk", "index", "document", "text")
        if text not in texts[document_id]
    ]
    if not gone:
        return
    retire(Chunk.objects.filter(pk__in=[pk for pk, _, _ in gone]))
    for index_id, document_id in {(index_id, document_id) for _, index_id, document_id in gone}:
        count, digest = live_digest(index_id, document_id)
        IndexEntry.objects.filter(index=index_id, document=document_id).update(chunk_count=count, text_digest=digest)


def live_digest(index_id: int, document_id: int) -> tuple[int, str]:
    """Return the number of a document's live chunks in an index and the sha256 over their texts in order."""
    texts = Chunk.objects.filter(index=index_id, document=document_id, state=ChunkState.LIVE).order_by("position")
    return chunk_digest(texts.values_list("text", flat=True))


def chunk_digest(texts: Iterable[str]) -> tuple[int, str]:
    """Return how many texts there are and the sha256 over their individual digests."""
    digest, count = hashlib.sha256(), 0
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
        count += 1
    return count, digest.hexdigest()
