"""What filters keep of an index that is in memory, at one moment of a search, and what is remembered of that.

SQL says which documents a condition keeps; what it said is kept as a mask over the passages in memory, and brought
up to date by the documents that changed since.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_

import numpy as np

from collections_app.changes import Position
from collections_app.models import Document, VectorIndex
from search_app.document_sets import rows_kept, saying
from search_app.filter_fields import leaves
from search_app.filters import EVERYTHING, And, Condition, Expression, Not, Or, Phrase
from search_app.vector_memory import Ids, Mask, Selection, VectorMemory

# Filters whose passages are remembered, and documents that are looked at again before all are.
_MASKS, _RECHECKED = 64, 2000
# Selections that are remembered, and which share of the memory all together take beside it. One may be larger.
_SELECTIONS, _SELECTED = 64, 0.125


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What an index held at a position, and the changes of documents up to then: number of the change, documents.

    `version` is the same object as long as no change of any kind is noted.
    """

    memory: VectorMemory
    position: Position
    metadata_changes: int = 0
    events: tuple[tuple[int, Ids], ...] = ()
    version: object = field(default_factory=object)


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
class Resident:
    """One index in memory. `state` is replaced under `lock`; who holds an older one may go on with it."""

    index_id: int
    state: State
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
    _resident: Resident
    _state: State
    _known: dict[Expression, Mask] = field(default_factory=dict)

    @property
    def version(self) -> object:
        """The same object for all views between which no change of any kind was noted."""
        return self._state.version

    @property
    def documents(self) -> int:
        """Of how many documents there are live passages."""
        return self.selection(EVERYTHING).documents

    def knows(self, expression: Expression) -> bool:
        """Return whether `kept` needs next to nothing from SQL."""
        with self._resident.mask_lock:
            return all(condition in self._resident.masks for condition in leaves(expression))

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
        if isinstance(condition, Condition):
            return rows_kept(condition, self.memory.rows_of, among=document_ids)
        collection = VectorIndex.objects.filter(pk=self._resident.index_id).values("collection")
        documents = Document.objects.alive().filter(collection__in=collection)
        if document_ids is not None:
            documents = documents.filter(pk__in=document_ids.tolist())
        return self.memory.rows_of(saying(condition, documents))
