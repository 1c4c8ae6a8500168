"""Text -> passages. Pure: knows no ORM and no model, only a tokeniser or a way to count tokens."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

# In a text without any boundary the splitter counts tokens of all that is left again for every passage; a window
# keeps that from growing with the square of the text.
WINDOW = 10_000
# A tokeniser may see a million letters without a space as one unknown token; a passage is still meant to be read.
CHARACTERS_PER_TOKEN = 12
# A text with more characters than this a token is hardly ever one passage: English has four and a half.
_LIKELY_CHARACTERS_PER_TOKEN = 6
# The heading path is context, not content: it may take up to this share of a passage.
CONTEXT_CHARACTERS = 200


class Addressed(Protocol):
    """A stretch of the text with an address: what `locate` needs to know of a segment."""

    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a text: `text == whole[start:end]`."""

    start: int
    end: int
    text: str


def cut(
    text: str,
    *,
    markdown: bool,
    capacity: int,
    overlap: int = 0,
    tokenizer: Any | None = None,
    count_tokens: Callable[[str], int] | None = None,
    breathe: Callable[[], None] = lambda: None,
) -> list[Passage]:
    """Cut `text` into passages of at most `capacity` tokens that end at the best boundary within reach.

    `tokenizer` is a `tokenizers.Tokenizer` without truncation; without one, `count_tokens` is asked. Headings,
    paragraphs, sentences, words (Unicode's, which serves Chinese) are preferred as boundaries in this order. A text
    of white space alone gives no passage. `breathe` is called every WINDOW characters: a book takes a minute.
    """
    if not markdown and tokenizer is not None and _fits(text, capacity, tokenizer):
        return _trimmed(text)
    splitter = _splitter(markdown, capacity, min(overlap, capacity - 1), tokenizer, count_tokens)
    passages: list[Passage] = []
    for offset, window in _windows(text):
        breathe()
        for start, piece in splitter.chunk_indices(window):
            passages += _bounded(Passage(offset + start, offset + start + len(piece), piece), capacity)
    return [passage for passage in passages if passage.text.strip()]


def _fits(text: str, capacity: int, tokenizer: Any) -> bool:
    """Say whether a short text is one passage, as the splitter would find out with four times the tokenising."""
    if len(text) > capacity * _LIKELY_CHARACTERS_PER_TOKEN:
        return False
    return len(tokenizer.encode(text, add_special_tokens=False).ids) <= capacity


def _trimmed(text: str) -> list[Passage]:
    trimmed = text.strip()
    start = len(text) - len(text.lstrip())
    return [Passage(start, start + len(trimmed), trimmed)] if trimmed else []


def _bounded(passage: Passage, capacity: int) -> list[Passage]:
    """Cut a passage whose few tokens are absurdly long at a number of characters."""
    longest = capacity * CHARACTERS_PER_TOKEN
    if len(passage.text) <= longest:
        return [passage]
    parts = (passage.text[start : start + longest] for start in range(0, len(passage.text), longest))
    starts = range(passage.start, passage.end, longest)
    return [Passage(start, start + len(part), part) for start, part in zip(starts, parts, strict=True)]


def _splitter(
    markdown: bool,
    capacity: int,
    overlap: int,
    tokenizer: Any | None,
    count_tokens: Callable[[str], int] | None,
) -> Any:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if markdown else TextSplitter
    if tokenizer is not None:
        return _tokenizing_splitter(kind, tokenizer, capacity, overlap)
    if count_tokens is not None:
        return kind.from_callback(count_tokens, capacity, overlap=overlap)
    return kind(capacity, overlap=overlap)


@lru_cache(maxsize=8)
def _tokenizing_splitter(kind: Any, tokenizer: Any, capacity: int, overlap: int) -> Any:
    # It takes a copy of the whole vocabulary, which costs more than to embed a short passage.
    return kind.from_huggingface_tokenizer(tokenizer, capacity, overlap=overlap)


def _windows(text: str) -> list[tuple[int, str]]:
    """Split a long text into windows, at a blank line in the last quarter, else at a line, a sentence or a space."""
    windows: list[tuple[int, str]] = []
    start = 0
    while len(text) - start > WINDOW:
        end = start + WINDOW
        for boundary in ("\n\n", "\n", "。", ". ", " "):
            found = text.rfind(boundary, start + WINDOW * 3 // 4, end)
            if found > 0:
                end = found + len(boundary)
                break
        windows.append((start, text[start:end]))
        start = end
    windows.append((start, text[start:]))
    return windows


def as_given(text: str, given: Sequence[Addressed], cut_rest: Callable[[str], Sequence[Passage]]) -> list[Passage]:
    """Return the passages that somebody else cut, and what `cut_rest` makes of the text between them, in order.

    So a text that was added to a document later is found too.
    """
    passages: list[Passage] = []
    end = 0
    for segment in sorted(given, key=lambda segment: segment.start):
        passages += _shifted(cut_rest(text[end : segment.start]), end)
        passages.append(Passage(segment.start, segment.end, text[segment.start : segment.end]))
        end = max(end, segment.end)
    return passages + _shifted(cut_rest(text[end:]), end)


def _shifted(passages: Sequence[Passage], by: int) -> list[Passage]:
    return [Passage(passage.start + by, passage.end + by, passage.text) for passage in passages]


def locate(segments: Sequence[Addressed], passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """Return for each passage where a person finds it: page, slide, sheet, section and the path of headings."""
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.level))
    starts = [segment.start for segment in ordered]
    locators: list[dict[str, Any]] = []
    for passage in passages:
        locator: dict[str, Any] = {}
        headings: list[Addressed] = []
        for segment in _around(ordered, starts, passage.start):
            if segment.kind == "heading":
                headings = [known for known in headings if known.level < segment.level] + [segment]
            else:
                locator[segment.kind] = segment.label
        if headings:
            locator["headings"] = [heading.label for heading in headings]
        locators.append(locator)
    return locators


def _around(ordered: Sequence[Addressed], starts: Sequence[int], position: int) -> list[Addressed]:
    """Return the segments that hold `position`, outermost first."""
    before = ordered[: bisect_right(starts, position)]
    return [segment for segment in before if segment.end > position]


def embedding_input(title: str, locator: dict[str, Any], text: str) -> str:
    """Return what is embedded for a passage: its title and heading path as context, then its text.

    A passage rarely names its own subject; the title does. Headings that the passage itself begins with, and a title
    that it repeats at once, are not said twice.
    """
    headings = [heading for heading in locator.get("headings", []) if heading and heading not in text[:300]]
    head = text.lstrip("# \n")
    context = [title] if title and not head.startswith(title) else []
    context += [heading for heading in headings if heading != title]
    prefix = " › ".join(context)[:CONTEXT_CHARACTERS]
    return f"{prefix}\n{text}" if prefix and text else prefix or text


def lexical_input(title: str, embedded: str) -> str:
    """Return the text whose words a passage is found by: what is embedded for it, and the title's words once more.

    A title says in few words what a text is about, so each of them counts double, as if it stood there twice: the
    weighted fields of Robertson, Zaragoza and Taylor, "Simple BM25 Extension to Multiple Weighted Fields", 2004.
    """
    return f"{title[:CONTEXT_CHARACTERS]}\n{embedded}" if title else embedded
