"""Indexes in this process's memory: the vectors of their live passages, and which of them a filter keeps.

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
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from operator import and_, or_
from typing import Any

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import Aggregate, BinaryField, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from collections_app import changes
from collections_app.changes import Position
from collections_app.models import Chunk, ChunkState, Document, MetadataValue, VectorIndex
from collections_app.vectors import LiveVectors, live_vectors, vectors_of
from search_app import planner
from search_app.filter_sql import FilterSQL, Form
from search_app.filters import EVERYTHING, And, Condition, Expression, Not, Or, Phrase
from search_app.vector_memory import Ids, Mask, Selection, VectorMemory, bytes_per_passage

logger = logging.getLogger(__name__)

# What went live since the last search is read in the next one, up to so many passages; more are read by a thread.
MOST_READ = 3000
# Passages that are read by one statement.
_PAGE = 2000
# Retired rows cost as much as live ones; when there are so many of them, everything is read anew.
_MOST_RETIRED = 0.25
# Filters whose passages are remembered, and documents that are looked at again before all are.
_MASKS, _RECHECKED = 64, 2000
# Selections that are remembered, and which share of the memory all together take beside it. One may be larger.
_SELECTIONS, _SELECTED = 64, 0.125
# Changes of metadata that are remembered for the filters that were not asked for since.
_EVENTS = 256
# How long an index that did not fit is left alone, in seconds; and one that did, in the times that reading it took: two
# that do not fit together, or steady changes, should not keep a thread busy.
_PATIENCE, _REST = 300.0, 10.0


class DocumentIds(Aggregate):
    """The ids of all rows in one value: fetching a row for each takes five times as long."""

    name = "document_ids"

    def as_sqlite(self, compiler: SQLCompiler, connection: object, **extra: object) -> tuple[str, Any]:
        self.output_field = TextField()
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"GROUP_CONCAT({sql})", list(parameters)

    def as_postgresql(self, compiler: SQLCompiler, connection: object, **extra: object) -> tuple[str, list[object]]:
        self.output_field = BinaryField()
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"STRING_AGG(INT8SEND({sql}), '')", list(parameters)


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


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What an index held at a position, and the changes of documents up to then: number of the change, documents."""

    memory: VectorMemory
    position: Position
    metadata_changes: int = 0
    events: tuple[tuple[int, Ids], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The rows that a condition keeps, true after so many changes of metadata."""

    rows: Mask
    metadata_changes: int


@dataclass(frozen=True, slots=True, eq=False)
class _Selected:
    """What an expression selects of a memory, true after so many changes of metadata."""

    selection: Selection
    memory: VectorMemory
    metadata_changes: int


@dataclass(slots=True, eq=False)
class _Resident:
    """One index in memory. `state` is replaced under `lock`; who holds an older one may go on with it."""

    index_id: int
    state: _State
    lock: threading.Lock = field(default_factory=threading.Lock)
    # By conditions that know the rows of their fields: a field that was declared anew is another one.
    masks: "OrderedDict[Condition | Phrase, _Kept]" = field(default_factory=OrderedDict)
    selections: "OrderedDict[Expression, _Selected]" = field(default_factory=OrderedDict)
    everything: "_Selected | None" = None
    mask_lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def nbytes(self) -> int:
        with self.mask_lock:
            selected = [*self.selections.values(), *([self.everything] if self.everything else [])]
            kept = [known.rows.nbytes for known in self.masks.values()]
            kept += [known.selection.nbytes for known in selected]
            return self.state.memory.nbytes + sum(kept)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An index as it was at one moment of a search, for that search."""

    memory: VectorMemory
    _resident: _Resident
    _state: _State
    _sql: FilterSQL
    _known: dict[Expression, Mask] = field(default_factory=dict)

    @property
    def documents(self) -> int:
        """Of how many documents there are live passages."""
        return self.selection(EVERYTHING).documents

    def knows(self, expression: Expression) -> bool:
        """Return whether `kept` needs next to nothing from SQL."""
        with self._resident.mask_lock:
            return all(condition in self._resident.masks for condition in _conditions(expression))

    def selection(self, expression: Expression) -> Selection:
        """Return the live passages whose documents `expression` keeps, as SQL has it now or a moment ago.

        It is remembered until something changes: gathering the vectors costs more than comparing them.
        """
        resident = self._resident
        with resident.mask_lock:
            known = resident.everything if expression == EVERYTHING else resident.selections.get(expression)
            if known and self._is_of_now(known):
                if expression != EVERYTHING:
                    resident.selections.move_to_end(expression)
                return known.selection
        selection = self.memory.select(None if expression == EVERYTHING else self.kept(expression))
        self._remember_selection(expression, _Selected(selection, self.memory, self._state.metadata_changes))
        return selection

    def _is_of_now(self, known: _Selected) -> bool:
        return known.memory is self.memory and known.metadata_changes == self._state.metadata_changes

    def _remember_selection(self, expression: Expression, selected: _Selected) -> None:
        resident = self._resident
        with resident.mask_lock:
            if expression == EVERYTHING:
                resident.everything = selected
                return
            selections = resident.selections
            # What is of another memory would keep all of that from being freed.
            for other in [key for key, known in selections.items() if known.memory is not self.memory]:
                del selections[other]
            selections[expression] = selected
            selections.move_to_end(expression)
            nbytes, most = sum(each.selection.nbytes for each in selections.values()), _SELECTED * self.memory.nbytes
            while len(selections) > 1 and (len(selections) > _SELECTIONS or nbytes > most):
                _oldest, dropped = selections.popitem(last=False)
                nbytes -= dropped.selection.nbytes

    def kept(self, expression: Expression) -> Mask:
        """Return which rows' documents `expression` keeps: [size], as SQL has it now or a moment ago.

        What a filter kept when it was last asked for is remembered, and asked again only for documents whose metadata
        changed since and for new ones.
        """
        if expression not in self._known:
            self._known[expression] = self._work_out(expression)
        return self._known[expression]

    def _work_out(self, expression: Expression) -> Mask:
        match expression:
            case Condition() | Phrase():
                return self._kept_by(expression)
            case And(parts):
                return reduce(and_, (self.kept(part) for part in parts), np.ones(self.memory.size, dtype=np.bool_))
            case Or(parts):
                return reduce(or_, (self.kept(part) for part in parts), np.zeros(self.memory.size, dtype=np.bool_))
            case Not(part):
                return ~self.kept(part)

    def _kept_by(self, condition: Condition | Phrase) -> Mask:
        with self._resident.mask_lock:
            known = self._resident.masks.get(condition)
        kept = self._updated(known, condition) if known else None
        if kept is None:
            kept = _Kept(self._evaluate(condition, None), self._state.metadata_changes)
        if kept is not known:
            self._remember(condition, kept)
        return kept.rows[: self.memory.size]

    def _updated(self, known: _Kept, condition: Condition | Phrase) -> _Kept | None:
        """Return what is known as of this view, None if it is too old to be told. It may be younger than the view."""
        state, size = self._state, self.memory.size
        if known.metadata_changes >= state.metadata_changes and len(known.rows) >= size:
            return known
        missed = [event for event in state.events if event[0] > known.metadata_changes]
        if len(missed) < state.metadata_changes - known.metadata_changes:
            return None
        new = self.memory.document_ids[len(known.rows) : size]
        changed: Ids = np.unique(np.concatenate([new, *(documents for _number, documents in missed)]))
        if len(changed) > _RECHECKED:
            return None
        rows = np.zeros(max(size, len(known.rows)), dtype=np.bool_)
        rows[: len(known.rows)] = known.rows
        if len(changed):
            concerned = self.memory.rows_of(changed)
            rows[:size] = np.where(concerned, self._evaluate(condition, changed), rows[:size])
        # A younger one that knew more rows is of no use with older changes, and this one will be made younger.
        return _Kept(rows[:size], state.metadata_changes)

    def _remember(self, condition: Condition | Phrase, kept: _Kept) -> None:
        with self._resident.mask_lock:
            masks = self._resident.masks
            known = masks.get(condition)
            if known is None or (known.metadata_changes, len(known.rows)) <= (kept.metadata_changes, len(kept.rows)):
                masks[condition] = kept
            masks.move_to_end(condition)
            most = max(4, min(_MASKS, self.memory.nbytes // 8 // max(1, self.memory.size)))
            while len(masks) > most:
                masks.popitem(last=False)

    def _evaluate(self, condition: Condition | Phrase, document_ids: Ids | None) -> Mask:
        """Ask SQL which rows' documents a condition keeps; with `document_ids`, other rows may come out either way."""
        if isinstance(condition, Phrase):
            return self._saying(condition, document_ids)
        return self._combine(self._sql.condition(condition, document="document", form=Form.SET), document_ids)

    def _saying(self, phrase: Phrase, document_ids: Ids | None) -> Mask:
        collection = VectorIndex.objects.filter(pk=self._resident.index_id).values("collection")
        documents = Document.objects.alive().filter(collection__in=collection)
        if document_ids is not None:
            documents = documents.filter(pk__in=document_ids.tolist())
        documents = documents.filter(self._sql.condition(phrase, document="pk", form=Form.SET))
        return self.memory.rows_of(_ids_of(documents, "pk"))

    def _combine(self, condition: Q, document_ids: Ids | None) -> Mask:
        """Evaluate a condition made of sets of documents, asking for each set by itself."""
        parts = [self._part(child, document_ids) for child in condition.children]
        if condition.connector == Q.OR:
            rows = reduce(or_, parts, np.zeros(self.memory.size, dtype=np.bool_))
        else:
            rows = reduce(and_, parts, np.ones(self.memory.size, dtype=np.bool_))
        return ~rows if condition.negated else rows

    def _part(self, child: object, document_ids: Ids | None) -> Mask:
        match child:
            case Q():
                return self._combine(child, document_ids)
            case (_, QuerySet() as values):
                if document_ids is not None:
                    values = values.filter(document__in=document_ids.tolist())
                return self.memory.rows_of(_ids_of(values, "document"))
            case (_, []):
                return np.zeros(self.memory.size, dtype=np.bool_)
            case _:
                raise TypeError(f"A filter is made of sets of documents, and not of {child!r}.")


def _conditions(expression: Expression) -> Iterator[Condition | Phrase]:
    match expression:
        case Condition() | Phrase():
            yield expression
        case And(parts) | Or(parts):
            for part in parts:
                yield from _conditions(part)
        case Not(part):
            yield from _conditions(part)


def _ids_of(rows: QuerySet[MetadataValue] | QuerySet[Document], column: str) -> Ids:
    found = rows.order_by().aggregate(ids=DocumentIds(column))["ids"]
    if not found:
        return np.empty(0, dtype=np.int64)
    if isinstance(found, str):
        return np.fromstring(found, sep=",", dtype=np.int64)
    return np.frombuffer(found, dtype=">i8").astype(np.int64)


class _Registry:
    """The indexes that are in this process's memory, by identity; the one used last is at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._residents: OrderedDict[object, _Resident] = OrderedDict()
        self._asked: dict[object, float] = {}
        self._building: set[object] = set()

    def get(self, key: object) -> _Resident | None:
        with self._lock:
            resident = self._residents.get(key)
            if resident:
                self._residents.move_to_end(key)
            return resident

    def put(self, key: object, resident: _Resident) -> None:
        """Add an index or put another copy in its place; those that were searched longest ago make room."""
        with self._lock:
            self._residents[key] = resident
            self._residents.move_to_end(key)
            while len(self._residents) > 1 and sum(each.nbytes for each in self._residents.values()) > _limit():
                self._residents.popitem(last=False)

    def drop(self, key: object) -> None:
        with self._lock:
            self._residents.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._residents.clear()
            self._asked.clear()

    def all(self) -> list[_Resident]:
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


def view_of(index: VectorIndex, sql: FilterSQL) -> View | None:
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
    return View(state.memory, resident, state, sql)


def forget(index: VectorIndex) -> None:
    """Take an index out of memory, because what it says is not what SQL has."""
    _registry.drop(_key(index))


def forget_masks(index: VectorIndex) -> None:
    """Forget which passages of an index any filter keeps: to measure what a filter costs the first time."""
    if resident := _registry.get(_key(index)):
        with resident.mask_lock:
            resident.masks.clear()
            resident.selections.clear()


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
    memory = VectorMemory.with_room_for(count, index.profile.dimensions)
    after: int | None = 0
    while after is not None:
        page = live_vectors(index, after=after, limit=_PAGE)
        memory, after = _extended(memory, page), page.last_id
    _registry.put(_key(index), _Resident(index.pk, _State(memory, position)))
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


def _up_to_date(index: VectorIndex, resident: _Resident) -> _State | None:
    """Return what the index holds now; None if too much has changed, or nobody knows what."""
    state = resident.state
    found = changes.since(index.pk, state.position)
    if found is None:
        return None
    if found.is_empty:
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


def _after(index: VectorIndex, state: _State, found: changes.Changes) -> _State:
    memory, number, events = state.memory, state.metadata_changes, state.events
    if len(found.live):
        # With those that were retired again since: the search then finds out, and what replaced them.
        memory = _extended(memory, vectors_of(index, found.live.tolist()))
    memory = memory.without(found.retired)
    if len(found.documents):
        number += 1
        events = (*events, (number, found.documents))[-_EVENTS:]
    return _State(memory, found.position, number, events)
