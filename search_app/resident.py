"""Indexes in this process's memory: the vectors of their live passages. What a filter keeps says `resident_view`.

SQL is the truth, and this a copy that knows how old it is: it is built from SQL by a thread of its own while searches
do without, brought up to date at the beginning of every search by what has changed since (`collections_app.changes`),
and read anew where that cannot be told. At the moment of that question it holds every live passage, so it names
whatever stays live and kept while a search runs; what is retired or changed meanwhile, the search finds out by asking
SQL about every candidate. The argument is in docs/architecture.md.

All indexes together take VECTOR_MEMORY_MB at most. The one that was searched longest ago makes room for another.
"""

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import StrEnum

from django.conf import settings
from django.db import DatabaseError, connections

from collections_app import changes
from collections_app.models import Chunk, ChunkState, VectorIndex
from collections_app.vectors import LiveVectors, live_vectors, vectors_of
from search_app import planner
from search_app.resident_view import Resident, State, View
from search_app.vector_memory import VectorMemory, bytes_per_passage

logger = logging.getLogger(__name__)

# What went live since the last search is read in the next one, up to so many passages; more are read by a thread.
MOST_READ = 3000
# Passages that are read by one statement.
_PAGE = 2000
# Retired rows cost as much as live ones; when there are so many of them, everything is read anew.
_MOST_RETIRED = 0.25
# Changes of metadata that are remembered for the filters that were not asked for since.
_EVENTS = 256
# How long an index that did not fit is left alone, in seconds; and one that did, in the times that reading it took: two
# that do not fit together, or steady changes, should not keep a thread busy.
_PATIENCE, _REST = 300.0, 10.0


class Standing(StrEnum):
    """Whether an index is in this process's memory, and why not."""

    THERE = "there"
    # It is read when it is searched for the second time, and after much of it has changed.
    NOT_YET = "not_yet"
    # SQL compares so few as quickly.
    TOO_FEW = "too_few"
    # It does not fit into VECTOR_MEMORY_MB.
    TOO_LARGE = "too_large"
    # VECTOR_MEMORY_MB is 0.
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Residence:
    """What is in memory of one index, for people who look after the site."""

    index_id: int
    passages: int
    retired: int
    filters: int
    nbytes: int


class _Registry:
    """The indexes that are in this process's memory, by identity; the one used last is at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._residents: OrderedDict[object, Resident] = OrderedDict()
        self._asked: dict[object, float] = {}
        self._building: set[object] = set()

    def get(self, key: object) -> Resident | None:
        with self._lock:
            resident = self._residents.get(key)
            if resident:
                self._residents.move_to_end(key)
            return resident

    def put(self, key: object, resident: Resident) -> None:
        """Add an index or put another copy in its place; those that were searched longest ago make room."""
        with self._lock:
            self._residents[key] = resident
            self._residents.move_to_end(key)
            while len(self._residents) > 1 and sum(each.nbytes for each in self._residents.values()) > _limit():
                self._residents.popitem(last=False)

    def room_beside(self, key: object) -> int:
        """Return how many bytes are left for an index if no other one has to make room."""
        with self._lock:
            return _limit() - sum(each.nbytes for of, each in self._residents.items() if of != key)

    def drop(self, key: object) -> None:
        with self._lock:
            self._residents.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._residents.clear()
            self._asked.clear()

    def all(self) -> list[Resident]:
        with self._lock:
            return list(self._residents.values())

    def may_build(self, key: object) -> bool:
        """Return whether to build: nobody does, it is asked for again, and it did not prove too large lately."""
        with self._lock:
            first = key not in self._asked
            too_soon = first or time.monotonic() < self._asked[key]
            if first:
                self._asked[key] = 0.0
            if too_soon or key in self._building:
                return False
            self._building.add(key)
            return True

    def built(self, key: object, *, again_in: float) -> None:
        with self._lock:
            self._building.discard(key)
            self._asked[key] = time.monotonic() + again_in


_registry = _Registry()


def _limit() -> int:
    return int(settings.VECTOR_MEMORY_MB * 2**20)


def _key(index: VectorIndex) -> object:
    # A database that was put back raises the generation when that is found out.
    return index.public_id, index.generation, index.profile_id


def view_of(index: VectorIndex) -> View | None:
    """Return the index as SQL has it now, if it is in memory; else None, and it may be so a little later.

    It is built when it is searched for the second time: a command that asks one question should not read everything.
    """
    if not _limit():
        return None
    key = _key(index)
    resident = _registry.get(key)
    if resident is None:
        _build_elsewhere(index)
        return None
    state = _up_to_date(index, resident)
    if state is None:
        _registry.drop(key)
        _build_elsewhere(index)
        return None
    return View(state.memory, resident, state)


def forget(index: VectorIndex) -> None:
    """Take an index out of memory, because what it says is not what SQL has."""
    _registry.drop(_key(index))


def forget_all() -> None:
    """Take all indexes out of memory."""
    _registry.clear()


def residences() -> list[Residence]:
    """Return what is in this process's memory, index by index."""
    return [
        Residence(
            index_id=resident.index_id,
            passages=resident.state.memory.passages,
            retired=resident.state.memory.size - resident.state.memory.passages,
            filters=len(resident.masks),
            nbytes=resident.nbytes,
        )
        for resident in _registry.all()
    ]


