"""What is said to somebody whose filter cannot be read: field, operator and remedy. Pure."""

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from collections_app.exceptions import InvalidFilter
from collections_app.metadata import FieldSpec, FieldType

_SHOWN = 100
_BITS = 64
# Names shorter than this are too easily one letter away from any other word.
_LEAST_NEAR = 4
_EXAMPLES = {
    FieldType.TEXT: gettext_noop("some text"),
    FieldType.INTEGER: gettext_noop("a whole number such as 1999"),
    FieldType.NUMBER: gettext_noop("a number such as 7.5"),
    FieldType.BOOLEAN: gettext_noop("true or false"),
    FieldType.DATE: gettext_noop("a date such as 2024-05-31"),
    FieldType.DATETIME: gettext_noop("a date and time such as 2024-05-31T14:30"),
}


def unknown_field(name: str, known: Iterable[str]) -> InvalidFilter:
    """Return the error for a field that is not declared; it names those that are, and the one that may be meant."""
    name, known = name[:_SHOWN], list(known)
    remedy = (
        _("Its filters are: %(known)s.") % {"known": ", ".join(known)}
        if known
        else _("It has no filters; an administrator can declare some.")
    )
    if near := nearest(name, known):
        remedy += " " + _("Did you mean “%(near)s”?") % {"near": near}
    return InvalidFilter(_("This collection has no filter “%(name)s”.") % {"name": name} + " " + remedy, field=name)


def unknown_field_in_line(name: str, known: Iterable[str]) -> InvalidFilter:
    """Return the same for a typed line, in which it might also be a part of the question."""
    remedy = _("If it belongs to the question, put a space on each side of the sign.")
    return InvalidFilter(f"{unknown_field(name, known)} {remedy}", field=name[:_SHOWN])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that `name` is one slip away from: a letter wrong, missing or too many, or two swapped."""
    if len(name) < _LEAST_NEAR:
        return None
    return next((other for other in known if len(other) >= _LEAST_NEAR and _one_slip_apart(name, other)), None)


def _one_slip_apart(left: str, right: str) -> bool:
    if abs(len(left) - len(right)) > 1:
        return False
    shorter = min(len(left), len(right))
    start = next((at for at in range(shorter) if left[at] != right[at]), shorter)
    left, right = left[start:], right[start:]
    swapped = right[1::-1] + right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or left == swapped


def unknown_operator(name: str, operator: str, written: str, *, known: Iterable[str]) -> InvalidFilter:
    """Return the error for an operator that is not in the table. `written` is how the filter was written."""
    return InvalidFilter(
        _("The filter “%(key)s” uses the unknown operator “%(operator)s”. Operators of this field: %(known)s.")
        % {"key": written[:_SHOWN], "operator": operator[:_SHOWN], "known": ", ".join(known)},
        field=name,
        operator=operator[:_SHOWN],
    )


def unfit_operator(name: str, operator: str, *, known: Iterable[str]) -> InvalidFilter:
    """Return the error for an operator that does not compare fields of this type."""
    return InvalidFilter(
        _("“%(operator)s” cannot be used with “%(name)s”. Operators of this field: %(known)s.")
        % {"operator": operator, "name": name, "known": ", ".join(known)},
        field=name,
        operator=operator,
    )


def no_range(name: str, operator: str, raws: Sequence[Any]) -> InvalidFilter:
    """Return the error for a `between` that has not two ends."""
    return InvalidFilter(
        _("“%(name)s__between” needs two values with a comma between them, such as from,to; “%(raw)s” is not that.")
        % {"name": name, "raw": ",".join(str(raw)[:_SHOWN] for raw in raws[:4])},
        field=name,
        operator=operator,
    )


def wrong_number(name: str, operator: str, count: int, *, most: int) -> InvalidFilter:
    """Return the error for no values, or for more than an operator takes."""
    message = (
        _("“%(name)s” (%(operator)s) was given %(count)d values; give one.")
        if most == 1
        else _("“%(name)s” (%(operator)s) was given %(count)d values; give 1 to %(most)d.")
    )
    words = {"name": name, "operator": operator, "count": count, "most": most}
    return InvalidFilter(message % words, field=name, operator=operator)


def unfit_value(field: FieldSpec, operator: str, raw: Any) -> InvalidFilter:
    """Return the error for a value that is not of the field's type."""
    return InvalidFilter(
        _("“%(raw)s” does not fit the filter “%(name)s” (%(operator)s); give %(example)s.")
        % {"raw": _shown(raw), "name": field.name, "operator": operator, "example": _(_EXAMPLES[field.type])},
        field=field.name,
        operator=operator,
    )


def _shown(raw: Any) -> str:
    if isinstance(raw, str):
        return raw[:_SHOWN]
    # One of thousands of digits cannot even be written.
    if isinstance(raw, int) and raw.bit_length() > _BITS:
        return _("a number of %(bits)d bits") % {"bits": raw.bit_length()}
    return reprlib.repr(raw)


def long_phrase(text: str, *, most: int) -> InvalidFilter:
    """Return the error for a phrase that is longer than anything that is looked for word by word."""
    return InvalidFilter(
        _("The phrase “%(start)s…” has %(count)d characters; give at most %(most)d.")
        % {"start": text[:30], "count": len(text), "most": most},
        operator="phrase",
    )


def too_many(count: int, *, most: int) -> InvalidFilter:
    """Return the error for an expression of more conditions than a statement should hold."""
    return InvalidFilter(
        _("There are %(count)d filters; at most %(most)d may be used at once.") % {"count": count, "most": most}
    )


def too_deep(*, most: int) -> InvalidFilter:
    """Return the error for an expression of more levels than a statement should hold."""
    return InvalidFilter(_("The filter is nested more than %(most)d levels deep; write it flatter.") % {"most": most})


def joins_words(joining: str, words: str) -> InvalidFilter:
    """Return the error for OR between a filter and words, which a question is compared with but not filtered by."""
    message = (
        _("“%(joining)s” joins filters, and “%(words)s” is none. Put it in quotes to find these words exactly, or "
          "write “%(small)s” in small letters if it belongs to the question.")
        if words
        else _("“%(joining)s” joins filters, and there is none on one side of it. Add one, or write “%(small)s” in "
               "small letters if it belongs to the question.")
    )  # fmt: skip
    shown = {"joining": joining, "small": joining.lower(), "words": words[:_SHOWN]}
    return InvalidFilter(message % shown, operator=joining.lower())


def lonely_parenthesis(parenthesis: str) -> InvalidFilter:
    """Return the error for a parenthesis beside a filter that has no counterpart."""
    return InvalidFilter(
        _("The parenthesis “%(parenthesis)s” beside a filter has no counterpart. Add it, or put the value in quotes.")
        % {"parenthesis": parenthesis}
    )
