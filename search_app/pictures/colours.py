"""What the points of the map are coloured by: their cluster, or a field of their documents.

A point has a class, drawn in a colour and a shape of its own: 32 of them for clusters and values, STEPS of a scale for
numbers and dates, and one each for other values and for none.
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
    """The class of each present place, [n], and the legend. On a scale, classes are steps of it."""

    choices: Sequence[Choice]
    classes: Classes
    is_scale: bool
    legend: Sequence[Line]
    takes_first: bool = False

    @property
    def is_by_cluster(self) -> bool:
        return self.choices[0].is_chosen


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
    """Divide the values into steps that have about as many points each, whatever their distribution.

    Steps of equal width would show one colour alone where a few values are far larger than the rest.
    """
    known = [row for row, value in enumerate(values) if value is not None]
    sizes = np.array([_size(values[row]) for row in known], dtype=np.float64)
    ordered = np.sort(sizes)
    # Equal values have the step of the middle one of them.
    ranks = (np.searchsorted(ordered, sizes, "left") + np.searchsorted(ordered, sizes, "right")) / 2
    steps = np.minimum(ranks * STEPS // max(1, len(sizes)), STEPS - 1).astype(np.int64)
    classes = np.full(len(values), NONE, dtype=np.int64)
    classes[known] = steps
    legend = []
    for step in np.unique(steps).tolist():
        members = np.flatnonzero(steps == step)
        least, most = (values[known[int(members[at])]] for at in (sizes[members].argmin(), sizes[members].argmax()))
        ends = dict.fromkeys([_written(least), _written(most)])
        legend.append(Line(Sign(step, is_step=True), " – ".join(ends), len(members)))
    return Colours(choices, classes, is_scale=True, legend=legend + _rest(classes), takes_first=field.is_list)


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
