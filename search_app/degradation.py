"""Why an answer is less than it should be: a code for programs, which stays, and a text for people. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.formats import number_format
from django.utils.translation import gettext as _


class Code(StrEnum):
    """What went wrong. Programs rely on these; they are documented in docs/api.md."""

    NO_INDEX = "no_index"
    EMBEDDER_DOWN = "embedder_down"
    EMBEDDER_PAUSED = "embedder_paused"
    EMBEDDER_CHANGED = "embedder_changed"
    EMBEDDER_FAILED = "embedder_failed"
    BUDGET_USED_UP = "budget_used_up"
    QUESTION_REFUSED = "question_refused"
    NO_QUESTION_MODEL = "no_question_model"
    STORE_DOWN = "store_down"
    STORE_PAUSED = "store_paused"
    STORE_FILLING = "store_filling"
    STORE_FAILED = "store_failed"
    COLLECTION_LOST = "collection_lost"
    PARTIAL = "partial"
    WORDS_ALONE = "words_alone"
    WORDS_RENEWED = "words_renewed"


# The database compares the same vectors as the store would, so these cost time and no result.
_HARMLESS = frozenset({Code.STORE_DOWN, Code.STORE_PAUSED, Code.STORE_FILLING, Code.STORE_FAILED, Code.COLLECTION_LOST})


@dataclass(frozen=True, slots=True)
class Degradation:
    """One reason. `text` is in the language of who asked, and says what becomes of it without their doing."""

    code: Code
    text: str

    @property
    def is_harmless(self) -> bool:
        """Whether the answer holds all that it would hold otherwise."""
        return self.code in _HARMLESS

    def as_json(self) -> dict[str, str]:
        return {"code": self.code.value, "reason": self.text}


def because(code: Code) -> Degradation:
    """Return the reason `code` in words. PARTIAL needs numbers: see `partial`."""
    return Degradation(code, _TEXTS[code]())


def partial(*, compared: int, of: int) -> Degradation:
    """Return the reason of an answer for which only some documents could be compared in time."""
    text = _(
        "Only the %(compared)s newest of %(whole)s documents, and those that share most words with the question, could "
        "be compared in time."
    ) % {
        "compared": number_format(compared, force_grouping=True),
        "whole": number_format(of, force_grouping=True),
    }
    return Degradation(Code.PARTIAL, text)


_TEXTS: Mapping[Code, Callable[[], str]] = {
    Code.NO_INDEX: lambda: _("This collection has no index that could be searched yet."),
    Code.EMBEDDER_DOWN: lambda: _("The embedding model does not answer, so questions cannot be compared by meaning."),
    Code.EMBEDDER_PAUSED: lambda: _(
        "The embedding model did not answer a moment ago; it is tried again by itself, and until then questions cannot "
        "be compared by meaning."
    ),
    Code.EMBEDDER_CHANGED: lambda: _(
        "The embedding model is not the one that this collection was indexed with. An administrator has to put the old "
        "one back, or to rebuild the index."
    ),
    Code.EMBEDDER_FAILED: lambda: _("The embedding model failed; an administrator finds the reason in the log."),
    Code.BUDGET_USED_UP: lambda: _(
        "The budget for the embedding model is used up, so questions cannot be compared by meaning until an "
        "administrator raises it or its next period begins."
    ),
    Code.QUESTION_REFUSED: lambda: _("The embedding model refuses this question; word it differently."),
    Code.NO_QUESTION_MODEL: lambda: _(
        "The vectors of this collection were supplied without a model for questions, so it is searched by words and by "
        "“more like this”."
    ),
    Code.WORDS_ALONE: lambda: _("These results were found by the words of the question alone."),
    Code.WORDS_RENEWED: lambda: _(
        "The words of this collection's passages are being found anew, which ends by itself. Until then some passages "
        "are not found by their words."
    ),
    Code.STORE_DOWN: lambda: _(
        "The vector store does not answer; it is tried again by itself. The database was asked instead."
    ),
    Code.STORE_PAUSED: lambda: _(
        "The vector store did not answer a moment ago; it is tried again by itself. The database was asked instead."
    ),
    Code.STORE_FILLING: lambda: _(
        "The vector store is being filled, which ends by itself. The database was asked instead."
    ),
    Code.STORE_FAILED: lambda: _(
        "The vector store gave an answer that cannot be used; it will be checked. The database was asked instead."
    ),
    Code.COLLECTION_LOST: lambda: _(
        "The vector store has lost this collection, and it is being rebuilt. The database was asked instead."
    ),
}
