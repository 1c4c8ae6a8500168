"""What goes in and out, typed: the OpenAPI page is made of these."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from search_app.neighbours import MOST_NEIGHBOURS
from search_app.request import MOST_COLLECTIONS, PAGE_SIZE

MOST_LIMIT = 200


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class LikeIn(_Strict):
    """A document, or its passage from `start` to `end`, that results should be like."""

    document: UUID
    start: Annotated[int, Field(ge=0)] = 0
    end: Annotated[int, Field(ge=0)] = 0


class SearchIn(_Strict):
    """A question, with all that it may be asked with."""

    query: str = Field("", description="The question. Blank lists documents instead.")
    collections: Annotated[list[str], Field(min_length=1, max_length=MOST_COLLECTIONS)] = Field(
        description='Slugs of the collections to search, or "*" for all that may be read.'
    )
    filter: dict[str, Any] | None = Field(
        None,
        description='What documents have to meet: {"year": {"gte": 2000}, "kind": ["class", "function"]}, also with '
        '"and", "or", "not" and "phrase". See docs/search.md.',
    )
    mode: str = Field("hybrid", description="hybrid, semantic, lexical or rrf.")
    like: LikeIn | None = Field(None, description="Instead of a query: find what is like this, by its stored vector.")
    sort: str = Field(
        "relevance",
        description="relevance, a field, or one of document.title, document.created and document.updated; with a minus "
        "for the greatest first.",
    )
    diversity: float = Field(
        0.0, ge=0, le=1, description="What being unlike the results before counts for (MMR): 0 nothing, 1 all."
    )
    limit: int = Field(PAGE_SIZE, ge=1, le=MOST_LIMIT)
    offset: int = Field(0, ge=0)
    facets: bool = Field(False, description="Count the values of the fields.")
    neighbours: int = Field(0, ge=0, le=MOST_NEIGHBOURS, description="How many passages before and after each hit.")
    highlight: bool = Field(True, description="Say where the question's words are.")
    closest_sentence: bool = Field(
        False, description="Say which sentence is nearest in meaning, of the first ten hits. It embeds their sentences."
    )
    explain: bool = Field(False, description="Say how the answer came about.")


class SearchParameters(Schema):
    """The parameters of a search by GET; every other one is a filter."""

    q: str = Field("", description="The question, with filters and phrases as on the page. Blank lists documents.")
    collection: list[str] = Field([], description="A slug, given several times for several, or * for all.")
    mode: str = "hybrid"
    like: str = Field("", description="A document's public id, or id:start:end of a passage.")
    sort: str = "relevance"
    diversity: float = Field(0.0, ge=0, le=1)
    limit: int = Field(PAGE_SIZE, ge=1, le=MOST_LIMIT)
    offset: int = Field(0, ge=0)
    facets: bool = False
    neighbours: int = Field(0, ge=0, le=MOST_NEIGHBOURS)
    highlight: bool = True
    closest_sentence: bool = False
    explain: bool = False


class PassageOut(Schema):
    """A stretch of a document's text, counted in characters of the text that it had at `revision`."""

    text: str
    start: int
    end: int
    revision: int
    address: str = Field(description="Page, slide, sheet or headings, for people.")


class HitOut(Schema):
    """A document by its best passage."""

    document: UUID
    collection: str
    key: str
    title: str
    url: str
    passage: PassageOut
    score: float | None
    measure: Literal["fused", "cosine", "bm25", "ranks", "none"]
    metadata: dict[str, Any]
    highlights: list[tuple[int, int]] | None = Field(None, description="Where the question's words are in the passage.")
    closest_sentence: tuple[int, int] | None = None
    before: list[PassageOut] | None = None
    after: list[PassageOut] | None = None


class BucketOut(Schema):
    """A value, or a range from `value` up to, not including, `until`; an open end is null."""

    value: Any
    until: Any = None
    count: int


class FacetOut(Schema):
    """The values of one field, with how many documents have each."""

    field: str
    label: str
    type: str
    kind: Literal["values", "ranges"]
    filtered: bool = Field(description="Whether a filter of this field is set.")
    buckets: list[BucketOut]


class FacetsOut(Schema):
    """Counts, and among how many documents: the best that were found, all that are listed, or the newest of them."""

    among: Literal["best", "all", "newest"]
    documents: int
    fields: list[FacetOut]


class ReasonOut(Schema):
    """Why an answer is less than it should be."""

    code: str
    reason: str


class SearchOut(Schema):
    """An answer. `degraded` says why it is less than it should be; then `answered` may be false."""

    query: str
    collections: list[str]
    mode: str
    hits: list[HitOut]
    has_more: bool
    documents: int | None = Field(description="How many documents the filter keeps, where that was counted.")
    degraded: list[ReasonOut] | None
    answered: bool
    facets: FacetsOut | None = None
    explanation: dict[str, Any] | None = None
    timings_ms: dict[str, float]


class CollectionOut(Schema):
    """A collection, what it holds and how much of that can be found already."""

    slug: str
    name: str
    description: str
    documents: int
    indexed: int
    pending: int
    failed: int
    passages: int


class CollectionsOut(Schema):
    collections: list[CollectionOut]


class FieldOut(Schema):
    """A field to filter and sort by."""

    name: str
    label: str
    type: str
    is_list: bool
    operators: list[str]


class CollectionDetailOut(CollectionOut):
    model: str | None
    fields: list[FieldOut]


class DocumentOut(Schema):
    """A document as it is now."""

    document: UUID
    collection: str
    key: str
    title: str
    url: str
    text: str
    language: str
    revision: int
    created: datetime
    updated: datetime
    metadata: dict[str, Any]
    passages: list[PassageOut]
    has_more_passages: bool


class PassagesParameters(Schema):
    passages: int = Field(100, ge=0, le=1000)
    passages_from: int = Field(0, ge=0)


class SimilarParameters(Schema):
    start: int = Field(0, ge=0, description="With `end`: of a passage, in characters of the present text.")
    end: int = Field(0, ge=0)
    diversity: float = Field(0.0, ge=0, le=1)
    limit: int = Field(PAGE_SIZE, ge=1, le=MOST_LIMIT)
    offset: int = Field(0, ge=0)


class SimilarOut(Schema):
    """What is like a document, nearest first."""

    document: UUID
    hits: list[HitOut]
    has_more: bool
    degraded: list[ReasonOut] | None


class KindOut(Schema):
    """A kind of problem."""

    code: str
    title: str
    status: int
    remedy: str


class ProblemOut(Schema):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    remedy: str
