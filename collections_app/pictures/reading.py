"""Reads the picture of an index, and says whether it is still one of what is live."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

import numpy as np
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce, Now
from numpy.typing import NDArray

from collections_app.geometry import Axes
from collections_app.models import Chunk, ChunkState, IndexPicture, VectorIndex
from collections_app.pictures.findings import Findings

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """The ids of the live passages of an index, ascending, int64 [n]."""

    ids: Ids

    @classmethod
    def of(cls, index: VectorIndex) -> Self:
        live = Chunk.objects.filter(index=index, state=ChunkState.LIVE).order_by("pk").values_list("pk", flat=True)
        return cls(np.fromiter(live.iterator(chunk_size=10_000), dtype=np.int64))

    @property
    def count(self) -> int:
        return len(self.ids)

    @property
    def sum(self) -> int:
        return int(self.ids.sum())


def live_now(index: VectorIndex) -> tuple[int, int]:
    """Return how many passages are live and the sum of their ids.

    Ids are never used again, and what is changed gets a new one. So two moments with the same pair had the same
    passages, but for a coincidence; a change counter would say less, and only of the last hours.
    """
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE).order_by()
    found = live.aggregate(count=Count("pk"), sum=Coalesce(Sum("pk"), 0))
    return int(found["count"]), int(found["sum"])


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as it was made.

    `chunks` int64 [n] are the passages on the map, with `coordinates` float32 [n, 2] and a row of `labels`, [c, n], for
    each of `findings.divisions`.
    """

    made_as: UUID
    made_at: datetime
    seconds: float
    live: tuple[int, int]
    chunks: Ids
    coordinates: NDArray[np.float32]
    labels: NDArray[np.uint8]
    axes: Axes
    findings: Findings


def read(index: VectorIndex) -> Picture | None:
    """Return the picture of an index, None if none was made yet."""
    row = IndexPicture.objects.filter(index=index).exclude(made_at=None).first()
    if row is None or row.made_at is None:
        return None
    findings = Findings.from_json(row.findings)
    chunks = np.frombuffer(row.chunks, dtype="<i8")
    axes = np.frombuffer(row.axes, dtype="<f4").reshape(3, index.profile.dimensions).astype(np.float64)
    return Picture(
        made_as=row.made_as,
        made_at=row.made_at,
        seconds=row.seconds,
        live=(row.live_passages, row.live_sum),
        chunks=chunks,
        coordinates=np.frombuffer(row.coordinates, dtype="<f4").reshape(len(chunks), 2),
        labels=np.frombuffer(row.labels, dtype=np.uint8).reshape(len(findings.divisions), len(chunks)),
        axes=Axes(axes[0], axes[1:], np.array(findings.explained)),
        findings=findings,
    )


def chunk_at(index: VectorIndex, made_as: UUID, place: int) -> int | None:
    """Return the id of the passage at a place on one making of the map, None if that is not the last one."""
    chunks = IndexPicture.objects.filter(index=index, made_as=made_as).values_list("chunks", flat=True).first()
    ids = np.frombuffer(chunks or b"", dtype="<i8")
    return int(ids[place]) if 0 <= place < len(ids) else None


def is_being_made(index: VectorIndex) -> bool:
    """Return whether a worker is at it."""
    return IndexPicture.objects.filter(index=index, maker_expires_at__gt=Now()).exists()
