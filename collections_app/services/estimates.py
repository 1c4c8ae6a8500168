"""What embedding will take, found out before anything is done: from some of the documents, cut as they would be."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Max, Min, QuerySet, Sum

from collections_app import accounting
from collections_app.accounting import Account, Standing
from collections_app.chunking import Addressed
from collections_app.embeddings import Embedder
from collections_app.exceptions import DocumentCannotBeChunked
from collections_app.models import Budget, Chunk, ChunkState, Document, IndexState, Purpose, VectorIndex
from collections_app.passages import cut_document
from collections_app.profiles import embedder_for
from collections_app.vectors import never_embedded

SAMPLE_DOCUMENTS = 100
SAMPLE_CHARACTERS = 300_000
# Enough to measure an embedder's speed with, where nothing has been measured, and what that may cost at most.
TIMED_PASSAGES, TIMED_SECONDS = 16, 3.0
# Writing a passage to the store: `benchmarks.rebuild` writes 3,400 a second on two idle cores and 520 on busy ones.
WRITE_SECONDS = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What embedding documents for an index will take with one worker; `sampled` of them were cut and looked up.

    Passages and tokens are exact if all documents were sampled, or if an index with these very settings exists.
    `money`, of `currency`, follows from the tokens, counted as the profile counts them; `seconds` always is an
    extrapolation: from what the profile did lately, or from `timed` passages embedded for it, and None where a budget
    leaves no room for those. `short` are the budgets that have less room than that.
    """

    documents: int
    passages: int
    passages_to_embed: int
    tokens_to_embed: int
    money: Decimal = Decimal(0)
    currency: str = ""
    seconds: float | None
    sampled: int
    timed: int
    is_exact: bool
    short: tuple[Standing, ...] = ()

    @property
    def passages_found(self) -> int:
        """How many passages have their vectors in SQL, or share one with another passage."""
        return self.passages - self.passages_to_embed


class Sample:
    """Documents cut as an index would cut them."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self._account = Account(index.profile, index.collection if index.collection_id else None, Purpose.UPKEEP)
        self._embedder: Embedder = embedder_for(index.profile)
        self._inputs: list[str] = []
        self._cutting_seconds = 0.0
        self.documents, self.characters = 0, 0

    @property
    def is_full(self) -> bool:
        return self.documents >= SAMPLE_DOCUMENTS or self.characters >= SAMPLE_CHARACTERS

    def cut(self, *, title: str, text: str, markup: str, segments: Sequence[Addressed]) -> None:
        started = time.monotonic()
        self.documents += 1
        self.characters += max(1, len(text))
        try:
            self._inputs += cut_document(
                self._index, self._embedder, title=title, text=text, markup=markup, segments=segments
            )[2]
        except DocumentCannotBeChunked:
            return
        finally:
            self._cutting_seconds += time.monotonic() - started

    def extrapolated(self, *, documents: int, factor: float) -> Estimate:
        """Return the estimate for so many documents, of which this is the part 1 / `factor` by size."""
        profile = self._index.profile
        unknown = never_embedded(profile, self._inputs)
        tokens = sum(self._embedder.count_tokens(unknown)) if unknown else 0
        timed, seconds_per_token = self._speed(unknown)
        passages, all_tokens = round(len(self._inputs) * factor), round(tokens * factor)
        seconds = None
        if seconds_per_token is not None:
            seconds = (self._cutting_seconds + tokens * seconds_per_token) * factor + passages * WRITE_SECONDS
        return Estimate(
            documents=documents,
            passages=passages,
            passages_to_embed=round(len(unknown) * factor),
            tokens_to_embed=all_tokens,
            money=accounting.in_currency(accounting.cost_of(all_tokens, profile.price)),
            currency=profile.currency if profile.price else "",
            seconds=seconds,
            sampled=self.documents,
            timed=timed,
            is_exact=factor == 1.0,
            short=self._short(all_tokens),
        )

    def _speed(self, unknown: list[str]) -> tuple[int, float | None]:
        """Return the seconds for each token, and how many passages were embedded to find out."""
        if not unknown:
            return 0, 0.0
        pace = accounting.pace_of(self._index.profile)
        if pace is not None:
            return 0, pace.seconds_per_token
        texts = unknown[:: max(1, len(unknown) // TIMED_PASSAGES)][:TIMED_PASSAGES]
        # The first call takes the model into memory.
        first = texts[:1]
        if not self._account.has_room(self._embedder, first + texts):
            return 0, None
        with self._account.charged(first):
            self._embedder.embed_passages(first)
        started, tokens, timed = time.monotonic(), 0, 0
        for text in texts:
            with self._account.charged([text]):
                self._embedder.embed_passages([text])
            tokens, timed = tokens + self._embedder.count_tokens([text])[0], timed + 1
            if time.monotonic() - started > TIMED_SECONDS:
                break
        return timed, (time.monotonic() - started) / max(1, tokens)

    def _short(self, tokens: int) -> tuple[Standing, ...]:
        if not tokens:
            return ()
        collection = self._index.collection if self._index.collection_id else None
        profile = self._index.profile
        applying = [budget.pk for budget in accounting.applying(profile, collection)]
        return tuple(
            standing
            for standing in accounting.standings(Budget.objects.filter(pk__in=applying))
            if accounting.amount_of(standing.budget, tokens, profile) > standing.room
        )


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
        return _of_documents(index)
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


def _of_documents(index: VectorIndex) -> Estimate:
    sample = Sample(index)
    for document in _drawn(index, sample):
        content = document.content
        sample.cut(
            title=document.title,
            text=content.text if content else "",
            markup=content.markup if content else "",
            segments=list(content.segments.all()) if content else (),
        )
    total = _living(index).aggregate(count=Count("pk"), characters=Sum("size"))
    if sample.documents >= total["count"]:
        return sample.extrapolated(documents=total["count"], factor=1.0)
    factor = max(total["characters"] or 0, sample.characters) / max(1, sample.characters)
    # Never 1: something was left out.
    return sample.extrapolated(documents=total["count"], factor=max(factor, 1.0 + 1e-9))


def _living(index: VectorIndex) -> QuerySet[Document]:
    return Document.objects.alive().filter(collection=index.collection_id)


def _drawn(index: VectorIndex, sample: Sample) -> Iterator[Document]:
    """Draw documents at even distances of their ids, until the sample is full."""
    ends = _living(index).aggregate(first=Min("pk"), last=Max("pk"), count=Count("pk"))
    if not ends["count"]:
        return
    all_of_them = ends["count"] <= SAMPLE_DOCUMENTS
    step = 1.0 if all_of_them else (ends["last"] - ends["first"] + 1) / SAMPLE_DOCUMENTS
    at = float(ends["first"])
    while not sample.is_full:
        document = _living(index).filter(pk__gte=int(at)).order_by("pk").select_related("content").first()
        if document is None:
            return
        yield document
        at = max(at + step, document.pk + 1.0)