def standing_of(index: VectorIndex) -> Standing:
    """Return whether an index is in memory now, else whether it may come to be."""
    if not _limit():
        return Standing.OFF
    return Standing.THERE if _registry.get(_key(index)) else _prospect(index, _count(index))


def _count(index: VectorIndex) -> int:
    return Chunk.objects.filter(index=index, state=ChunkState.LIVE).order_by().count()


def _prospect(index: VectorIndex, passages: int) -> Standing:
    if passages < planner.LEAST_IN_MEMORY:
        return Standing.TOO_FEW
    needed = passages * bytes_per_passage(index.profile.dimensions)
    return Standing.TOO_LARGE if needed > _limit() else Standing.NOT_YET


def build(index: VectorIndex) -> bool:
    """Read all live passages of an index into memory, here and now; False if they are too few or do not fit."""
    # What becomes visible while it is read is told by the changes since.
    position = changes.position(index.pk)
    count = _count(index)
    if _prospect(index, count) is not Standing.NOT_YET:
        return False
    dimensions = index.profile.dimensions
    # What spares SQL some work should not cost another index its place.
    needed = count * bytes_per_passage(dimensions, with_rests=True)
    with_rests = needed <= _registry.room_beside(_key(index))
    memory = VectorMemory.with_room_for(count, dimensions, with_rests=with_rests)
    after: int | None = 0
    while after is not None:
        page = live_vectors(index, after=after, limit=_PAGE)
        memory, after = _extended(memory, page), page.last_id
    _registry.put(_key(index), Resident(index.pk, State(memory, position)))
    return True


def _extended(memory: VectorMemory, page: LiveVectors) -> VectorMemory:
    return memory.extended(page.ids, page.document_ids, page.matrix)


def _build_elsewhere(index: VectorIndex) -> None:
    key = _key(index)
    if not _registry.may_build(key):
        return

    def run() -> None:
        patience, start = _PATIENCE, time.monotonic()
        try:
            if build(index):
                patience = (time.monotonic() - start) * _REST
        except DatabaseError:
            # Whoever searches asks the same database, and says what is wrong with it.
            logger.warning("Index %s could not be read into memory.", index.pk, exc_info=True)
        finally:
            _registry.built(key, again_in=patience)
            connections.close_all()

    threading.Thread(target=run, name=f"reads index {index.pk} into memory", daemon=True).start()


def _up_to_date(index: VectorIndex, resident: Resident) -> State | None:
    """Return what the index holds now; None if too much has changed, or nobody knows what."""
    state = resident.state
    found = changes.since(index.pk, state.position)
    if found is None:
        return None
    if not found.is_any:
        with resident.lock:
            if resident.state is state:
                resident.state = replace(state, position=found.position)
        return state
    with resident.lock:
        # Others may have waited for the lock too, and done it.
        found = changes.since(index.pk, resident.state.position)
        if found is None or len(found.live) > MOST_READ:
            return None
        state = _after(index, resident.state, found)
        if state.memory.size - state.memory.passages > max(planner.LEAST_IN_MEMORY, _MOST_RETIRED * state.memory.size):
            return None
        resident.state = state
        return state


def _after(index: VectorIndex, state: State, found: changes.Changes) -> State:
    memory, number, events = state.memory, state.metadata_changes, state.events
    if len(found.live):
        # With those that were retired again since: the search then finds out, and what replaced them.
        memory = _extended(memory, vectors_of(index, found.live.tolist()))
    memory = memory.without(found.retired)
    if len(found.documents):
        number += 1
        events = (*events, (number, found.documents))[-_EVENTS:]
    return State(memory, found.position, number, events)
