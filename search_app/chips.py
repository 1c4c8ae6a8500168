"""Set filters as people see them, each with the address of the search without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from collections_app.models import MetadataField
from search_app.filters import Condition, Expression, Not, Phrase, by_name, split_key
from search_app.parameters import Parameters
from search_app.question import TypedFilter
from search_app.results import in_words


@dataclass(frozen=True, slots=True)
class Chip:
    """A set filter in words, and the address of the search without it."""

    label: str
    value: str
    url: str


def set_filters(
    parameters: Parameters, fields: Sequence[MetadataField], typed: Sequence[TypedFilter] = ()
) -> list[Chip]:
    """Return the filters of the address and those typed in its question. They are known to be valid."""
    labels = {field.name: str(field) for field in fields}
    known = by_name(field.spec for field in fields)
    chips = []
    for key, value in parameters.filters:
        name, operator = split_key(key, known)
        shown = {"true": _("Yes"), "false": _("No")}.get(value, value)
        chips.append(Chip(f"{labels[name]} {_sign(operator)}", shown, _url(parameters.without_filter(key, value))))
    return chips + [
        Chip(*_words(part.expression, part.source, labels), _url(parameters.asking(part.line_without)))
        for part in typed
    ]


def _url(parameters: Parameters) -> str:
    return parameters.query_string or reverse("search:search")


def _words(expression: Expression, source: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """Return label and value of a typed filter; one of several conditions is shown as it was typed."""
    match expression:
        case Condition(field, operator, values):
            return f"{labels[field.name]} {_sign(operator)}", _joined(values, operator)
        case Phrase(words):
            return _("exactly"), " ".join(words)
        case Not(part) if isinstance(part, Condition | Phrase):
            label, value = _words(part, source, labels)
            return _("not: %(filter)s") % {"filter": label}, value
        case _:
            return "", source


def _joined(values: Sequence[Any], operator: str) -> str:
    return (" – " if operator == "between" else _(", ")).join(map(in_words, values))


def _sign(operator: str) -> str:
    signs = {
        "eq": "=",
        "ne": "≠",
        "in": _("is one of"),
        "nin": _("is none of"),
        "lt": "<",
        "lte": "≤",
        "gt": ">",
        "gte": "≥",
        "between": _("between"),
        "contains": _("contains"),
        "any": _("has one of"),
        "all": _("has all of"),
        "exists": _("given:"),
    }
    return signs[operator]
