"""The picture of a collection as somebody may see it now: what was made, without what is gone since.

Whoever looks at a picture that is missing or out of date has a worker make it. It rests in between, so that looking
at a collection that changes all the time keeps no worker busy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from collections_app import pictures, tasks
from collections_app.models import Chunk, ChunkState, Collection, VectorIndex
from collections_app.pictures import Picture
from search_app.asking import Asker
from search_app.filters import EVERYTHING
from search_app.scope import Scope

Ids = NDArray[np.int64]

# A picture that is out of date is made again after so many times the seconds that it took, and not before so many.
_REST, _LEAST_REST = 10.0, 30.0


class State(StrEnum):
    """Whether there is something to look at. `BARE` is an index whose passages have no usable vectors."""

    EMPTY = "empty"
    AWAITED = "awaited"
    BARE = "bare"
    READY = "ready"


@dataclass(frozen=True, slots=True, eq=False)
class Present:
    """A picture, and what of it is there for one reader.

    `places` [n] are the places on the map, ascending, whose passages are live and readable, and `documents` [n] the ids
    of their documents. `passages` counts all that are live in the index. `is_current` says that nothing has changed.
    """

    index: VectorIndex
    scope: Scope
    picture: Picture
    places: Ids
    documents: Ids
    passages: int
    is_current: bool
    is_awaited: bool

    @property
    def coordinates(self) -> NDArray[np.float32]:
        return self.picture.coordinates[self.places]

    @property
    def is_sample(self) -> bool:
        """Whether the map holds some of the passages only."""
        return len(self.picture.chunks) < self.picture.findings.compared

    @property
    def gone(self) -> int:
        """How many passages on the map are no longer there."""
        return len(self.picture.chunks) - len(self.places)

    def passages_at(self, places: Sequence[int]) -> list[Chunk]:
        """Return the passages at places on the map, with their documents, in this order, without what is gone."""
        chunks = self.picture.chunks
        return self.read([int(chunks[place]) for place in places if 0 <= place < len(chunks)])

    def read(self, chunk_ids: Sequence[int]) -> list[Chunk]:
        """Return these passages with their documents, in this order, without those that are gone."""
        found = {chunk.pk: chunk for chunk in self.scope.read(chunk_ids, _with_documents)}
        return [found[pk] for pk in chunk_ids if pk in found]


def present(collection: Collection, user: Asker) -> tuple[State, Present | None]:
    """Return what there is to see of a collection that `user` may read; in the state READY there is something."""
    index = collection.serving_index
    if index is None:
        return State.EMPTY, None
    live = pictures.live_now(index)
    if not live[0]:
        return State.EMPTY, None
    picture = pictures.read(index)
    is_awaited = (picture is None or picture.live != live) and _await(index, picture)
    if picture is None:
        return State.AWAITED, None
    scope = Scope(index, user, EVERYTHING)
    there = dict(scope.read(picture.chunks.tolist(), _live))
    places = np.flatnonzero(np.isin(picture.chunks, list(there)))
    if not len(places):
        # All that it shows was replaced, or had no vectors.
        return (State.AWAITED if is_awaited and picture.live != live else State.BARE), None
    documents = np.array([there[pk] for pk in picture.chunks[places].tolist()], dtype=np.int64)
    return State.READY, Present(
        index=index,
        scope=scope,
        picture=picture,
        places=places,
        documents=documents,
        passages=live[0],
        is_current=picture.live == live,
        is_awaited=is_awaited,
    )


def passage_at(collection: Collection, user: Asker, made_as: UUID, place: int) -> Chunk | None:
    """Return the passage at a place of one making of the map, None where it is gone or the map was made anew."""
    index = collection.serving_index
    chunk_id = pictures.chunk_at(index, made_as, place) if index else None
    if index is None or chunk_id is None:
        return None
    return next(iter(Scope(index, user, EVERYTHING).read([chunk_id], _with_documents)), None)


def _await(index: VectorIndex, picture: Picture | None) -> bool:
    """Have a worker make the picture, unless it is too early; return whether one will come soon."""
    if pictures.is_being_made(index):
        return True
    if picture and timezone.now() - picture.made_at < timedelta(seconds=max(_LEAST_REST, _REST * picture.seconds)):
        return False
    tasks.ring(tasks.picture_index, index.pk)
    return True


def _live(chunks: QuerySet[Chunk]) -> QuerySet[Chunk, tuple[int, int]]:
    return chunks.filter(state=ChunkState.LIVE).values_list("pk", "document")


def _with_documents(chunks: QuerySet[Chunk]) -> QuerySet[Chunk]:
    return chunks.filter(state=ChunkState.LIVE).select_related("document__collection")
