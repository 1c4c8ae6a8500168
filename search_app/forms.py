"""The filters of a collection as inputs of the search form, each with what it is set to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from django.db import connection
from django.utils.translation import gettext as _

from collections_app.metadata import FieldType
from collections_app.models import Collection, MetadataField, MetadataValue
from search_app.declared import shared_fields
from search_app.parameters import Parameters, key_of

MOST_CHOICES = 30
LONGEST_CHOICE = 60
# Values that a browser offers while one is typed. With more than these none are: a part of them would mislead.
MOST_SUGGESTIONS = 200
# Controls that are shown at once; the others wait behind "more filters".
PROMINENT = 6
# How a field of each type is most often compared.
_SIGNS = {type_: ":" if type_ in (FieldType.TEXT, FieldType.BOOLEAN) else ">=" for type_ in FieldType}


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that can be ticked or selected."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Input:
    """A single input: its parameter, what people read beside it, and its value."""

    key: str
    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How one field is filtered. `kind` names the template's way to draw it.

    `slot` is the id of the place beside it where `problem` stands: why what it is set to cannot be read.
    """

    kind: str
    label: str
    inputs: tuple[Input, ...] = ()
    choices: tuple[Choice, ...] = ()
    suggestions: tuple[str, ...] = ()
    type: str = "text"
    slot: str = ""
    problem: str = ""

    @property
    def is_set(self) -> bool:
        return (
            bool(self.problem)
            or any(item.value for item in self.inputs)
            or any(choice.chosen and choice.value for choice in self.choices)
        )


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The controls of a collection, and the filters of the address that no control stands for.

    `spare_slots` are those of fields without a control: an answer fills every field's. `typed` shows how one of the
    fields is filtered in the question.
    """

    prominent: Sequence[Control]
    others: Sequence[Control]
    hidden: Sequence[tuple[str, str]]
    spare_slots: Sequence[str]
    typed: str

    @property
    def others_are_set(self) -> bool:
        return any(control.is_set for control in self.others)


def filter_form(
    collection: Collection, parameters: Parameters, *, wrong_field: str = "", problem: str = ""
) -> FilterForm:
    """Return the form's filters as `parameters` set them, with what is wrong beside the field that it is about."""
    controls, spare_slots = [], []
    fields = shared_fields([collection.pk])
    for field in fields:
        slot, control = _slot_of(field.name), _control(field, parameters)
        if control is None:
            spare_slots.append(slot)
        else:
            controls.append(replace(control, slot=slot, problem=problem if field.name == wrong_field else ""))
    shown = {item.key for control in controls for item in control.inputs}
    hidden = [pair for pair in parameters.filters if pair[0] not in shown]
    typed = next((f"{field.name}{_SIGNS[FieldType(field.type)]}…" for field in fields), "")
    return FilterForm(controls[:PROMINENT], controls[PROMINENT:], hidden, spare_slots, typed)


def problem_slots(collection: Collection, *, wrong_field: str, problem: str) -> list[tuple[str, str]]:
    """Return the id of every field's slot with what stands in it now, for a form that is on the screen already."""
    names = MetadataField.objects.filter(collection=collection, filterable=True).values_list("name", flat=True)
    return [(_slot_of(name), problem if name == wrong_field else "") for name in names]


def _slot_of(field: str) -> str:
    """Return the id of the place for what is wrong with a field; names may hold what no id may."""
    return f"problem-{sha256(field.encode()).hexdigest()[:12]}"


def _control(field: MetadataField, parameters: Parameters) -> Control | None:
    """Return the control of a field, None for a text field of which no document has a value."""
    match FieldType(field.type):
        case FieldType.BOOLEAN:
            return _yes_or_no(field, parameters)
        case FieldType.TEXT:
            return _text(field, parameters)
        case FieldType.DATE:
            return _range(field, parameters, type="date")
        case FieldType.DATETIME:
            return _range(field, parameters, type="datetime-local")
        case _:
            return _range(field, parameters, type="number")


def _yes_or_no(field: MetadataField, parameters: Parameters) -> Control:
    key = key_of(field.name)
    given = dict(parameters.filters).get(key, "")
    labels = {"": _("Any"), "true": _("Yes"), "false": _("No")}
    choices = tuple(Choice(value, label, given.lower() == value) for value, label in labels.items())
    return Control(kind="select", label=str(field), inputs=(Input(key, str(field), given),), choices=choices)


def _text(field: MetadataField, parameters: Parameters) -> Control | None:
    values = distinct_texts(field.pk, limit=MOST_SUGGESTIONS + 1)
    if not values:
        return None
    key = key_of(field.name)
    if len(values) <= MOST_CHOICES and all(len(value) <= LONGEST_CHOICE for value in values):
        chosen = {value for given, value in parameters.filters if given == key}
        offered = [*values, *sorted(chosen - set(values))]
        choices = tuple(Choice(value, value, value in chosen) for value in offered)
        return Control(kind="choices", label=str(field), inputs=(Input(key, str(field), ""),), choices=choices)
    key = key_of(field.name, "eq" if field.is_list else "contains")
    label = _("is exactly") if field.is_list else _("contains")
    value = dict(parameters.filters).get(key, "")
    suggestions = tuple(values) if len(values) <= MOST_SUGGESTIONS else ()
    return Control(kind="text", label=str(field), inputs=(Input(key, label, value),), suggestions=suggestions)


def _range(field: MetadataField, parameters: Parameters, *, type: str) -> Control:
    given = dict(parameters.filters)
    ends = ((key_of(field.name, "gte"), _("from")), (key_of(field.name, "lte"), _("to")))
    inputs = tuple(Input(key, label, given.get(key, "")) for key, label in ends)
    return Control(kind="range", label=str(field), inputs=inputs, type=type)


def distinct_texts(field_id: int, *, limit: int) -> list[str]:
    """Return the first `limit` different values of a text field, in order.

    Steps from value to value through the index instead of reading all rows, as SELECT DISTINCT would: 30 values of
    100,000 documents take as long as 30 of a hundred.
    """
    quote = connection.ops.quote_name
    table, field, text = (quote(name) for name in (MetadataValue._meta.db_table, "field_id", "text"))
    sql = f"""
        WITH RECURSIVE step(value) AS (
            SELECT MIN({text}) FROM {table} WHERE {field} = %s AND {text} IS NOT NULL
            UNION ALL
            SELECT (SELECT MIN({text}) FROM {table} WHERE {field} = %s AND {text} > step.value)
            FROM step WHERE step.value IS NOT NULL
        )
        SELECT value FROM step WHERE value IS NOT NULL LIMIT %s
    """  # noqa: S608 - names of our own model
    with connection.cursor() as cursor:
        cursor.execute(sql, [field_id, field_id, limit])
        rows: Iterable[tuple[str]] = cursor.fetchall()
    return [value for (value,) in rows]
