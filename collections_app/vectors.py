"""Vectors in SQL: the cache of embeddings, and the live vectors of an index for exact scoring."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Sized
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from numpy.typing import NDArray

from collections_app.accounting import Account
from collections_app.embeddings import Embedder
from collections_app.embeddings.base import Vectors
from collections_app.ledger import in_future
from collections_app.models import (
    Chunk,
    ChunkState,
    Embedding,
    EmbeddingProfile,
    EmbeddingRole,
    EntryState,
    IndexEntry,
    IndexState,
    VectorIndex,
)
from collections_app.prepared import Many, Parameter, prepared

# What is read of chunks whose vectors are wanted: the last is None where it is missing.
_COLUMNS = ("pk", "document", "embedding__vector")
_Row: TypeAlias = tuple[int, int, Any]
# How many texts are embedded between two signs of life.
SLICE = 64
# Parameters of one statement; SQLite allows 32,766.
_LOOKUP = 5000
# How far rounding to float32 may move the length of a unit vector.
UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class StoredVector:
    """An embedding row: its primary key and its unit vector, float32 [d]."""

    pk: int
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LiveVectors:
    """Live chunks of an index with their vectors: ids and document_ids int64 [n], matrix float32 [n, d].

    `last_id` is the highest that was read, without a vector too, None if there was none.
    """

    ids: NDArray[np.int64]
    document_ids: NDArray[np.int64]
    matrix: NDArray[np.float32]
    last_id: int | None


def digest_of(text: str) -> bytes:
    """Return the key of an exact embedder input: the sha256 of its UTF-8."""
    return hashlib.sha256(text.encode()).digest()


def is_usable(raw: bytes | memoryview, *, dimensions: int) -> bool:
    """Return whether `raw` is a vector as SQL keeps them: so many numbers, finite, of unit length."""
    if len(raw) != 4 * dimensions:
        return False
    length = float(np.linalg.norm(as_vector(raw).astype(np.float64)))
    return abs(length - 1.0) < UNIT_TOLERANCE


def as_vector(raw: bytes | memoryview) -> NDArray[np.float32]:
    return np.frombuffer(raw, dtype="<f4")


def embed_passages(
    account: Account, embedder: Embedder, texts: Sequence[str], *, sign_of_life: Callable[[], None]
) -> dict[str, StoredVector]:
    """Return the stored vector of each passage's exact input, see `embed_once`."""
    role, embed = EmbeddingRole.PASSAGE, embedder.embed_passages
    return embed_once(account, role, embedder, embed, texts, sign_of_life=sign_of_life)


def embed_once(
    account: Account,
    role: EmbeddingRole,
    embedder: Embedder,
    embed: Callable[[list[str]], Vectors],
    texts: Sequence[str],
    *,
    sign_of_life: Callable[[], None],
) -> dict[str, StoredVector]:
    """Return the stored vector of each text, embedding only those that the account's profile never embedded in `role`.

    `embed` is how `embedder` does it. Vectors are committed slice by slice, with what they took, so that what was
    embedded before an interruption is not embedded again. `sign_of_life` is called before each slice and may raise to
    end the work. Raises BudgetUsedUp when there is no room for the next text, with what fitted kept.
    """
    profile = account.profile
    by_digest = {digest_of(text): text for text in texts}
    stored = _lookup(profile, role, list(by_digest))
    missing = [(digest, text) for digest, text in by_digest.items() if digest not in stored]
    # Equal lengths together: a batch takes as long as its longest text.
    missing.sort(key=lambda pair: len(pair[1]))
    found, start = len(stored), 0
    if not missing:
        account.note_found(found)
    while start < len(missing):
        sign_of_life()
        call = account.reserve(embedder, [text for _, text in missing[start : start + SLICE]])
        part = missing[start : start + len(call.texts)]
        with call:
            vectors = embed(call.texts)
        rows = zip(part, vectors, strict=True)
        with transaction.atomic():
            _insert(profile, role, ((digest, vector.astype("<f4").tobytes()) for (digest, _), vector in rows))
            call.settle(found=found)
        # As they are in SQL: another worker may have inserted one of them a moment before.
        stored |= _read(profile, role, [digest for digest, _ in part])
        found, start = 0, start + len(part)
    return {text: stored[digest] for digest, text in by_digest.items()}


def keep_vectors(profile: EmbeddingProfile, vectors: Mapping[bytes, bytes]) -> tuple[int, dict[bytes, StoredVector]]:
    """Keep raw unit vectors of passages, by the digests of their inputs, that this very profile made elsewhere.

    A vector that is there already stays as it is, and is in use from now on. Returns how many are new, and all of them
    as they are in SQL.
    """
    role = EmbeddingRole.PASSAGE
    known = _lookup(profile, role, list(vectors))
    missing = [digest for digest in vectors if digest not in known]
    _insert(profile, role, ((digest, vectors[digest]) for digest in missing))
    return len(missing), known | _read(profile, role, missing)


def never_embedded(
    profile: EmbeddingProfile, texts: Sequence[str], *, role: EmbeddingRole = EmbeddingRole.PASSAGE
) -> list[str]:
    """Return those texts, each once, of which this profile has no vector in that role yet."""
    missing = {digest_of(text): text for text in texts}
    digests = list(missing)
    for start in range(0, len(digests), _LOOKUP):
        known = _of(profile, role, digests[start : start + _LOOKUP])
        for digest in known.values_list("digest", flat=True):
            missing.pop(bytes(digest), None)
    return list(missing.values())


