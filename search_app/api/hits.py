"""Passages, hits and buckets as JSON has them."""

from datetime import date
from typing import Any

from collections_app.models import Chunk
from search_app.facets import Bucket
from search_app.highlighting import spans
from search_app.leg import Measure
from search_app.response import Hit
from search_app.results import passage_url


def passage_as_json(chunk: Chunk) -> dict[str, Any]:
    return {
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "revision": chunk.revision,
        "address": chunk.address,
    }


def hit_as_json(hit: Hit, *, words: str | None) -> dict[str, Any]:
    """Return a hit, with where the words of `words` are in its passage unless it is None."""
    document = hit.document
    content = {
        "document": document.public_id,
        "collection": document.collection.slug,
        "key": document.key,
        "title": document.title,
        "url": passage_url(hit.chunk),
        "passage": passage_as_json(hit.chunk),
        "score": None if hit.measure is Measure.NONE else round(hit.score, 6),
        "measure": hit.measure,
        "metadata": document.metadata,
    }
    return content if words is None else {**content, "highlights": spans(hit.chunk.text, words)}


def bucket_as_json(bucket: Bucket) -> dict[str, Any]:
    content = {"value": _plain(bucket.value), "count": bucket.count}
    return {**content, "until": _plain(bucket.until)} if bucket.is_range else content


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
