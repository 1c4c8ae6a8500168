"""Numbers and names of steps as people read them."""

import json
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collections_app.reasons import in_readers_language
from search_app.plan_reasons import in_words
from search_app.planner import Reason

register = template.Library()

_STEPS = {
    "embed": gettext_lazy("Question embedded"),
    "vector": gettext_lazy("Stored vector read"),
    "words": gettext_lazy("Words looked up"),
    "count": gettext_lazy("Candidates counted"),
    "compare": gettext_lazy("Passages compared"),
    "store": gettext_lazy("Vector store asked"),
    "check": gettext_lazy("Its answer checked in SQL"),
    "fuse": gettext_lazy("Both put into one order"),
    "merge": gettext_lazy("Collections put into one order"),
    "diversify": gettext_lazy("Spread out"),
    "sort": gettext_lazy("Sorted"),
    "read": gettext_lazy("Passages read"),
    "facets": gettext_lazy("Facets counted"),
}
_STRATEGIES = {
    "exact": gettext_lazy("every passage compared in SQL"),
    "memory": gettext_lazy("every passage that the filters keep compared in memory, the best again in SQL"),
    "overfetch": gettext_lazy("the vector store asked for more than wanted, and checked in SQL"),
    "lexical": gettext_lazy("words looked up, best matches first"),
}
_SOURCES = {
    "override": gettext_lazy("set for the collection"),
    "calibrated": gettext_lazy("learned from its passages"),
    "default": gettext_lazy("assumed; nothing was learned yet"),
}
_STANDINGS = {
    "there": gettext_lazy("yes"),
    "not_yet": gettext_lazy("not yet; it is read while searches go on"),
    "too_few": gettext_lazy("no; SQL compares so few passages as quickly"),
    "too_large": gettext_lazy("no; it does not fit into VECTOR_MEMORY_MB, so the store names and SQL checks"),
    "off": gettext_lazy("no; VECTOR_MEMORY_MB is 0"),
}
_LEGS = {"cosine": gettext_lazy("meaning"), "bm25": gettext_lazy("words")}
_WHY = {
    "unknown": gettext_lazy("no passage of this index by that id"),
    "superseded": gettext_lazy("replaced or deleted since"),
    "filtered": gettext_lazy("the filters do not keep its document"),
    "outdone": gettext_lazy("another passage of its document ranks higher"),
}


@register.filter
def grouped(value: int) -> str:
    """Return a whole number with its thousands set apart as the reader's language does it: 12,034."""
    return str(number_format(value, force_grouping=True))


@register.filter
def told(reason: str) -> str:
    """Return why something failed in the reader's language."""
    return in_readers_language(reason)


@register.filter
def plan_reason(reason: Reason) -> str:
    """Return why a plan was chosen in words."""
    return in_words(reason)


@register.filter
def standing_name(standing: str) -> str:
    """Return whether an index is in memory, in words."""
    return str(_STANDINGS[standing])


@register.filter
def step_name(step: str) -> str:
    """Return what a timed step of a search (`SearchResponse.timings`) is called."""
    return str(_STEPS.get(step, step))


@register.filter
def strategy_name(strategy: str) -> str:
    return str(_STRATEGIES.get(strategy, strategy))


@register.filter
def leg_name(leg: str) -> str:
    """Return what the leg of a measure compares."""
    return str(_LEGS.get(leg, leg))


@register.filter
def why_dropped(code: str) -> str:
    return str(_WHY.get(code, code))


@register.filter
def as_percent(share: float) -> str:
    """Return a share from 0 to 1 in per cent, small ones with a digit more."""
    return _("%(number)s%%") % {"number": number_format(share * 100, decimal_pos=0 if share >= 0.1 else 2)}


@register.filter
def rest_of_one(share: float) -> float:
    return 1 - share


@register.filter
def weight_source(source: str) -> str:
    """Return where the weight of meaning comes from (`weighting.Source`)."""
    return str(_SOURCES.get(source, source))


@register.filter
def as_json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
