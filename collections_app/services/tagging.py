"""One field of many documents changed at once, each from what it is at that moment: no other edit is undone by it."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from collections_app import changes, ledger, tasks
from collections_app.drafts import values_of
from collections_app.exceptions import InvalidMetadata
from collections_app.ledger import INTERACTIVE
from collections_app.locks import lock_documents, lock_entries, lock_live_indexes
from collections_app.metadata import Scalar, flatten, parse_value
from collections_app.models import Collection, Document, MetadataField, MetadataValue, User
from collections_app.services.documents import id_batches
from collections_app.trail import record_many


class Operation(StrEnum):
    """What is done to the field: its values replaced, some added, some taken away, or all."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"
    CLEAR = "clear"


def check_values(field: MetadataField, operation: Operation, raw: Sequence[str]) -> list[Scalar]:
    """Return the values that `raw` gives the field; raise InvalidMetadata when they do not fit it or the operation."""
    values = parse_value(list(raw) if field.is_list else "\n".join(raw), field.spec, tz=_zone(field.collection))
    if not values and operation is not Operation.CLEAR:
        raise InvalidMetadata("Give a value, or choose to clear the field.", field=field.name)
    if operation in {Operation.ADD, Operation.REMOVE} and not field.is_list:
        raise InvalidMetadata(
            f"The field {field.name!r} holds one value; set it, clear it, or declare it as a list.", field=field.name
        )
    return values


def change_field(
    documents: QuerySet[Document], field: MetadataField, operation: Operation, raw: Sequence[str], *, user: User | None
) -> int:
    """Change a field of the documents that are of its collection; return how many became another one by it.

    They are projected anew, which embeds nothing. Raises InvalidMetadata, see `check_values`, before anything is
    written. Each batch is a transaction.
    """
    check_values(field, operation, raw)
    change = _Change(field, operation, list(raw))
    ours = documents.filter(collection=field.collection, deleted_at=None)
    return sum(_change_batch(batch, field.collection, change, user=user) for batch in id_batches(ours))


class _Change:
    """What becomes of a document's raw metadata. A value of a list is the same as another if the field reads it so."""

    def __init__(self, field: MetadataField, operation: Operation, raw: list[str]) -> None:
        self._field = field
        self._operation = operation
        self._raw: Any = raw if field.is_list else "\n".join(raw)
        self._tz = _zone(field.collection)

    def __call__(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        name = self._field.source_name
        old = flatten(metadata).get(name)
        match self._operation:
            case Operation.CLEAR:
                new = None
            case Operation.SET:
                new = self._raw
            case Operation.ADD:
                known = self._read(old)
                new = [*_listed(old), *(one for one in self._raw if not known.issuperset(self._read(one)))]
            case Operation.REMOVE:
                gone = self._read(self._raw)
                new = [one for one in _listed(old) if not gone.issuperset(self._read(one))] or None
        return _replaced(metadata, name, new)

    def _read(self, raw: Any) -> set[Scalar]:
        return set(parse_value(raw, self._field.spec, tz=self._tz))


def _listed(raw: Any) -> list[Any]:
    return list(raw) if isinstance(raw, list | tuple) else [] if raw is None else [raw]


def _replaced(metadata: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return metadata with the value under `path` replaced where it is, nested or not; None takes it away."""
    head = next((key for key in metadata if path.startswith(f"{key}.") and isinstance(metadata[key], Mapping)), None)
    if path not in metadata and head is not None:
        return {**metadata, head: _replaced(metadata[head], path.removeprefix(f"{head}."), value)}
    kept = {key: old for key, old in metadata.items() if key != path}
    return kept if value is None else {**kept, path: value}


@transaction.atomic
def _change_batch(
    ids: list[int],
    collection: Collection,
    change: Callable[[Mapping[str, Any]], dict[str, Any]],
    *,
    user: User | None,
) -> int:
    indexes = lock_live_indexes(collection.pk)
    changed: list[Document] = []
    for row in lock_documents(ids).values():
        metadata = change(row.metadata)
        if row.deleted_at is None and metadata != row.metadata:
            row.metadata, row.revision, row.updated_at = metadata, row.revision + 1, Now()
            changed.append(row)
    changed_ids = [row.pk for row in changed]
    if not changed:
        return 0
    lock_entries(None, changed_ids)
    fields = list(MetadataField.objects.filter(collection=collection))
    tz = _zone(collection)
    Document.objects.bulk_update(changed, ["metadata", "revision", "updated_at"])
    MetadataValue.objects.filter(document__in=changed_ids).delete()
    MetadataValue.objects.bulk_create(
        [
            MetadataValue(document=row, field=declared, position=position, **{declared.type: value})
            for row in changed
            for declared, position, value in values_of(row.key, row.metadata, fields, tz)
        ],
        batch_size=2000,
    )
    ledger.want(changed_ids, priority=INTERACTIVE)
    for index in indexes:
        changes.note(index.pk, documents=changed_ids)
    record_many(user, {"updated": changed})
    tasks.ring_after_commit([index.pk for index in indexes])
    return len(changed)


def _zone(collection: Collection) -> ZoneInfo:
    return ZoneInfo(collection.time_zone)
