"""A collection file becomes a collection: its vectors go where embeddings are kept, its documents are saved as ever.

Nothing is staged or indexed here. The workers cut the documents and find the vectors of their passages in SQL, so that
they embed nothing; the ledger, the leases and the flip are those of every other document.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django.db import transaction
from django.db.models.functions import Now
from django.utils.text import slugify

from collections_app import services
from collections_app.embeddings import Embedder
from collections_app.exceptions import (
    CollectionFileRefused,
    ConfigurationError,
    DocumentCannotBeChunked,
    EmbeddingError,
    InvalidImport,
)
from collections_app.ledger import in_future
from collections_app.lexical import ANALYZER_VERSION
from collections_app.models import (
    Collection,
    EmbeddingProfile,
    Import,
    ImportOrigin,
    MetadataField,
    SourceFile,
    User,
    VectorIndex,
    Visibility,
)
from collections_app.passages import cut_document
from collections_app.portable.archive import CollectionFile
from collections_app.portable.values import DIGEST_BYTES, DocumentLine, Manifest, ProfileFacts
from collections_app.portable.verification import Cut, Verified, rows_of, verify
from collections_app.profiles import adopt_profile, default_profile, embedder_for
from collections_app.trail import record
from collections_app.vectors import keep_vectors

logger = logging.getLogger(__name__)

_REMEDY = (
    "Make a profile of this model and name it (--profile), or take the texts alone and have them embedded anew by a "
    "model of this site (--re-embed)."
)
# While documents come in the index is not calibrated: the weights come with the file.
_CALIBRATOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a file is taken: by which profile, whether its vectors are used, and under which name and visibility."""

    profile: EmbeddingProfile
    uses_vectors: bool
    name: str
    visibility: str


@dataclass(slots=True)
class Taken(services.Tally):
    """What became of a file's documents, and how many of its vectors were new here."""

    vectors: int = 0


# --- before anything is written -----------------------------------------------------------------------------------


def plan_import(
    file: CollectionFile,
    *,
    name: str = "",
    visibility: str = "",
    profile: EmbeddingProfile | None = None,
    re_embed: bool = False,
    may_make_profile: bool = True,
) -> Plan:
    """Settle by which profile a file is taken; raise CollectionFileRefused, naming the remedy, where there is none.

    Where this site has no such profile, it is made from the manifest, if its embedder has the same fingerprint and
    `may_make_profile`. With `re_embed` the file's vectors are not used, and any profile will do.
    """
    facts = file.manifest.collection
    if facts.time_zone not in available_timezones():
        raise CollectionFileRefused(f"This system does not know the time zone {facts.time_zone!r}. Update its tzdata.")
    wanted = visibility or facts.visibility
    return Plan(
        profile=_profile(file.manifest.profile, profile, re_embed=re_embed, may_make=may_make_profile),
        uses_vectors=not re_embed,
        name=(name or facts.name)[:200],
        visibility=wanted if wanted in Visibility.values else Visibility.PRIVATE,
    )


def _profile(
    facts: ProfileFacts, named: EmbeddingProfile | None, *, re_embed: bool, may_make: bool
) -> EmbeddingProfile:
    if re_embed:
        return named or default_profile()
    if named:
        if named.fingerprint != facts.fingerprint:
            raise CollectionFileRefused(
                f"The vectors of the file were made by the profile {facts.name!r} (fingerprint "
                f"{facts.fingerprint[:12]}), and {named.name!r} gives others ({named.fingerprint[:12]}). They are not "
                "used. Name a profile of the same model, or have the texts embedded anew by this one (--re-embed)."
            )
        return named
    same = EmbeddingProfile.objects.filter(fingerprint=facts.fingerprint).first()
    if same:
        return same
    if not may_make:
        raise CollectionFileRefused(
            f"This site has no profile of the model {facts.model!r} by which the vectors of the file were made. An "
            f"administrator has to make it, or to import the file. {_REMEDY}"
        )
    try:
        return adopt_profile(
            facts.name,
            backend=facts.backend,
            model=facts.model,
            options=facts.options,
            fingerprint=facts.fingerprint,
            canary=facts.canary,
        )
    except (EmbeddingError, ConfigurationError, TypeError, ValueError) as error:
        raise CollectionFileRefused(
            f"This site has no profile of the model {facts.model!r} by which the vectors of the file were made, and "
            f"none can be made from the file: {error} {_REMEDY}"
        ) from error