def _insert(profile: EmbeddingProfile, role: EmbeddingRole, vectors: Iterable[tuple[bytes, bytes]]) -> None:
    Embedding.objects.bulk_create(
        [
            Embedding(profile=profile, role=role, digest=digest, vector=vector, last_used_at=Now())
            # Two workers that insert the same rows in different orders would wait for each other.
            for digest, vector in sorted(vectors)
        ],
        ignore_conflicts=True,
    )


def _lookup(profile: EmbeddingProfile, role: EmbeddingRole, digests: Sequence[bytes]) -> dict[bytes, StoredVector]:
    """Return the vectors that are there, having said that they are in use, so that the sweep leaves them alone."""
    found: dict[bytes, StoredVector] = {}
    for start in range(0, len(digests), _LOOKUP):
        part = digests[start : start + _LOOKUP]
        _of(profile, role, part).filter(last_used_at__lt=in_future(timedelta(hours=-1))).update(last_used_at=Now())
        found |= _read(profile, role, part)
    return found


def _read(profile: EmbeddingProfile, role: EmbeddingRole, digests: Sequence[bytes]) -> dict[bytes, StoredVector]:
    rows = _of(profile, role, digests).values_list("pk", "digest", "vector")
    return {bytes(digest): StoredVector(pk, as_vector(vector)) for pk, digest, vector in rows}


def _of(profile: EmbeddingProfile, role: EmbeddingRole, digests: Sequence[bytes]) -> QuerySet[Embedding]:
    return Embedding.objects.filter(profile=profile, role=role, digest__in=digests)


def live_vectors(
    index: VectorIndex,
    *,
    document_ids: Sized[int] | None = None,
    after: int = 0,
    limit: int | None = None,
) -> LiveVectors:
    """Read live chunks of `index`, all or some, with ids above `after`, and their vectors, in the order of their ids.

    `after` and `limit` make pages: chunks with larger ids, and at most so many.

    A chunk whose vector is missing or damaged is left out; the audit finds it.
    """
    is_page, are_some = after > 0, document_ids is not None

    def live() -> QuerySet[Chunk, _Row]:
        chunks = Chunk.objects.filter(index=Parameter("index"), state=ChunkState.LIVE).order_by("pk")
        if is_page:
            chunks = chunks.filter(pk__gt=Parameter("after"))
        if are_some:
            chunks = chunks.filter(document__in=Many("documents"))
            if limit is None:
                # Asked for order, SQLite would rather read all that is live in that order: 40 ms of 100,000.
                chunks = chunks.order_by()
        return chunks.values_list(*_COLUMNS)[:limit]

    statement = prepared(live, is_page, are_some, limit)
    found = sorted(statement.rows(index=index.pk, after=after, documents=document_ids), key=itemgetter(0))
    return _with_vectors(found, dimensions=index.profile.dimensions)


def vectors_of(index: VectorIndex, chunk_ids: Sized[int]) -> LiveVectors:
    """Read chunks of `index` that went live a moment ago, and may have been retired again, with their vectors."""
    chunks = Chunk.objects.filter(index=index, pk__in=chunk_ids).order_by("pk")
    return _with_vectors(list(chunks.values_list(*_COLUMNS)), dimensions=index.profile.dimensions)


def _with_vectors(found: Sequence[_Row], *, dimensions: int) -> LiveVectors:
    rows = [row for row in found if row[2] is not None and len(row[2]) == 4 * dimensions]
    raw = b"".join(vector or b"" for _pk, _document_id, vector in rows)
    return LiveVectors(
        ids=np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)),
        document_ids=np.fromiter((row[1] for row in rows), dtype=np.int64, count=len(rows)),
        matrix=np.frombuffer(raw, dtype="<f4").reshape(len(rows), dimensions),
        last_id=found[-1][0] if found else None,
    )


def sweep_unused_vectors(*, unused_for: timedelta = timedelta(days=1), limit: int = 2000) -> int:
    """Remove vectors that no chunk refers to and nobody asked for lately; return how many.

    Those of a profile for which a document has waited as long, or waits for a budget, stay: they may be what it waits
    to be given, or its own first half.
    """
    waits = IndexEntry.objects.filter(
        Q(wanted_at__lt=in_future(-unused_for)) | Q(budget__isnull=False),
        index=OuterRef("pk"),
        state__in=[EntryState.PENDING, EntryState.FAILED],
    )
    waited_for = VectorIndex.objects.exclude(state=IndexState.DROPPED).filter(Exists(waits))
    stale = Embedding.objects.filter(last_used_at__lt=in_future(-unused_for), chunks=None)
    stale = stale.exclude(profile__in=list(waited_for.values_list("profile", flat=True)))
    ids = list(stale.values_list("pk", flat=True)[:limit])
    if not ids:
        return 0
    unreferenced = Embedding.objects.filter(pk__in=ids).exclude(
        pk__in=Chunk.objects.filter(embedding__in=ids).values("embedding")
    )
    return unreferenced._raw_delete(unreferenced.db)
