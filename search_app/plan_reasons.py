"""Why a plan was chosen, in words: in the language of who reads it, or in English for programs."""

from collections.abc import Callable, Mapping

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from search_app.planner import Reason, Why


def in_words(reason: Reason) -> str:
    """Return why a plan was chosen as a sentence in the language of who reads it."""
    passages = number_format(reason.passages, force_grouping=True) if reason.passages is not None else ""
    share = number_format(100 * reason.share, 2) if reason.share is not None else ""
    return _TEXTS[reason.why]() % {"passages": passages, "share": share}


def in_english(reason: Reason) -> str:
    """Return the same in English, whoever asks."""
    with override("en"):
        return in_words(reason)


_TEXTS: Mapping[Why, Callable[[], str]] = {
    Why.FEW_PASSAGES: lambda: _("The collection has %(passages)s passages; comparing each is quick and exact."),
    Why.FEW_KEPT: lambda: _("The filter keeps %(passages)s passages; comparing each is quick and exact."),
    Why.LITTLE_KEPT: lambda: _(
        "The filter keeps only %(share)s%% of the documents; the store would not name enough of them."
    ),
    Why.MUCH_KEPT: lambda: _("The filter keeps %(share)s%% of the documents, so the store names enough of them."),
    Why.NO_FILTER: lambda: _("There is no filter, so whatever the store names first will do."),
    Why.FILTER_MAY_KEEP: lambda: _("Enough of the nearest passages may pass the filter."),
    Why.MEMORY_IS_QUICK: lambda: _("Comparing %(passages)s passages in memory is quick and exact."),
    Why.STORE_IS_QUICK: lambda: _("Enough of the passages that the store names first should do."),
    Why.STORE_IS_DOWN: lambda: _("The store cannot answer now."),
    Why.STORE_NAMED_TOO_FEW: lambda: _("What the store named first held too few that the filter keeps."),
    Why.WORDS: lambda: _("The words of the question are looked up."),
}
