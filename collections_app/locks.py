"""Row locks in the one order that every writer keeps: index rows (shared), documents, entries; each by id.

Checking first and acting later is not enough on PostgreSQL: between the check and the act another transaction may
commit. So whoever stages, flips, saves, deletes or changes a generation first takes these locks, then checks, then
writes. SQLite transactions are IMMEDIATE (see settings), that is exclusive from their first statement.
"""

import uuid
from collections.abc import Collection as Sized
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from collections_app.models import Document, IndexEntry, IndexState, VectorIndex


class LockedEntry(NamedTuple):
    """What a ledger row says while it is locked."""

    pk: int
    lease_token: uuid.UUID | None
    wanted_revision: int
    indexed_revision: int
    wanted_at: datetime


def lock_indexes(index_ids: Iterable[int], *, exclusive: bool = False) -> list[VectorIndex]:
    """Lock index rows and return them as they are now. Shared keeps their generation from changing meanwhile."""
    _require_transaction()
    ids = list(index_ids)
    if not ids:
        return []
    rows = VectorIndex.objects.filter(pk__in=ids).order_by("pk")
    if connection.vendor != "postgresql":
        return list(rows)
    if exclusive:
        return list(rows.select_for_update())
    # Django has no FOR SHARE.
    sql, parameters = rows.query.sql_with_params()
    return list(VectorIndex.objects.raw(f"{sql} FOR SHARE", parameters))


def lock_live_indexes(collection_id: int, *, exclusive: bool = False) -> list[VectorIndex]:
    """Lock all indexes of a collection that are not dropped; none can be added before the transaction ends.

    Who adds one holds the others exclusively, and its id is higher than theirs, so looking again locks upwards.
    """
    locked: dict[int, VectorIndex] = {}
    while True:
        live = VectorIndex.objects.filter(collection=collection_id).exclude(state=IndexState.DROPPED)
        ids = list(live.exclude(pk__in=list(locked)).values_list("pk", flat=True))
        if not ids:
            return [row for row in locked.values() if row.state != IndexState.DROPPED]
        locked |= {row.pk: row for row in lock_indexes(ids, exclusive=exclusive)}


def lock_documents(document_ids: Sized[int]) -> dict[int, Document]:
    """Lock documents, deleted ones too, and return them by id as they are now."""
    _require_transaction()
    rows = Document.objects.filter(pk__in=document_ids).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(no_key=True)}


def lock_living_documents(document_ids: Sized[int]) -> dict[int, int | None]:
    """Lock documents; return the ids of those that are not deleted, each with the id of its text as it is now."""
    _require_transaction()
    rows = Document.objects.filter(pk__in=document_ids).order_by("pk").select_for_update(no_key=True)
    return {
        pk: content_id
        for pk, content_id, deleted_at in rows.values_list("pk", "content_id", "deleted_at")
        if deleted_at is None
    }


def lock_entries(index_id: int | None, document_ids: Sized[int]) -> dict[tuple[int, int], LockedEntry]:
    """Lock the entries of documents, of one index or of all, and return them by (index id, document id)."""
    _require_transaction()
    rows = IndexEntry.objects.filter(document__in=document_ids)
    if index_id is not None:
        rows = rows.filter(index=index_id)
    # SQLite locks no rows, and to have them in order it would read all entries of the index.
    rows = rows.order_by("pk") if transaction.get_connection().vendor == "postgresql" else rows.order_by()
    columns = rows.select_for_update(no_key=True).values_list("index_id", "document_id", *LockedEntry._fields)
    return {(index, document): LockedEntry(*columns) for index, document, *columns in columns}


def _require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("Locks are taken inside transaction.atomic().")
