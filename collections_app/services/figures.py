"""What a rebuild will cost, found out before anything is done; and how far one is."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Max, Min, Sum
from django.utils.translation import gettext as _

from collections_app import ledger
from collections_app.embeddings import Embedder
from collections_app.exceptions import DocumentCannotBeChunked
from collections_app.ledger import in_future
from collections_app.models import Chunk, ChunkState, Document, IndexEntry, IndexState, VectorIndex
from collections_app.profiles import embedder_for
from collections_app.projection import readable_collection
from collections_app.sync import cut_document
from collections_app.vectors import never_embedded

SAMPLE_DOCUMENTS = 100
SAMPLE_CHARACTERS = 300_000
# Enough to measure an embedder's speed with, and what that may cost at most.
TIMED_PASSAGES, TIMED_SECONDS = 16, 3.0
# Writing a passage to the store: `benchmarks.rebuild` writes 3,400 a second on two idle cores and 520 on busy ones.
WRITE_SECONDS = 0.002
RECENTLY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What building an index will take with one worker; to find out, `sampled` documents were cut and looked up.

    Passages and tokens are exact if all documents were sampled, or if an index with these very settings exists.
    `seconds` always is an extrapolation; the embedder's part of it is from `timed` passages embedded for it.
    """

    documents: int
    passages: int
    passages_to_embed: int
    tokens_to_embed: int
    seconds: float
    sampled: int
    timed: int
    is_exact: bool


def estimate(index: VectorIndex) -> Estimate:
    """Estimate what building `index`, which need not be saved, will take; raise EmbeddingError without its model."""
    alike = VectorIndex.objects.filter(
        collection=index.collection_id,
        profile=index.profile,
        chunk_size=index.chunk_size,
        chunk_overlap=index.chunk_overlap,
        state__in=[IndexState.SERVING, IndexState.STANDBY],
    ).first()
    if alike is None:
        return _Sample(index).extrapolated()
    passages = Chunk.objects.filter(index=alike, state=ChunkState.LIVE).count()
    return Estimate(
        documents=Document.objects.alive().filter(collection=index.collection_id).count(),
        passages=passages,
        passages_to_embed=0,
        tokens_to_embed=0,
        seconds=passages * WRITE_SECONDS,
        sampled=0,
        timed=0,
        is_exact=True,
    )


class _Sample:
    """Documents of a collection, spread over all of them, cut as an index would cut them."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self._living = Document.objects.alive().filter(collection=index.collection_id)
        self._embedder: Embedder = embedder_for(index.profile)
        self._documents, self._characters = 0, 0
        self._inputs: list[str] = []
        started = time.monotonic()
        for document in self._drawn():
            self._cut(document)
        self._cutting_seconds = time.monotonic() - started

    def _drawn(self) -> Iterator[Document]:
        """Draw documents at even distances of their ids, up to so many and so much text."""
        ends = self._living.aggregate(first=Min("pk"), last=Max("pk"), count=Count("pk"))
        if not ends["count"]:
            return
        all_of_them = ends["count"] <= SAMPLE_DOCUMENTS
        step = 1.0 if all_of_them else (ends["last"] - ends["first"] + 1) / SAMPLE_DOCUMENTS
        at = float(ends["first"])
        while self._characters < SAMPLE_CHARACTERS and self._documents < SAMPLE_DOCUMENTS:
            document = self._living.filter(pk__gte=int(at)).order_by("pk").select_related("content").first()
            if document is None:
                return
            yield document
            at = max(at + step, document.pk + 1.0)

    def _cut(self, document: Document) -> None:
        self._documents += 1
        self._characters += max(1, document.size)
        if document.content:
            try:
                parts = cut_document(
                    self._index,
                    self._embedder,
                    title=document.title,
                    text=document.content.text,
                    markup=document.content.markup,
                    segments=list(document.content.segments.all()),
                )
                self._inputs += parts[2]
            except DocumentCannotBeChunked:
                return

    def extrapolated(self) -> Estimate:
        total = self._living.aggregate(count=Count("pk"), characters=Sum("size"))
        is_exact = self._documents >= total["count"]
        factor = 1.0 if is_exact else max(total["characters"] or 0, self._characters) / max(1, self._characters)
        unknown = never_embedded(self._index.profile, self._inputs)
        tokens = sum(self._embedder.count_tokens(unknown)) if unknown else 0
        timed, seconds_per_token = self._speed(unknown)
        passages = round(len(self._inputs) * factor)
        return Estimate(
            documents=total["count"],
            passages=passages,
            passages_to_embed=round(len(unknown) * factor),
            tokens_to_embed=round(tokens * factor),
            seconds=(self._cutting_seconds + tokens * seconds_per_token) * factor + passages * WRITE_SECONDS,
            sampled=self._documents,
            timed=timed,
            is_exact=is_exact,
        )

    def _speed(self, unknown: list[str]) -> tuple[int, float]:
        """Embed a few of the passages; return how many, and the seconds for each of their tokens."""
        if not unknown:
            return 0, 0.0
        # The first call takes the model into memory.
        self._embedder.embed_passages(unknown[:1])
        started, tokens, timed = time.monotonic(), 0, 0
        for text in unknown[:: max(1, len(unknown) // TIMED_PASSAGES)][:TIMED_PASSAGES]:
            self._embedder.embed_passages([text])
            tokens, timed = tokens + self._embedder.count_tokens([text])[0], timed + 1
            if time.monotonic() - started > TIMED_SECONDS:
                break
        return timed, (time.monotonic() - started) / max(1, tokens)


# --- how far ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many documents an index has, lacks and could not take. `seconds_left` is None where nothing tells it."""

    total: int
    done: int
    failed: int
    pending: int
    is_filled: bool
    seconds_left: float | None


def progress(index: VectorIndex) -> Progress:
    """Say how far an index is; the time left follows from what was done in the last minute."""
    counts = ledger.progress(index)
    recent = IndexEntry.objects.filter(index=index, indexed_at__gt=in_future(-RECENTLY))
    span = recent.aggregate(count=Count("pk"), first=Min("indexed_at"), last=Max("indexed_at"))
    seconds_left = None if counts["pending"] else 0.0
    if counts["pending"] and span["count"] > 1:
        passed = max(1.0, (span["last"] - span["first"]).total_seconds())
        seconds_left = counts["pending"] * passed / span["count"]
    return Progress(
        total=counts["total"],
        done=counts["indexed"],
        failed=counts["failed"],
        pending=counts["pending"],
        is_filled=readable_collection(index) is not None,
        seconds_left=seconds_left,
    )


def duration(seconds: float) -> str:
    """Return a length of time as a person would say it."""
    if seconds < 90:
        return _("%(seconds)d s") % {"seconds": max(1, round(seconds))}
    minutes = round(seconds / 60)
    if minutes < 120:
        return _("%(minutes)d min") % {"minutes": minutes}
    return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}
