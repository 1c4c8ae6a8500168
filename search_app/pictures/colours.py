"""What the points of the map are coloured by: their cluster, or a field of their documents.

A point has a class, drawn in a colour and a shape of its own: 32 of them for clusters and values, seven steps of a
scale for numbers and dates, and one each for other values and for none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from collections_app.metadata import FieldType
from collections_app.models import MetadataField, MetadataValue
from collections_app.prepared import Many, Parameter, prepared
from search_app.declared import shared_fields
from search_app.pictures.clusters import ShownClusters
from search_app.pictures.present import Present
from search_app.results import in_words

MOST_VALUES = 12
STEPS = 7
_COLOURS = 8
OTHER, NONE = 100, 101
# The share of values at either end that is drawn in the colour of the end, so that one far off does not take them all.
_BEYOND = 0.02

Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """What points can be coloured by: "" for clusters, or the name of a field."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Sign:
    """How a class is drawn. The numbers of values and clusters count from 0; OTHER and NONE are grey."""

    number: int
    is_step: bool = False

    @property
    def colour(self) -> str:
        """The name of the colour in the style sheet."""
        if self.number >= OTHER:
            return "other" if self.number == OTHER else "none"
        return f"step-{self.number}" if self.is_step else f"value-{self.number % _COLOURS}"

    def path(self, x: float = 6.0, y: float = 6.0) -> str:
        """Return the outline around a place: one of four shapes, so that nobody needs to tell colours apart."""
        is_shaped = self.number < OTHER and not self.is_step
        match (self.number + self.number // _COLOURS) % 4 if is_shaped else 0:
            case 0:
                return f"M{x - 3:g} {y:g}a3 3 0 1 0 6 0a3 3 0 1 0-6 0z"
            case 1:
                return f"M{x - 2.7:g} {y - 2.7:g}h5.4v5.4h-5.4z"
            case 2:
                return f"M{x:g} {y - 3.9:g}l3.7 6.4h-7.4z"
            case _:
                return f"M{x:g} {y - 3.9:g}l3.9 3.9l-3.9 3.9l-3.9-3.9z"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the legend: what a class stands for, how many points have it, and where that is written on the map."""

    sign: Sign
    label: str
    count: int
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """The class of each present place, [n], and the legend. On a scale, `least` and `most` are its ends in words."""

    choices: Sequence[Choice]
    classes: Classes
    is_scale: bool
    legend: Sequence[Line]
    least: str = ""
    most: str = ""
    takes_first: bool = False


def colours_of(present: Present, clusters: ShownClusters | None, chosen: str) -> Colours:
    """Colour by the field of the name `chosen`, or by clusters where there is none of that name."""
    fields = {field.name: field for field in shared_fields([present.index.collection_id])}
    field = fields.get(chosen)
    choices = [
        Choice("", _("Clusters"), field is None),
        *(Choice(name, str(known), known is field) for name, known in fields.items()),
    ]
    if field is None:
        return _by_cluster(present, clusters, choices)
    values = _values_of(present, field)
    if FieldType(field.type) in (FieldType.TEXT, FieldType.BOOLEAN):
        return _by_value(values, field, choices)
    return _by_size(values, field, choices)


def _by_cluster(present: Present, clusters: ShownClusters | None, choices: Sequence[Choice]) -> Colours:
    if clusters is None:
        return Colours(choices, np.full(len(present.places), NONE), is_scale=False, legend=[])
    coordinates = present.coordinates
    legend = []
    for place, cluster in enumerate(clusters.clusters):
        if cluster.size:
            # The median stays among the points where a mean of two crowds would not.
            x, y = np.median(coordinates[clusters.labels == place], axis=0).tolist()
            legend.append(Line(Sign(place), cluster.name, cluster.size, x, y))
    return Colours(choices, clusters.labels, is_scale=False, legend=legend)


def _values_of(present: Present, field: MetadataField) -> list[Any]:
    """Return the first value that the document of each present place has, None where it has none."""
    column = field.type
    rows = prepared(
        lambda: (
            MetadataValue.objects.filter(field=Parameter("field"), position=0, document__in=Many("documents"))
            .order_by()
            .values_list("document", column)
        ),
        column,
    )
    values = dict(rows.rows(field=field.pk, documents=np.unique(present.documents).tolist()))
    return [values.get(document) for document in present.documents.tolist()]


def _by_value(values: Sequence[Any], field: MetadataField, choices: Sequence[Choice]) -> Colours:
    counted = Counter(value for value in values if value is not None)
    most = sorted(counted, key=lambda value: (-counted[value], value))[:MOST_VALUES]
    numbers: dict[Any, int] = {value: number for number, value in enumerate(most)}
    classes = np.array([NONE if value is None else numbers.get(value, OTHER) for value in values], dtype=np.int64)
    legend = [Line(Sign(number), in_words(value), counted[value]) for value, number in numbers.items()]
    return Colours(choices, classes, is_scale=False, legend=legend + _rest(classes), takes_first=field.is_list)


def _by_size(values: Sequence[Any], field: MetadataField, choices: Sequence[Choice]) -> Colours:
    """Divide the range that nearly all values are in into equal steps."""
    sizes = np.array([np.nan if value is None else _size(value) for value in values], dtype=np.float64)
    known = np.isfinite(sizes)
    classes = np.full(len(sizes), NONE, dtype=np.int64)
    if not known.any():
        return Colours(choices, classes, is_scale=True, legend=_rest(classes), takes_first=field.is_list)
    least, most = np.quantile(sizes[known], [_BEYOND, 1 - _BEYOND], method="nearest")
    width = (most - least) / STEPS
    steps = np.floor((sizes[known] - least) / width) if width > 0 else np.zeros(int(known.sum()))
    classes[known] = np.clip(steps, 0, STEPS - 1).astype(np.int64)
    by_size = dict(zip(sizes[known].tolist(), [value for value in values if value is not None], strict=False))
    return Colours(
        choices,
        classes,
        is_scale=True,
        legend=_rest(classes),
        least=_written(by_size[float(least)]),
        most=_written(by_size[float(most)]),
        takes_first=field.is_list,
    )


def _size(value: Any) -> float:
    match value:
        case datetime():
            return value.timestamp()
        case date():
            return float(value.toordinal())
        case _:
            return float(value)


def _written(value: Any) -> str:
    return str(number_format(value)) if isinstance(value, float) else in_words(value)


def _rest(classes: Classes) -> list[Line]:
    rest = [
        Line(Sign(OTHER), _("other values"), int(np.count_nonzero(classes == OTHER))),
        Line(Sign(NONE), _("no value"), int(np.count_nonzero(classes == NONE))),
    ]
    return [line for line in rest if line.count]