def check(file: CollectionFile, plan: Plan, *, breathe: Callable[[], None] = lambda: None) -> Verified:
    """Verify a file, and find out on some documents whether this site cuts them as the one that wrote it did."""
    cut = _cutter(_settings(file.manifest, plan.profile)) if plan.uses_vectors else None
    return verify(file, cut=cut, breathe=breathe)


def _cutter(index: VectorIndex) -> Cut | None:
    try:
        embedder: Embedder = embedder_for(index.profile)
    except (EmbeddingError, ConfigurationError) as error:
        logger.warning("Whether texts are cut alike cannot be told: %s", error)
        return None

    def cut(document: DocumentLine) -> Sequence[tuple[int, int]]:
        try:
            passages, _, _ = cut_document(
                index,
                embedder,
                title=document.title,
                text=document.text,
                markup=document.markup,
                segments=document.segments,
            )
        except DocumentCannotBeChunked:
            return []
        return [(passage.start, passage.end) for passage in passages]

    return cut


def _settings(manifest: Manifest, profile: EmbeddingProfile) -> VectorIndex:
    """Return an unsaved index with the file's settings, as far as the profile's model takes them."""
    size = min(manifest.index.chunk_size, profile.max_tokens)
    overlap = min(manifest.index.chunk_overlap, size - 1)
    return VectorIndex(profile=profile, chunk_size=size, chunk_overlap=overlap, hnsw=dict(manifest.index.hnsw))


# --- writing ------------------------------------------------------------------------------------------------------


def begin(file: CollectionFile, plan: Plan, *, filename: str, user: User | None) -> Import:
    """Make the collection, private until all of it is there, or return an import of this file that was interrupted."""
    options: dict[str, Any] = {"file": filename, "digest": file.digest, "finished": False}
    interrupted = Import.objects.filter(
        origin=ImportOrigin.PORTABLE,
        user=user,
        collection__deleted_at=None,
        collection__name=plan.name,
        collection__serving_index__profile=plan.profile,
        options__digest=file.digest,
        options__finished=False,
    )
    return interrupted.select_related("collection").first() or _begin(file.manifest, plan, options, user=user)


@transaction.atomic
def _begin(manifest: Manifest, plan: Plan, options: dict[str, Any], *, user: User | None) -> Import:
    facts, index = manifest.collection, _settings(manifest, plan.profile)
    collection = services.create_collection(
        plan.name,
        slug=_slug(facts.slug) if plan.name == facts.name else "",
        description=facts.description,
        visibility=Visibility.PRIVATE,
        time_zone=facts.time_zone,
        profile=plan.profile,
        user=user,
        chunk_size=index.chunk_size,
        chunk_overlap=index.chunk_overlap,
    )
    VectorIndex.objects.filter(pk=collection.serving_index_id or 0).update(hnsw=index.hnsw)
    MetadataField.objects.bulk_create(
        MetadataField(collection=collection, **{name: getattr(declared, name) for name in declared.__slots__})
        for declared in manifest.fields
    )
    return Import.objects.create(collection=collection, origin=ImportOrigin.PORTABLE, user=user, options=options)


def _slug(wanted: str) -> str:
    """Return the slug of the file if it is one and nobody has it, else "": one is made from the name."""
    is_slug = slugify(wanted, allow_unicode=True) == wanted
    return wanted if is_slug and not Collection.objects.alive().filter(slug=wanted).exists() else ""


