"""Metadata fields of a collection: inferred from the data that first brings them, then declared and binding."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Max

from collections_app.metadata import FieldSpec, flatten, infer_fields, normalise_name
from collections_app.models import Collection, MetadataField

MOST_FIELDS = 100


def declare(collection: Collection, rows: Iterable[Mapping[str, Any]]) -> list[MetadataField]:
    """Declare the fields that `rows` (raw metadata) bring and the collection does not have yet; return these.

    Beyond MOST_FIELDS in a collection, values are kept with their documents but cannot be filtered by.
    """
    known = set(MetadataField.objects.filter(collection=collection).values_list("source_name", flat=True))
    news = ({key: value for key, value in flatten(row).items() if key not in known} for row in rows)
    return declare_as(collection, infer_fields(news))


def declare_as(collection: Collection, specs: Iterable[FieldSpec]) -> list[MetadataField]:
    """Declare fields for values under the names of `specs`, each of its type, unless the collection has one.

    The same bound holds as in `declare`.
    """
    known = MetadataField.objects.filter(collection=collection)
    names = set(known.values_list("name", flat=True))
    sources = set(known.values_list("source_name", flat=True))
    position = (known.aggregate(Max("position"))["position__max"] or 0) + 1
    news = [spec for spec in specs if spec.name not in sources]
    fresh: list[MetadataField] = []
    for spec in news[: max(0, MOST_FIELDS - len(names))]:
        name = normalise_name(spec.name, taken=names)
        names.add(name)
        fresh.append(
            MetadataField(
                collection=collection,
                name=name,
                label=_label(spec.name),
                source_name=spec.name[:300],
                type=spec.type.value,
                is_list=spec.is_list,
                filterable=spec.filterable,
                position=position + len(fresh),
            )
        )
    # Two workers may meet the same new field at once; the first one's type stands.
    return MetadataField.objects.bulk_create(fresh, ignore_conflicts=True)


def _label(source_name: str) -> str:
    """Return what people read: "file_type" is "File type", while "Release Year" and "导演" stay as they are."""
    words = source_name.replace("_", " ").strip()
    return (words[:1].upper() + words[1:])[:200]
