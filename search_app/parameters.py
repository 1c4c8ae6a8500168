"""The address of a search: what its query string says, and the one canonical address that says it again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from django.http import QueryDict

from collections_app.extraction.characters import clean_text

QUERY, COLLECTION, MODE, PAGE, FORM = "q", "collection", "mode", "page", "filters_of"
LIKE, SORT, DIVERSITY = "like", "sort", "diversity"
RESERVED = frozenset({QUERY, COLLECTION, MODE, PAGE, FORM, LIKE, SORT, DIVERSITY})
# Instead of a collection: all of them.
EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A search as its address has it. `filters` are (key, value) pairs, not yet looked into.

    `filters_of` are the collections whose filters a form showed when it was sent, with commas between them; "" when the
    address was not sent by a form. The form may have chosen other collections since.
    """

    query: str = ""
    collections: tuple[str, ...] = ()
    mode: str = ""
    like: str = ""
    sort: str = ""
    diversity: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    page: int = 1
    filters_of: str = ""

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Read a query string; a page that is no number is the first one. Nothing is refused here."""
        filters = tuple(
            (key, value) for key, values in data.lists() if key not in RESERVED for value in values if value.strip()
        )
        named = tuple(dict.fromkeys(slug for slug in data.getlist(COLLECTION) if slug))
        return cls(
            query=clean_text(data.get(QUERY, "")).strip(),
            collections=(EVERY,) if EVERY in named else named,
            mode=data.get(MODE, ""),
            like=data.get(LIKE, ""),
            sort=clean_text(data.get(SORT, "")).strip(),
            diversity=data.get(DIVERSITY, ""),
            filters=filters,
            page=whole_number(data.get(PAGE, "")) or 1,
            filters_of=data.get(FORM, ""),
        )

    def settled(self) -> Self:
        """Return what a form meant: without its own bookkeeping, and without filters and order of other collections.

        A question typed beside what results were like takes its place.
        """
        if self.filters_of and self.query and self.like:
            return replace(self, like="").settled()
        if self.are_of_other_collections:
            return replace(self, filters=(), sort="", filters_of="")
        return replace(self, filters_of="")

    @property
    def are_of_other_collections(self) -> bool:
        """Whether a form chose other collections than those whose filters it showed."""
        return bool(self.filters_of) and sorted(self.filters_of.split(",")) != sorted(self.collections)

    def on_page(self, page: int) -> Self:
        return replace(self, page=page)

    def asking(self, query: str, *, like: str = "") -> Self:
        return replace(self, query=query, like=like, page=1)

    def among(self, *collections: str) -> Self:
        """Return the same question to other collections: filters, order and likeness are of the former ones."""
        return replace(self, collections=collections, filters=(), sort="", like="", page=1, filters_of="")

    def naming(self, collections: Sequence[str]) -> Self:
        """Return the same search with its collections named, where the address left them to the site."""
        return self if self.collections else replace(self, collections=tuple(collections))

    def without_like(self) -> Self:
        return replace(self, like="", page=1)

    def with_filter(self, key: str, value: str) -> Self:
        return self if (key, value) in self.filters else replace(self, filters=(*self.filters, (key, value)), page=1)

    def without_filter(self, key: str, value: str) -> Self:
        return replace(self, filters=tuple(pair for pair in self.filters if pair != (key, value)), page=1)

    def without_filters(self) -> Self:
        return replace(self, filters=(), page=1)

    @property
    def query_string(self) -> str:
        """The canonical query string, with its question mark, "" when there is nothing to say."""
        pairs = [(QUERY, self.query), (LIKE, self.like), *((COLLECTION, slug) for slug in self.collections)]
        pairs += [(MODE, self.mode), *self.filters, (SORT, self.sort), (DIVERSITY, self.diversity)]
        pairs += [(PAGE, str(self.page))] if self.page > 1 else []
        encoded = urlencode([(key, value) for key, value in pairs if value], safe="*")
        return f"?{encoded}" if encoded else ""


def whole_number(given: str) -> int | None:
    """Return the number of at most ten digits that `given` is, else None."""
    return int(given) if given.isdecimal() and len(given) <= 10 else None


def key_of(field: str, operator: str = "eq") -> str:
    """Return the parameter for a field and operator; `eq` goes without saying unless the name means something else."""
    return field if operator == "eq" and field not in RESERVED else f"{field}__{operator}"
