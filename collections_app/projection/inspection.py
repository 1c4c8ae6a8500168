"""Whether an index's physical collection is what SQL believes it to be, as far as a quick look tells."""

import random

from django.db import connection
from django.db.models import Max, Min

from collections_app.exceptions import RecordsExist
from collections_app.models import Chunk, ChunkState, IndexState, PhysicalCollection, PhysicalState, VectorIndex
from collections_app.projection.physical import current_collection, raise_generation, store_of, writable_collection

# A restored database shows in the ids that were written last; workers that write side by side mix up a few thousand.
NEWEST = 10_000
SAMPLES = 14
MARK = "_document"
# As many as a search asks for: some damage shows only beyond the first few.
ASKED_FOR = 50


_of_our_history: set[str] = set()


def check_is_there(index: VectorIndex) -> None:
    """Raise VectorStoreCollectionMissing or …Broken if the collection that SQL believes in cannot be read.

    Raises also what `check_history` raises. A collection may count well and be broken, or have lost some of its
    vectors and keep their metadata; so some are read, here and there, and one is searched for.
    """
    physical = current_collection(index)
    if physical.state not in {PhysicalState.FILLING, PhysicalState.READY}:
        return
    store = store_of(index)
    store.count(physical.name)
    ids = _here_and_there(index)
    records = store.fetch(physical.name, ids)
    for record in {id(record): record for record in (*records[:1], *records[-1:])}.values():
        store.query(physical.name, record.vector, limit=ASKED_FOR)
    check_history(physical)


def _here_and_there(index: VectorIndex) -> list[int]:
    """Return ids of some live chunks, the first and the last among them."""
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE)
    ends = live.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return []
    places = [random.randint(ends["first"], ends["last"]) for _ in range(SAMPLES)]  # noqa: S311 - not for secrets
    between = [live.filter(pk__gte=place).order_by("pk").values_list("pk", flat=True).first() for place in places]
    return sorted({ends["first"], ends["last"], *(pk for pk in between if pk is not None)})


def is_short(index: VectorIndex) -> bool:
    """Return whether a collection that should hold all that is live has fewer records than there are live chunks.

    While others write it may be so for a moment: what is retired leaves the store before we have counted there.
    """
    physical = current_collection(index)
    if physical.state != PhysicalState.READY:
        return False
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE).count()
    return store_of(index).count(physical.name) < live


def trusted_collection(index: VectorIndex) -> PhysicalCollection:
    """Return the collection to write to, made if need be, after comparing its history with ours once in this process.

    Raises what `check_history` raises.
    """
    physical = writable_collection(index)
    if physical.name not in _of_our_history:
        check_history(physical)
        _of_our_history.add(physical.name)
    return physical


def check_history(physical: PhysicalCollection) -> None:
    """Raise RecordsExist if a collection holds ids that this database has never given out.

    Then the database is an older copy of the one that wrote them: it will give out those ids again, for other chunks.
    """
    store = store_of(physical.index)
    newest_ids = store.newest_ids(physical.name, limit=NEWEST)
    # Read after the store was: an id is given out before it is written there.
    given_out = last_chunk_id()
    ahead = sorted(chunk_id for chunk_id in newest_ids if chunk_id > given_out)[:SAMPLES]
    # What somebody put there by hand is for the audit; what a site like this one wrote bears its marks.
    written = [record.id for record in store.fetch(physical.name, ahead, vectors=False) if MARK in record.metadata]
    if written:
        newest = max(written)
        raise RecordsExist(
            f"The database was restored from an older copy: the store holds the id {newest}, and the last one given "
            f"out is {given_out}. All its collections are rebuilt."
        )


def distrust_store(evidence: PhysicalCollection, *, reason: str) -> None:
    """Raise the generation of every index of the store in which `evidence` is, once however many find it.

    The index of the evidence comes last: should we be killed in between, whoever comes next finds it again.
    """
    indexes = list(VectorIndex.objects.filter(store=evidence.index.store).exclude(state=IndexState.DROPPED))
    if not any(index.pk == evidence.index_id and index.generation == evidence.generation for index in indexes):
        return
    for index in sorted(indexes, key=lambda index: index.pk == evidence.index_id):
        raise_generation(index.pk, reason=reason, generation=index.generation)


def last_chunk_id() -> int:
    """Return the highest id that this database has given to a chunk, also to one that is gone; 0 before the first."""
    table = Chunk._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
            (sequence,) = cursor.fetchone()
            cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
        else:
            cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        (last,) = cursor.fetchone()
    return int(last)
