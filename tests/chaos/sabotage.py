"""Disabling one safeguard of the engine, to see that the suite notices.

A site that runs with DJANGO_SETTINGS_MODULE=tests.chaos.settings and SABOTAGE=<name> loads this module as a Django app,
which rewrites a few functions of the engine when all are loaded. Production code knows nothing of it. A passage that is
to be rewritten and is no longer there stops the start: the sabotage has to follow the engine.

The docstring of each sabotage says which experiment and which check of the checker must catch it.
"""

import __future__

import inspect
import os
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

Undo = Callable[[], None]

rewritten: set[str] = set()
"""The functions that are not the engine's own now, by qualified name."""


class SabotageConfig(AppConfig):
    """Applies the sabotage that the environment variable SABOTAGE names."""

    name = "tests.chaos.sabotage"
    label = "sabotage"

    def ready(self) -> None:
        apply(os.environ["SABOTAGE"])


def apply(name: str) -> list[Undo]:
    """Disable the safeguard `name`; return what puts it back. Raises ImproperlyConfigured if that is not possible."""
    if name not in SABOTAGES:
        raise ImproperlyConfigured(f"SABOTAGE={name!r} is not known. Choose one of: {', '.join(SABOTAGES)}.")
    return SABOTAGES[name]()


@contextmanager
def sabotaged(name: str) -> Iterator[None]:
    """Disable the safeguard `name` in this process until the block ends."""
    undone = apply(name)
    try:
        yield
    finally:
        for undo in undone:
            undo()


def token_check() -> list[Undo]:
    """A worker stages and flips although its lease was lost.

    Caught by: a worker stopped (SIGSTOP) while its upsert of an *edit* is answered, past its lease, until the sweeper
    has retired what it staged, and continued while the upsert of whoever took over is held before Chroma.
    The late flip then retires the old passages, makes none live and calls the document indexed. Checks: at rest, part 3
    of "in step" (count and digest recorded at the flip = live rows), and the document is not found by its own text.
    """
    from collections_app.sync import _Batch

    return [_rewrite(_Batch._still_wanted, "and entry.lease_token == self.lease.token", "")]


def generation_check() -> list[Undo]:
    """A worker flips although its index was given a new physical collection after it wrote to the old one.

    Caught by: the generation raised (the collection lost, or `manage.py rebuild`) while a worker's upsert is answered
    and its answer held, until the new collection is filled; then released. Check: at rest, part 6 (the chunk is live
    and its id is not in the store); beyond what is compared exactly in SQL also "found by its own text".
    """
    from collections_app.sync import _Batch

    return [_rewrite(_Batch._still_wanted, "indexes[0].generation != generation or ", "")]


def tombstone_grace() -> list[Undo]:
    """The rows of retired chunks go with the first pass, without a second one that proves their ids absent.

    Caught by: a worker killed while its upsert is held before Chroma, the upsert released after the sweeper has taken
    the staged chunks back: it arrives late. Check: at rest, after the grace, part 6 (ids in the store that no live
    chunk has). Without the sabotage the grace must be longer than the upsert is held.
    """
    from collections_app.projection import tombstones

    return [_rewrite(tombstones.remove_ids, ".update(removed_at=Now())", "._raw_delete('default')")]


def live_filter() -> list[Undo]:
    """Searches answer with passages that are staged or retired.

    Caught by: any experiment with edits while questions are asked, best 200 edits of one document. Check: the journal
    of answers (a passage that its document no longer held when the question was sent). Deleted documents stay hidden:
    their text is emptied and their rows are excluded by another condition.
    """
    from collections_app import vectors
    from search_app import order
    from search_app.semantic import SemanticLeg

    return [
        _rewrite(vectors.live_vectors, ", state=ChunkState.LIVE", ""),
        _rewrite(SemanticLeg._check, "if state == ChunkState.LIVE:", "if True:"),
        _rewrite(order._live_chunks, ".filter(state=ChunkState.LIVE)", ""),
    ]


def anti_join() -> list[Undo]:
    """Documents that have no ledger entry are not looked for.

    Caught by: entries deleted from SQL by the harness (no crash of the engine loses them: they are committed with their
    document). Checks: at rest, part 1 (every document has an entry), and documents saved while it lacked one are not
    found by their own text.
    """
    from collections_app import sweeping

    return [_rewrite(sweeping.add_missing_entries, ".filter(~Exists(has_entry), ", ".none().filter(")]


def commit_before_bell() -> list[Undo]:
    """What is wanted is not written with the document, but after the commit, when the bell was rung.

    Caught by: the web process (or writer) killed while the bell of an *edit* is held before the broker; a new document
    is found by the anti-join. Checks: at rest, the document's revision is not the one its entry wants (every change is
    done), and the new text is not found by itself.
    """
    from collections_app.services import documents

    waiting = threading.local()

    def intend_later(write: Callable[..., None], *arguments: Any, **options: Any) -> None:
        def note() -> None:
            waiting.__dict__.setdefault("writes", []).append(lambda: write(*arguments, **options))

        transaction.on_commit(note)

    def write_intents() -> None:
        for write in waiting.__dict__.pop("writes", []):
            write()

    def ring_and_intend(index_ids: Any) -> None:
        documents.tasks.ring_after_commit(index_ids)
        transaction.on_commit(write_intents)

    def forget() -> None:
        for name in names:
            del vars(documents)[name]

    names = {"_intend_later": intend_later, "_ring_and_intend": ring_and_intend}
    vars(documents).update(names)
    writer = documents._Writer
    return [
        _rewrite(writer._insert, "ledger.add_entries(", "_intend_later(ledger.add_entries, "),
        _rewrite(writer._update, "ledger.want(", "_intend_later(ledger.want, "),
        _rewrite(writer._write, "tasks.ring_after_commit(", "_ring_and_intend("),
        forget,
    ]


SABOTAGES: dict[str, Callable[[], list[Undo]]] = {
    "token-check": token_check,
    "generation-check": generation_check,
    "tombstone-grace": tombstone_grace,
    "live-filter": live_filter,
    "anti-join": anti_join,
    "commit-before-bell": commit_before_bell,
}


def _rewrite(function: Callable[..., Any], old: str, new: str) -> Undo:
    """Replace the one passage `old` of a function's source, for everybody who has it; return what puts it back."""
    inner: Any = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(inner))
    if source.count(old) != 1:
        raise ImproperlyConfigured(
            f"{inner.__qualname__} holds {old!r} {source.count(old)} times and not once: adapt the sabotage."
        )
    source = source[source.index("def ") :]
    made: dict[str, Any] = {}
    # Annotations are left as text: some name what is imported for type checkers alone.
    code = compile(source.replace(old, new), inspect.getfile(inner), "exec", flags=__future__.annotations.compiler_flag)
    exec(code, dict(inner.__globals__), made)
    before = inner.__code__
    inner.__code__ = made[inner.__name__].__code__
    rewritten.add(inner.__qualname__)

    def undo() -> None:
        inner.__code__ = before
        rewritten.discard(inner.__qualname__)

    return undo
