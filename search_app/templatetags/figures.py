"""Numbers as people read them."""

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy

register = template.Library()

_STEPS = {
    "embed": gettext_lazy("Question embedded"),
    "words": gettext_lazy("Words looked up"),
    "count": gettext_lazy("Candidates counted"),
    "compare": gettext_lazy("Passages compared"),
    "store": gettext_lazy("Vector store asked"),
    "check": gettext_lazy("Its answer checked in SQL"),
    "fuse": gettext_lazy("Both put into one order"),
    "read": gettext_lazy("Passages read"),
}


@register.filter
def grouped(value: int) -> str:
    """Return a whole number with its thousands set apart as the reader's language does it: 12,034."""
    return str(number_format(value, force_grouping=True))


@register.filter
def step_name(step: str) -> str:
    """Return what a timed step of a search (`SearchResponse.timings`) is called."""
    return str(_STEPS.get(step, step))
