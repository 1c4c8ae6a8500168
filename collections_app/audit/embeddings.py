"""Part 4: each live chunk has its vector, of the index's profile, usable, and of its very input."""

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, OuterRef

from collections_app.audit.report import Finding, Report
from collections_app.chunking import embedding_input
from collections_app.models import Chunk, ChunkState, EmbeddingRole, IndexEntry, VectorIndex
from collections_app.vectors import digest_of, is_usable

PAGE = 1000

_OF_VECTOR = ("pk", "is_settled", "embedding__pk", "embedding__profile", "embedding__role", "embedding__vector")
_OF_INPUT = ("embedding__digest", "revision", "document__revision", "document__title", "locator", "text")


def settled(index: VectorIndex) -> Exists:
    """Whether a chunk belongs to what its document's entry says is indexed: else it is about to be replaced."""
    return Exists(
        IndexEntry.objects.filter(index=index, document=OuterRef("document"), indexed_revision=OuterRef("revision"))
    )


def compare_embeddings(index: VectorIndex, report: Report, breathe: Callable[[], None], *, deep: bool) -> None:
    """Look at the vector of each live chunk. A page is one statement: chunk, vector and title are of one moment."""
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE).annotate(is_settled=settled(index)).order_by("pk")
    columns = _OF_VECTOR + (_OF_INPUT if deep else ())
    through = 0
    while page := list(live.filter(pk__gt=through).values_list(*columns)[:PAGE]):
        breathe()
        through = page[-1][0]
        for row in page:
            wrong = _wrong_with_vector(index, row) or (_wrong_with_input(row) if deep else None)
            if wrong:
                report.find(wrong, [row[0]])


def _wrong_with_vector(index: VectorIndex, row: tuple[Any, ...]) -> Finding | None:
    _, is_settled, embedding_id, profile_id, role, raw = row[: len(_OF_VECTOR)]
    if embedding_id is None:
        return Finding.LIVE_CHUNKS_WITHOUT_VECTOR
    if profile_id != index.profile_id or role != EmbeddingRole.PASSAGE:
        return Finding.VECTORS_OF_ANOTHER_PROFILE if is_settled else None
    return None if is_usable(bytes(raw), dimensions=index.profile.dimensions) else Finding.VECTORS_UNUSABLE


def _wrong_with_input(row: tuple[Any, ...]) -> Finding | None:
    digest, revision, present, title, locator, text = row[len(_OF_VECTOR) :]
    # A chunk of an earlier revision was embedded under a title that may have been another one.
    if revision != present or not row[1] or bytes(digest) == digest_of(embedding_input(title, locator, text)):
        return None
    return Finding.VECTORS_OF_ANOTHER_INPUT
