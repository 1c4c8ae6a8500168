"""More like this: the vector of a document or passage that is stored already, so that nothing is embedded."""

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Chunk, ChunkState, VectorIndex
from collections_app.vectors import as_vector, is_usable
from search_app.request import Likeness


def vector_of(like: Likeness, profile_of: VectorIndex) -> NDArray[np.float32]:
    """Return a unit vector float32 [d] in the space of `profile_of`'s model.

    Of a passage it is the mean of the live passages that it reaches into; of a document, and where the passage is gone,
    of all of them. Raises InvalidSearchRequest where there is none, or where another model embedded them.
    """
    chunks = Chunk.objects.filter(
        document=like.document, index=like.document.collection.serving_index_id, state=ChunkState.LIVE
    )
    chunks = chunks.filter(embedding__profile=profile_of.profile_id)
    passage = chunks.filter(start__lt=like.end, end__gt=like.start) if like.is_of_passage else chunks.none()
    vectors = _vectors(passage, profile_of) or _vectors(chunks, profile_of)
    total = np.sum(vectors, axis=0, dtype=np.float64) if vectors else np.zeros(profile_of.profile.dimensions)
    length = float(np.linalg.norm(total))
    if length > 0:
        return np.asarray(total / length, dtype=np.float32)
    own = like.document.collection.serving_index
    if own is not None and own.profile_id != profile_of.profile_id:
        raise InvalidSearchRequest(
            _(
                "“%(collection)s” understands text by another model, so its documents cannot be compared with this "
                "one. Search in “%(own)s”."
            )
            % {"collection": profile_of.collection, "own": like.document.collection},
            code="not_comparable",
        )
    raise InvalidSearchRequest(
        _("There is nothing to compare with yet: this document is still to be indexed."),
        code="not_comparable",
    )


def _vectors(chunks: QuerySet[Chunk], index: VectorIndex) -> list[NDArray[np.float32]]:
    rows = chunks.values_list("embedding__vector", flat=True)
    return [as_vector(raw) for raw in rows if raw and is_usable(raw, dimensions=index.profile.dimensions)]


def words_of(like: Likeness) -> str:
    """Return what stands for it where words have to be asked: the passage, or the title."""
    return like.document.text[like.start : like.end] if like.is_of_passage else str(like.document)
