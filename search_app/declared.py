"""The declared fields of one or more collections, and filters over them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from collections_app.exceptions import InvalidFilter
from collections_app.metadata import FieldSpec
from collections_app.models import Collection, MetadataField
from collections_app.prepared import Many, prepared

T = TypeVar("T")


def shared_fields(collection_ids: Sequence[int]) -> list[MetadataField]:
    """Return the filterable fields that each of the collections declares with the same type, in their order."""
    declared = prepared(
        lambda: MetadataField.objects.filter(collection__in=Many("collections"), filterable=True).order_by(
            "position", "name", "pk"
        )
    ).rows(collections=collection_ids)
    if len(collection_ids) == 1:
        return declared
    kinds: dict[str, list[tuple[str, bool]]] = {}
    for field in declared:
        kinds.setdefault(field.name, []).append((field.type, field.is_list))
    shared = {name for name, of in kinds.items() if len(of) == len(set(collection_ids)) and len(set(of)) == 1}
    return [field for field in declared if field.name in shared]


Read = Callable[[Sequence[FieldSpec], tzinfo], T]


def read_filter(read: Read[T], collections: Sequence[Collection], fields: Sequence[MetadataField]) -> T:
    """Return what `read` makes of a filter over `fields`, which the collections share.

    `read` is given their declarations, and the time zone for naive date-times: that of the first collection. Raises
    InvalidFilter, also for a field that not all of the collections declare alike.
    """
    specs = _specs(fields)
    try:
        return read(specs, ZoneInfo(collections[0].time_zone))
    except InvalidFilter as error:
        reason = _not_shared(error.field, collections) if len(collections) > 1 else ""
        if not reason:
            raise
        raise InvalidFilter(reason, field=error.field, operator=error.operator) from error


def _specs(fields: Sequence[MetadataField]) -> list[FieldSpec]:
    """Return one for each name, which knows the rows of all the collections that declare it."""
    specs: dict[str, FieldSpec] = {}
    for field in fields:
        known = specs.get(field.name)
        spec = field.spec
        specs[field.name] = replace(known, declared=known.declared + spec.declared) if known else spec
    return list(specs.values())


def _not_shared(name: str, collections: Sequence[Collection]) -> str:
    """Say why a field cannot filter these collections together, "" if none of them has it, or all have."""
    declared = {
        field.collection_id: field
        for field in MetadataField.objects.filter(collection__in=collections, name=name, filterable=True)
    }
    kinds = {(field.type, field.is_list) for field in declared.values()}
    if not declared or (len(declared) == len(collections) and len(kinds) == 1):
        return ""
    said = _("; ").join(
        _("in “%(collection)s” it is %(type)s") % {"collection": collection, "type": _kind(declared.get(collection.pk))}
        for collection in collections
    )
    return _(
        "“%(name)s” cannot filter these collections together: %(said)s. Search them one by one, or declare the field "
        "alike in each."
    ) % {"name": name, "said": said}


def _kind(field: MetadataField | None) -> str:
    if field is None:
        return _("no filter")
    kind = field.get_type_display()
    return _("a list of %(type)s") % {"type": kind} if field.is_list else kind
