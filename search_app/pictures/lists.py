"""Passages of different documents that say nearly the same, and passages that nothing else resembles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from collections_app.models import Chunk
from collections_app.pictures import NEAR_DUPLICATE
from search_app.pictures.present import Present
from search_app.results import passage_url

PAGE = 20
# What is shown unless somebody asks for more or less. From it on, two passages differ by little more than a few words.
USUAL = 0.95

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Alike:
    """Two passages and their cosine. `is_equal` says that their texts are the same to the letter."""

    earlier: Chunk
    later: Chunk
    cosine: float

    @property
    def earlier_url(self) -> str:
        return passage_url(self.earlier)

    @property
    def later_url(self) -> str:
        return passage_url(self.later)

    @property
    def is_equal(self) -> bool:
        return self.earlier.text == self.later.text


@dataclass(frozen=True, slots=True)
class Apart:
    """A passage and its mean cosine with those nearest to it."""

    chunk: Chunk
    closeness: float

    @property
    def url(self) -> str:
        return passage_url(self.chunk)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of a list; pages are counted from 1. The names are those of the template for pages."""

    items: Sequence[Item]
    total: int
    page: int

    @property
    def page_count(self) -> int:
        return max(1, -(-self.total // PAGE))

    @property
    def first(self) -> int:
        """The rank of the first item."""
        return (self.page - 1) * PAGE + 1


def near_duplicates(present: Present, *, above: float, page: int) -> Page[Alike]:
    """Return the pairs of a cosine of `above` or more that are both there now, the most alike first."""
    pairs = [pair for pair in present.picture.findings.pairs if pair.cosine >= above]
    ids = list(dict.fromkeys(pk for pair in pairs for pk in (pair.earlier, pair.later)))
    chunks = {chunk.pk: chunk for chunk in present.read(ids)}
    there = [
        Alike(chunks[pair.earlier], chunks[pair.later], pair.cosine)
        for pair in pairs
        if pair.earlier in chunks and pair.later in chunks
    ]
    return _page(there, page)


def outliers(present: Present, *, page: int) -> Page[Apart]:
    """Return the passages that are furthest from all others and there now, the furthest first."""
    found = present.picture.findings.outliers
    closeness = {outlier.chunk: outlier.closeness for outlier in found}
    return _page([Apart(chunk, closeness[chunk.pk]) for chunk in present.read(list(closeness))], page)


def threshold_of(given: str) -> float:
    """Return the cosine that `given` is, within what was noted; USUAL for what is no number."""
    try:
        return min(1.0, max(NEAR_DUPLICATE, float(given)))
    except ValueError:
        return USUAL


def _page(items: Sequence[Item], page: int) -> Page[Item]:
    page = min(max(1, page), max(1, -(-len(items) // PAGE)))
    return Page(items[(page - 1) * PAGE : page * PAGE], len(items), page)
