"""What can be asked of a search."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from django.contrib.auth.models import AnonymousUser

from collections_app.extraction.characters import clean_text
from collections_app.models import Collection, Document, Permission, User
from search_app.filters import EVERYTHING, Expression
from search_app.sorting import Sort

PAGE_SIZE = 10
# How many of the best documents are put into another order, counted for facets and spread out. Pages within them never
# depend on each other, whatever the page.
DEPTH = 100
# How many of the best documents can be listed, DEPTH of them in an order other than that of their scores.
MOST_RESULTS = 200
# How many documents can be listed without a question.
MOST_LISTED = 10_000
MOST_CHARACTERS = 10_000
MOST_COLLECTIONS = 20


class Mode(StrEnum):
    """By what documents are found: meaning and words fused by their scores, one of them, or both by their ranks."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"
    RRF = "rrf"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is like `document`, or like its passage from `start` to `end`, by the vectors that are stored of it."""

    document: Document
    start: int = 0
    end: int = 0

    @property
    def is_of_passage(self) -> bool:
        return self.start < self.end


class Readable(tuple[Collection, ...]):
    """Collections that were just found among those that a user may read, with what serves them.

    `permission` is that user's. Only who asked SQL for both makes one; a search need not ask again then.
    """

    permission: Permission | None

    @classmethod
    def of(cls, collections: Iterable[Collection], permission: Permission | None) -> Self:
        found = cls(collections)
        found.permission = permission
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A question to one or more collections. `user` None stands for who runs the site, and may read everything.

    Instead of a `query` there may be something to be `like`; with neither, the documents that the filter keeps are
    listed. `offset` counts documents from the best one on. `diversity` is what the first DEPTH documents' difference
    from each other counts for, from 0 to 1 (see `search_app.diversity`). With a `sort`, the first DEPTH are sorted.
    """

    collections: tuple[Collection, ...]
    query: str = ""
    like: Likeness | None = None
    filter: Expression = EVERYTHING
    mode: Mode = Mode.HYBRID
    sort: Sort | None = None
    diversity: float = 0.0
    facets: bool = False
    limit: int = PAGE_SIZE
    offset: int = 0
    user: User | AnonymousUser | None = None

    @property
    def end(self) -> int:
        return self.offset + self.limit

    @property
    def is_question(self) -> bool:
        """Whether something is asked for, so that documents have scores."""
        return bool(clean_query(self.query)) or self.like is not None

    @property
    def is_rearranged(self) -> bool:
        """Whether the best documents are shown in another order than that of their scores."""
        return self.sort is not None or self.diversity > 0

    @property
    def most(self) -> int:
        """How many documents can be listed."""
        if not self.is_question:
            return MOST_LISTED
        return DEPTH if self.is_rearranged else MOST_RESULTS

    def of(self, collection: Collection) -> Self:
        """Return the same request to one of the collections."""
        return replace(self, collections=(collection,))


def clean_query(query: str) -> str:
    """Return the question without what cannot be stored or encoded, trimmed, and cut far beyond what models read."""
    return clean_text(query).strip()[:MOST_CHARACTERS]
