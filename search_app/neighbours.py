"""The passages before and after a passage, for whoever wants to read on."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from collections_app.models import Chunk, ChunkState

MOST_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Up to so many live passages before a passage and after it, in the order of the text."""

    before: Sequence[Chunk]
    after: Sequence[Chunk]


def neighbours_of(chunks: Sequence[Chunk], *, count: int) -> dict[int, Neighbours]:
    """Return the neighbours of each chunk by its primary key, in one statement.

    The chunks were read within a scope, and so is all else of their documents.
    """
    wanted = Q(pk__in=[])
    for chunk in chunks:
        if chunk.pk is not None:
            places = range(chunk.position - count, chunk.position + count + 1)
            wanted |= Q(document=chunk.document_id, index=chunk.index_id, position__in=places)
    found: dict[tuple[int, int], list[Chunk]] = {}
    for other in Chunk.objects.filter(wanted, state=ChunkState.LIVE).order_by("position", "pk"):
        found.setdefault((other.document_id, other.index_id), []).append(other)
    neighbours = {}
    for chunk in chunks:
        if chunk.pk is not None:
            others = found.get((chunk.document_id, chunk.index_id), [])
            near = [other for other in others if abs(other.position - chunk.position) <= count]
            neighbours[chunk.pk] = Neighbours(
                [other for other in near if other.position < chunk.position],
                [other for other in near if other.position > chunk.position],
            )
    return neighbours
