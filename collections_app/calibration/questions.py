"""Questions that passages answer: one of a passage's own sentences each, and the passage without it."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from collections_app.chunking import embedding_input, lexical_input
from collections_app.language import detect_language
from collections_app.lexical import terms_of
from collections_app.models import Chunk, ChunkState, VectorIndex

# So many questions tell two legs apart by a few hundredths of nDCG; each takes two embeddings.
MOST_QUESTIONS = 200
# How many passages are looked at for one that can be asked about.
_LOOKS = 5
# A question and what is left of its passage have to say something.
_FEWEST_TERMS = 4
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")


@dataclass(frozen=True, slots=True)
class Question:
    """A sentence, the chunk and the document it was taken from, and what is left to be found.

    `rest` is that as it is embedded, `rest_words` as it is found by words.
    """

    text: str
    chunk_id: int
    document_id: int
    rest: str
    rest_words: str
    language: str


def questions_of(index: VectorIndex) -> Iterator[Question]:
    """Take sentences out of passages chosen at random, the same ones as long as the index does not change."""
    chance = random.Random(index.pk)  # noqa: S311 - a sample, and no secret
    found = 0
    for chunk in _some_chunks(index, chance):
        question = _question(chunk, chance)
        if question:
            yield question
            found += 1
        if found == MOST_QUESTIONS:
            return


def _some_chunks(index: VectorIndex, chance: random.Random) -> Iterator[Chunk]:
    """Return live chunks by random ids: ordering all of them at random would read them all."""
    live = Chunk.objects.filter(index=index, state=ChunkState.LIVE).select_related("document")
    ends = [live.order_by(order).values_list("pk", flat=True).first() for order in ("pk", "-pk")]
    if ends[0] is None or ends[1] is None:
        return
    seen: set[int] = set()
    for _look in range(_LOOKS * MOST_QUESTIONS):
        chunk = live.filter(pk__gte=chance.randint(ends[0], ends[1])).order_by("pk").first()
        if chunk and chunk.pk not in seen:
            seen.add(chunk.pk)
            yield chunk


def _question(chunk: Chunk, chance: random.Random) -> Question | None:
    sentences = [sentence for part in _SENTENCE_END.split(chunk.text) if (sentence := part.strip())]
    telling = [number for number, sentence in enumerate(sentences) if _says_something(sentence)]
    if not telling:
        return None
    chosen = chance.choice(telling)
    rest = "\n".join(sentences[:chosen] + sentences[chosen + 1 :])
    if not _says_something(rest):
        return None
    embedded = embedding_input(chunk.document.title, chunk.locator, rest)
    return Question(
        text=sentences[chosen],
        chunk_id=chunk.pk,
        document_id=chunk.document_id,
        rest=embedded,
        rest_words=lexical_input(chunk.document.title, embedded),
        language=detect_language(chunk.text) or chunk.language,
    )


def _says_something(text: str) -> bool:
    return len(set(terms_of(text))) >= _FEWEST_TERMS