def take(
    file: CollectionFile,
    collection: Collection,
    *,
    visibility: str,
    uses_vectors: bool,
    user: User | None = None,
    source_file: SourceFile | None = None,
    said: Sequence[str] = (),
    fence: Callable[[], None] = lambda: None,
) -> Taken:
    """Bring a verified file into its collection, in constant memory, and show it when all of it is there.

    Whatever was taken before an interruption is found again, so that taking a file twice changes nothing. `said` is
    kept with the import for people to read. `fence` opens every transaction; it raises when the caller may write no
    longer.
    """
    index = VectorIndex.objects.select_related("profile").get(pk=collection.serving_index_id or 0)
    taken = Taken()
    if uses_vectors:
        if index.profile.fingerprint != file.manifest.profile.fingerprint:
            raise InvalidImport("The collection is embedded by another model now than the file. Import it anew.")
        for digests, vectors in file.vectors(rows=min(services.BATCH, rows_of(file))):
            _hold_calibration(index)
            with transaction.atomic():
                fence()
                keys = (digests[start : start + DIGEST_BYTES] for start in range(0, len(digests), DIGEST_BYTES))
                raw = {key: vector.tobytes() for key, vector in zip(keys, vectors, strict=True)}
                taken.vectors += keep_vectors(index.profile, raw)[0]
    documents = _inputs(file, index)
    for saved in services.save_documents(collection, documents, user=user, source_file=source_file, fence=fence):
        taken.count(saved)
    _finish(
        file,
        collection,
        index,
        taken,
        visibility=visibility,
        uses_vectors=uses_vectors,
        user=user,
        said=said,
        fence=fence,
    )
    return taken


def _hold_calibration(index: VectorIndex) -> None:
    VectorIndex.objects.filter(pk=index.pk).update(calibrator_expires_at=in_future(_CALIBRATOR))


def _inputs(file: CollectionFile, index: VectorIndex) -> Iterator[services.DocumentInput]:
    for number, line in enumerate(file.documents()):
        if number % services.BATCH == 0:
            _hold_calibration(index)
        yield services.DocumentInput(
            key=line.key,
            text=line.text,
            title=line.title,
            markup=line.markup,
            metadata=line.metadata,
            segments=line.segments,
            language=line.language_override,
        )


@transaction.atomic
def _finish(
    file: CollectionFile,
    collection: Collection,
    index: VectorIndex,
    taken: Taken,
    *,
    visibility: str,
    uses_vectors: bool,
    user: User | None,
    said: Sequence[str],
    fence: Callable[[], None],
) -> None:
    fence()
    learned, facts = VectorIndex.objects.filter(pk=index.pk), file.manifest.index
    learned.update(calibrator_expires_at=None)
    unfinished = list(
        Import.objects.filter(collection=collection, options__digest=file.digest, options__finished=False)
    )
    if not unfinished:
        return
    for act in unfinished:
        Import.objects.filter(pk=act.pk).update(options=act.options | {"finished": True, "remarks": list(said)})
    Collection.objects.filter(pk=collection.pk).update(
        visibility=visibility, semantic_weight=file.manifest.collection.semantic_weight
    )
    if uses_vectors and facts.calibration:
        learned.update(semantic_weight=facts.semantic_weight, calibration=dict(facts.calibration), calibrated_at=Now())
    record(user, "imported", collection, documents=file.manifest.counts.documents, vectors=taken.vectors)


def remarks(file: CollectionFile, plan: Plan, verified: Verified) -> list[str]:
    """Return, in sentences for people, in what the collection will differ from the one that was exported."""
    said = []
    counts, analysed = file.manifest.counts, file.manifest.index.analyzer_version
    if not plan.uses_vectors:
        said.append(f"The vectors of the file are not used; {plan.profile.name} embeds the texts anew.")
    elif not counts.vectors and counts.documents:
        said.append("The file holds no vectors, so all passages are embedded here.")
    if verified.cut_otherwise:
        said.append(
            f"This site cuts texts otherwise than the one that wrote the file ({verified.cut_otherwise} of "
            f"{verified.sampled} documents that were compared): passages that differ are embedded here."
        )
    if analysed != ANALYZER_VERSION:
        said.append(
            f"Words are analysed by version {ANALYZER_VERSION} here and were by version {analysed}: what is found by "
            "words may differ."
        )
    return said
