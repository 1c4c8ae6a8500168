"""A passage among its neighbours, with the question's words and the sentence nearest to it marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from collections_app.models import Chunk, ChunkState, Document
from search_app.closest import closest_sentences
from search_app.document_page import Reference
from search_app.highlighting import Fragment, fragments, spans
from search_app.neighbours import MOST_NEIGHBOURS, neighbours_of
from search_app.request import clean_query


@dataclass(frozen=True, slots=True)
class Context:
    """What stands before a passage, the passage, and what stands after it: up to `count` passages on each side."""

    before: Sequence[str]
    passage: Sequence[Fragment]
    after: Sequence[str]
    has_closest: bool
    count: int

    @property
    def wider(self) -> int | None:
        """How many passages on each side to show next, None where there are no more, or none that may be asked for."""
        is_more = self.count in (len(self.before), len(self.after))
        return min(self.count + 2, MOST_NEIGHBOURS) if is_more and self.count < MOST_NEIGHBOURS else None


def context_of(document: Document, reference: Reference, query: str, *, count: int = 1) -> Context | None:
    """Return the live passage that a reference names, None if it is no longer live.

    Up to `count` neighbours, at most MOST_NEIGHBOURS, are on each side.
    """
    count = min(count, MOST_NEIGHBOURS)
    live = Chunk.objects.filter(document=document, index=document.collection.serving_index_id, state=ChunkState.LIVE)
    chunk = live.filter(start=reference.start, end=reference.end).order_by("-revision").first()
    if chunk is None:
        return None
    near = neighbours_of([chunk], count=count)[chunk.pk]
    query = clean_query(query)
    index = document.collection.serving_index
    closest = closest_sentences(index, query, [chunk.text])[0] if index and query else None
    return Context(
        before=[other.text for other in near.before],
        passage=fragments(chunk.text, spans(chunk.text, query), close=closest),
        after=[other.text for other in near.after],
        has_closest=closest is not None,
        count=count,
    )
