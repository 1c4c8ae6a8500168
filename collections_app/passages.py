"""A document -> the passages that an index wants of it, where each is found, and what is embedded for each."""

from collections.abc import Callable, Sequence
from typing import Any

from collections_app.chunking import Addressed, Passage, as_given, cut, embedding_input, locate
from collections_app.embeddings import Embedder
from collections_app.exceptions import DocumentCannotBeChunked
from collections_app.models import Markup, SegmentKind, VectorIndex

# Room for what joining a title and a text may add to the tokens of both.
SPARE_TOKENS = 2


def cut_document(
    index: VectorIndex,
    embedder: Embedder,
    *,
    title: str,
    text: str,
    markup: str,
    segments: Sequence[Addressed],
    breathe: Callable[[], None] = lambda: None,
) -> tuple[list[Passage], list[dict[str, Any]], list[str]]:
    """Cut a document into passages as `index` wants them; return them, where each is found, and what is embedded."""
    context = embedder.count_tokens([embedding_input(title, {}, "")])[0] if title else 0
    room = embedder.passage_capacity - SPARE_TOKENS - min(context, embedder.passage_capacity // 3)

    def cut_freely(stretch: str) -> list[Passage]:
        return cut(
            stretch,
            markdown=markup == Markup.MARKDOWN,
            capacity=max(1, min(index.chunk_size, room)),
            overlap=index.chunk_overlap,
            tokenizer=embedder.tokenizer,
            count_tokens=lambda piece: embedder.count_tokens([piece])[0],
            breathe=breathe,
        )

    given = [segment for segment in segments if segment.kind == SegmentKind.PASSAGE]
    segments = [segment for segment in segments if segment.kind != SegmentKind.PASSAGE]
    takes_given = bool(given) and embedder.takes_passages_as_given
    passages = as_given(text, given, cut_freely) if takes_given else cut_freely(text)
    if not passages and title:
        passages = [Passage(0, 0, "")]
    if not passages:
        raise DocumentCannotBeChunked("The document has no text that could be searched. Give it a text or a title.")
    locators = locate(segments, passages)
    inputs = [
        embedding_input(title, locator, passage.text) for passage, locator in zip(passages, locators, strict=True)
    ]
    return passages, locators, inputs
