"""Fields that somebody declares otherwise: documents keep their raw values, and what is derived from them is renewed.

A value that filters see is also in the store's records, which are written once; so the documents concerned are
projected anew, which costs no embedding.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from collections_app import services
from collections_app.exceptions import InvalidMetadata
from collections_app.metadata import flatten, parse_value
from collections_app.models import Document, MetadataField, MetadataValue

BATCH = 200
_PAGE = 1000


def check_fit(field: MetadataField) -> None:
    """Raise InvalidMetadata if a document of its collection has a raw value that `field`, saved or not, cannot take."""
    tz, misfits, first = ZoneInfo(field.collection.time_zone), 0, ""
    for _document_id, key, raw in _raw_values([field]):
        try:
            parse_value(raw[field.source_name], field.spec, tz=tz)
        except InvalidMetadata as error:
            misfits += 1
            first = first or f"the document {key!r}: {error}"
    if misfits:
        documents = "1 document has a value" if misfits == 1 else f"{misfits:,} documents have values"
        raise InvalidMetadata(
            f"{documents} that this field could not take, for example {first} Change that first, or declare the "
            "field as text.",
            field=field.name,
        )


def derive_again(fields: Sequence[MetadataField]) -> int:
    """Derive the values of saved fields of one collection anew, from what documents have or had in them.

    Returns how many documents are projected anew. Raises InvalidMetadata if a value does not fit, see `check_fit`.
    """
    if not fields:
        return 0
    concerned = {document_id for document_id, _key, _raw in _raw_values(fields)}
    concerned |= set(MetadataValue.objects.filter(field__in=fields).values_list("document", flat=True))
    ids = iter(sorted(concerned))
    while batch := list(islice(ids, BATCH)):
        _derive_batch(fields, batch)
    return len(concerned)


def forget(fields: Sequence[MetadataField]) -> int:
    """Delete fields; documents keep their raw values. Returns how many documents are projected anew without them."""
    concerned = set(MetadataValue.objects.filter(field__in=fields).values_list("document", flat=True))
    with transaction.atomic():
        services.resync(Document.objects.alive().filter(pk__in=concerned))
        for field in fields:
            field.delete()
    return len(concerned)


@transaction.atomic
def _derive_batch(fields: Sequence[MetadataField], document_ids: list[int]) -> None:
    # Takes the locks in the order that every writer keeps; the raw values are read under them.
    services.resync(Document.objects.alive().filter(pk__in=document_ids))
    MetadataValue.objects.filter(field__in=fields, document__in=document_ids).delete()
    tz = ZoneInfo(fields[0].collection.time_zone)
    values = []
    documents = Document.objects.alive().filter(pk__in=document_ids)
    for document_id, metadata in documents.values_list("pk", "metadata"):
        flat = flatten(metadata)
        for field in fields:
            if not field.filterable or field.source_name not in flat:
                continue
            parsed = parse_value(flat[field.source_name], field.spec, tz=tz)
            values += [
                MetadataValue(document_id=document_id, field=field, position=position, **{field.type: value})
                for position, value in enumerate(parsed)
            ]
    MetadataValue.objects.bulk_create(values, batch_size=2000)


def _raw_values(fields: Sequence[MetadataField]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield id, key and flat raw values of the documents that have one for any of `fields`, all of one collection."""
    names = {field.source_name for field in fields}
    documents = Document.objects.alive().filter(collection=fields[0].collection).order_by("pk")
    for document_id, key, metadata in documents.values_list("pk", "key", "metadata").iterator(chunk_size=_PAGE):
        flat = flatten(metadata)
        if not names.isdisjoint(flat):
            yield document_id, key, flat
