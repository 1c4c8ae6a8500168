"""The filters beside an answer: of each field the values to tick with their counts, ranges to choose, and inputs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from django.utils.translation import gettext as _

from collections_app.metadata import FieldType
from collections_app.models import MetadataField
from search_app.facet_links import RangeLink, range_links
from search_app.facets import MOST_VALUES, Among, Facet, Facets
from search_app.field_values import distinct_texts
from search_app.parameters import Parameters, key_of
from search_app.results import as_parameter, in_words

MOST_CHOICES = 30
LONGEST_CHOICE = 60
# Values of a field that are shown at once; the others wait behind "more".
SHOWN_CHOICES = 6
# Fields that are shown at once; the others wait behind "more filters".
PROMINENT = 6
# How a field of each type is most often compared.
_SIGNS = {type_: ":" if type_ in (FieldType.TEXT, FieldType.BOOLEAN) else ">=" for type_ in FieldType}
_INPUTS = {FieldType.DATE: "date", FieldType.DATETIME: "datetime-local"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that can be ticked. `count` is how many of the counted documents have it, None where that is not known.

    `element` is the id of its box, the same in every answer.
    """

    value: str
    label: str
    chosen: bool
    count: int | None
    element: str


@dataclass(frozen=True, slots=True)
class Input:
    """A single input: its parameter, what people read beside it, its value, and its id, the same in every answer."""

    key: str
    label: str
    value: str
    element: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How one field is filtered: by ticking `choices` under `key`, following `ranges`, or typing into `inputs`.

    `name` is the field's, `type` that of the inputs. `problem` says why what it is set to cannot be read, in the
    element `slot`.
    """

    name: str
    label: str
    key: str
    slot: str
    choices: Sequence[Choice] = ()
    folded: Sequence[Choice] = ()
    ranges: Sequence[RangeLink] = ()
    inputs: Sequence[Input] = ()
    type: str = "text"
    problem: str = ""

    @property
    def is_set(self) -> bool:
        ticked = any(choice.chosen for choice in (*self.choices, *self.folded))
        return ticked or bool(self.problem) or any(item.value for item in self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterForm:
    """The controls of the fields, and the filters of the address that no control stands for.

    The choices are counted `among` so many `documents`; `among` is None where nothing was counted. `typed` shows how
    one of the fields is filtered in the question.
    """

    prominent: Sequence[Control] = ()
    others: Sequence[Control] = ()
    hidden: Sequence[tuple[str, str]] = ()
    typed: str = ""
    documents: int = 0
    among: Among | None = None

    @property
    def others_are_set(self) -> bool:
        return any(control.is_set for control in self.others)


def filter_form(
    fields: Sequence[MetadataField],
    parameters: Parameters,
    *,
    facets: Facets | None = None,
    wrong_field: str = "",
    problem: str = "",
) -> FilterForm:
    """Return the filters over `fields` as `parameters` set them, counted by `facets`.

    `fields` are those that one or more collections declare alike. `problem` is what is wrong with the filter of
    `wrong_field`.
    """
    counted = {facet.name: facet for facet in facets.fields} if facets else {}
    by_name: dict[str, list[MetadataField]] = defaultdict(list)
    for declared in fields:
        by_name[declared.name].append(declared)
    controls = []
    for name, same in by_name.items():
        wrong = problem if name == wrong_field else ""
        control = _control(same, parameters, counted.get(name), problem=wrong)
        if control:
            controls.append(control)
    shown = {control.key for control in controls if control.choices}
    shown |= {item.key for control in controls for item in control.inputs}
    return FilterForm(
        prominent=controls[:PROMINENT],
        others=controls[PROMINENT:],
        hidden=[pair for pair in parameters.filters if pair[0] not in shown],
        typed=next((f"{field.name}{_SIGNS[FieldType(field.type)]}…" for field in fields), ""),
        documents=facets.documents if facets else 0,
        among=facets.among if facets else None,
    )


def _control(
    same: Sequence[MetadataField], parameters: Parameters, facet: Facet | None, *, problem: str
) -> Control | None:
    """Return the control of the fields of one name, None for a text field of which no document has a value."""
    field = same[0]
    given: dict[str, list[str]] = defaultdict(list)
    for key, value in parameters.filters:
        given[key].append(value)
    control = Control(
        name=field.name,
        label=str(field),
        key=key_of(field.name),
        slot=_element("problem", field.name),
        problem=problem,
    )
    match FieldType(field.type):
        case FieldType.TEXT:
            return _of_text(same, given, facet, control)
        case FieldType.BOOLEAN:
            return replace(control, choices=_choices(control.key, ["true", "false"], given, facet))
        case type_:
            ends = ((key_of(field.name, "gte"), _("from")), (key_of(field.name, "lte"), _("to")))
            inputs = [_input(key, label, given) for key, label in ends]
            ranges = range_links(facet, parameters) if facet else []
            return replace(control, ranges=ranges, inputs=inputs, type=_INPUTS.get(type_, "number"))


def _of_text(
    same: Sequence[MetadataField], given: Mapping[str, list[str]], facet: Facet | None, control: Control
) -> Control | None:
    """Offer all values of a field that has few, else those that were counted, and an input."""
    known = distinct_texts([field.pk for field in same], limit=MOST_CHOICES + 1)
    if not known and not given[control.key]:
        return None
    is_short = len(known) <= MOST_CHOICES and all(len(value) <= LONGEST_CHOICE for value in known)
    values = known if is_short else [bucket.value for bucket in facet.buckets] if facet else []
    choices = _choices(control.key, values, given, facet)
    shown = [choice for place, choice in enumerate(choices) if place < SHOWN_CHOICES or choice.chosen]
    # A fold for one or two would take as much room as they do.
    shown = shown if len(shown) + 2 < len(choices) else choices
    folded = [choice for choice in choices if choice not in shown]
    inputs = []
    if not is_short:
        label = _("is exactly") if same[0].is_list else _("contains")
        inputs = [_input(key_of(control.name, "contains"), label, given)]
    return replace(control, choices=shown, folded=folded, inputs=inputs)


def _choices(key: str, values: Sequence[str], given: Mapping[str, list[str]], facet: Facet | None) -> list[Choice]:
    """Return `values` and those that are set, those that most documents have first."""
    is_flag = bool(facet and facet.type is FieldType.BOOLEAN) or tuple(values) == ("true", "false")
    chosen = {value.lower() if is_flag else value for value in given[key]}
    counts = {as_parameter(bucket.value): bucket.count for bucket in facet.buckets} if facet else {}
    # Of a field that is filtered, among some of the documents, and beyond the most frequent values, nothing is
    # known of what was not counted.
    is_known = facet is not None and facet.is_whole and not facet.is_filtered and len(counts) < MOST_VALUES
    labels = {"true": in_words(True), "false": in_words(False)} if is_flag else {}
    found = [
        Choice(
            value=value,
            label=labels.get(value, value),
            chosen=value in chosen,
            count=counts.get(value, 0 if is_known else None),
            element=_element("value", f"{key}={value}"),
        )
        for value in dict.fromkeys([*values, *sorted(chosen)])
    ]
    return sorted(found, key=lambda choice: -(choice.count or 0))


def _input(key: str, label: str, given: Mapping[str, list[str]]) -> Input:
    return Input(key, label, next(iter(given.get(key, [])), ""), _element("input", key))


def _element(kind: str, name: str) -> str:
    """Return an id for an element; names and values may hold what no id may."""
    return f"{kind}-{sha256(name.encode()).hexdigest()[:12]}"
