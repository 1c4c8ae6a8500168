"""The address of a search: what its query string says, and the one canonical address that says it again. Pure."""

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from django.http import QueryDict

from collections_app.extraction.characters import clean_text

QUERY, COLLECTION, MODE, PAGE, FORM = "q", "collection", "mode", "page", "filters_of"
RESERVED = frozenset({QUERY, COLLECTION, MODE, PAGE, FORM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A search as its address has it. `filters` are (key, value) pairs, not yet looked into.

    `filters_of` is the collection whose filters a form showed when it was sent; "" when the address was not sent by a
    form. The form may have chosen another collection since.
    """

    query: str = ""
    collection: str = ""
    mode: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    page: int = 1
    filters_of: str = ""

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Read a query string; a page that is no number is the first one. Nothing is refused here."""
        filters = tuple(
            (key, value) for key, values in data.lists() if key not in RESERVED for value in values if value.strip()
        )
        return cls(
            query=clean_text(data.get(QUERY, "")),
            collection=data.get(COLLECTION, ""),
            mode=data.get(MODE, ""),
            filters=filters,
            page=whole_number(data.get(PAGE, "")) or 1,
            filters_of=data.get(FORM, ""),
        )

    def settled(self) -> Self:
        """Return what a form meant: without its own bookkeeping, and without filters of another collection."""
        filters = self.filters if self.filters_of in ("", self.collection) else ()
        return replace(self, filters=filters, filters_of="")

    def on_page(self, page: int) -> Self:
        return replace(self, page=page)

    def asking(self, query: str) -> Self:
        return replace(self, query=query, page=1)

    def with_filter(self, key: str, value: str) -> Self:
        return self if (key, value) in self.filters else replace(self, filters=(*self.filters, (key, value)), page=1)

    def without_filter(self, key: str, value: str) -> Self:
        return replace(self, filters=tuple(pair for pair in self.filters if pair != (key, value)), page=1)

    def without_filters(self) -> Self:
        return replace(self, filters=(), page=1)

    @property
    def query_string(self) -> str:
        """The canonical query string, with its question mark, "" when there is nothing to say."""
        pairs = [(QUERY, self.query), (COLLECTION, self.collection), (MODE, self.mode), *self.filters]
        pairs += [(PAGE, str(self.page))] if self.page > 1 else []
        encoded = urlencode([(key, value) for key, value in pairs if value])
        return f"?{encoded}" if encoded else ""


def whole_number(given: str) -> int | None:
    """Return the number of at most ten digits that `given` is, else None."""
    return int(given) if given.isdecimal() and len(given) <= 10 else None


def key_of(field: str, operator: str = "eq") -> str:
    """Return the parameter for a field and operator; `eq` goes without saying unless the name means something else."""
    return field if operator == "eq" and field not in RESERVED else f"{field}__{operator}"
