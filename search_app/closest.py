"""The sentence of a passage that is nearest in meaning to a question.

Its sentences are embedded, which takes as long as embedding so many questions; so this is done where somebody asks for
it, for few passages, and remembered.
"""

import logging
from collections.abc import Sequence

import numpy as np

from collections_app.models import VectorIndex
from search_app.highlighting import Span, sentences
from search_app.query_vectors import QuestionNotEmbedded, query_vector, sentence_vectors

logger = logging.getLogger(__name__)

MOST_SENTENCES = 40


def closest_sentences(index: VectorIndex, question: str, texts: Sequence[str]) -> list[Span | None]:
    """Return for each text where its sentence nearest to the question is, as (start, end).

    None of a text that is one sentence, and of all texts while nothing can be embedded. Only the first MOST_SENTENCES
    sentences of a text are compared.
    """
    found = [sentences(text)[:MOST_SENTENCES] for text in texts]
    several = [spans if len(spans) > 1 else [] for spans in found]
    parts = [text[start:end] for text, spans in zip(texts, several, strict=True) for start, end in spans]
    if not parts:
        return [None] * len(texts)
    try:
        similarities = sentence_vectors(index, parts) @ query_vector(index, question)
    except QuestionNotEmbedded as error:
        logger.info("No sentence is compared with the question: %s", error)
        return [None] * len(texts)
    closest: list[Span | None] = []
    position = 0
    for spans in several:
        own = similarities[position : position + len(spans)]
        position += len(spans)
        closest.append(spans[int(np.argmax(own))] if spans else None)
    return closest
