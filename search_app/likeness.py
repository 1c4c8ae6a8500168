"""More like this: the vector of a document or passage that is stored already, so that nothing is embedded."""

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Chunk, ChunkState, VectorIndex
from collections_app.vectors import as_vector, is_usable
from search_app.request import Likeness


def vector_of(like: Likeness, profile_of: VectorIndex) -> NDArray[np.float32]:
    """Return a unit vector float32 [d] in the space of `profile_of`'s model.

    Of a passage it is that of the live passages it reaches into, of a document that of all of its live passages: their
    mean. Raises InvalidSearchRequest where there is none, or where the document was embedded by another model.
    """
    chunks = Chunk.objects.filter(
        document=like.document, index=like.document.collection.serving_index_id, state=ChunkState.LIVE
    )
    if like.is_of_passage:
        chunks = chunks.filter(source_text=like.document.content_id, start__lt=like.end, end__gt=like.start)
    rows = chunks.filter(embedding__profile=profile_of.profile_id).values_list("embedding__vector", flat=True)
    vectors = [as_vector(raw) for raw in rows if raw and is_usable(raw, dimensions=profile_of.profile.dimensions)]
    total = np.sum(vectors, axis=0, dtype=np.float64) if vectors else np.zeros(profile_of.profile.dimensions)
    length = float(np.linalg.norm(total))
    if length > 0:
        return (total / length).astype(np.float32)
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
        _("There is nothing stored to compare with: this document is not indexed yet, or no longer holds the passage."),
        code="not_comparable",
    )


def words_of(like: Likeness) -> str:
    """Return what stands for it where words have to be asked: the passage, or the title."""
    return like.document.text[like.start : like.end] if like.is_of_passage else str(like.document)
