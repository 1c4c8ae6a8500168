"""Embedding profiles and the embedders that carry them out."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from collections_app.accounting import Account
from collections_app.embeddings import Embedder, load_embedder
from collections_app.embeddings.base import Vectors
from collections_app.embeddings.keys import seal, unseal
from collections_app.embeddings.metering import metered
from collections_app.embeddings.registry import VECTOR_OPTIONS
from collections_app.exceptions import ConfigurationError, ProfileMismatch
from collections_app.models import EmbeddingProfile, Purpose

# The backend of vectors that came from outside; its profiles are made by importing them.
SUPPLIED = "supplied"
CANARY = "A canary sings in the coal mine as long as the air is good. 矿井里的空气好，金丝雀就唱歌。"
# How often a model in use is asked for the canary again, and how similar (cosine) its answer has to be: runtimes and
# servers differ in the last digits, another model answers with something unrelated.
CANARY_EVERY = timedelta(minutes=10)
CANARY_SIMILARITY = 0.99
_NAMES = {"local": "all-MiniLM-L6-v2 (local)", "meaningless": "Meaningless hash (offline, for tests)"}


def create_profile(
    name: str,
    *,
    backend: str,
    model: str = "",
    options: Mapping[str, Any] | None = None,
    key: str = "",
    is_default: bool = False,
    price: Decimal = Decimal(0),
    currency: str = "",
) -> EmbeddingProfile:
    """Try the embedder, and keep how it embeds as a profile; the server's `key`, if one is given, is kept encrypted.

    `price` is that of a million tokens in `currency`.

    Raises ConfigurationError if an existing profile gives the same vectors, and EmbeddingError if the embedder cannot
    be used.
    """
    sealed_key = seal(key) if key else ""
    embedder = load_embedder(backend, model=model, options=_with_key(options or {}, sealed_key))
    same = EmbeddingProfile.objects.filter(fingerprint=embedder.fingerprint).first()
    if same:
        raise ConfigurationError(f"The profile {same.name!r} gives these very vectors already; use that one.")
    with metered() as meter:
        canary = embedder.embed_passages([CANARY])[0].astype("<f4").tobytes() if embedder.has_model else b""
    with transaction.atomic():
        if is_default:
            EmbeddingProfile.objects.filter(is_default=True).update(is_default=False)
        profile = EmbeddingProfile.objects.create(
            name=name,
            backend=backend,
            model=model or embedder.model,
            options=dict(options or {}),
            sealed_key=sealed_key,
            fingerprint=embedder.fingerprint,
            dimensions=embedder.dimensions,
            max_tokens=embedder.max_tokens,
            canary=canary,
            is_default=is_default,
            price=price,
            currency=currency,
        )
        if meter.calls:
            _upkeep(profile).note(meter, [CANARY])
    return profile


def adopt_profile(
    name: str, *, backend: str, model: str, options: Mapping[str, Any], fingerprint: str, canary: bytes
) -> EmbeddingProfile:
    """Keep as a profile what another site embeds by, if this site's model is the same; nothing is embedded for it.

    Raises ProfileMismatch if the embedder at hand has another fingerprint, and EmbeddingError if there is none.
    """
    _check_harmless(options)
    embedder = load_embedder(backend, model=model, options=options)
    if embedder.fingerprint != fingerprint or len(canary) != 4 * embedder.dimensions * embedder.has_model:
        raise ProfileMismatch(
            f"The embedder {backend!r} of this site, asked for the model {model!r}, does not give the vectors of the "
            f"profile {name!r}: its fingerprint is {embedder.fingerprint[:12]} where {fingerprint[:12]} is needed."
        )
    return EmbeddingProfile.objects.create(
        name=free_name(name),
        backend=backend,
        model=model or embedder.model,
        options=dict(options),
        fingerprint=fingerprint,
        dimensions=embedder.dimensions,
        max_tokens=embedder.max_tokens,
        canary=canary,
    )


def _check_harmless(options: Mapping[str, Any]) -> None:
    """Refuse options that lead this machine to other machines, to its files or to its environment."""
    questions = options.get("questions") or {}
    inner = (questions.get("options") or {}) if isinstance(questions, Mapping) else None
    if not isinstance(inner, Mapping):
        raise ConfigurationError("The option `questions` must name a backend, and may name a model and options.")
    if unknown := (set(options) - VECTOR_OPTIONS) | (set(inner) - VECTOR_OPTIONS | set(inner) & {"questions"}):
        raise ConfigurationError(
            f"The options {', '.join(sorted(unknown))} do not decide vectors, so no file may bring them."
        )


def free_name(name: str) -> str:
    """Return `name`, or with a number behind it where another profile has it."""
    taken = set(EmbeddingProfile.objects.filter(name__startswith=name[:90]).values_list("name", flat=True))
    numbered = (f"{name[:90]} ({number})" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)


def default_profile() -> EmbeddingProfile:
    """Return the profile of new collections, making it from the setting DEFAULT_EMBEDDER on first use."""
    chosen = EmbeddingProfile.objects.filter(is_default=True).first()
    if chosen:
        return chosen
    backend = settings.DEFAULT_EMBEDDER
    try:
        return create_profile(_NAMES.get(backend, backend), backend=backend, is_default=True)
    except IntegrityError:
        # Another process made it at the same time.
        return EmbeddingProfile.objects.get(is_default=True)


def embedder_for(profile: EmbeddingProfile) -> Embedder:
    """Return the embedder of a profile; ProfileMismatch when it would give other vectors than those stored."""
    if profile.changed_at:
        raise _changed(profile)
    return _declared_embedder(profile)


def check_canary(profile: EmbeddingProfile) -> None:
    """Compare the vector of the canary with the one kept in the profile; ProfileMismatch if the model has changed.

    Notes the result in the profile, so that no process uses a changed model. Raises EmbeddingError or
    ConfigurationError if the embedder cannot be used.
    """
    embedder = _declared_embedder(profile)
    rows = EmbeddingProfile.objects.filter(pk=profile.pk)
    if embedder.has_model and not _is_canary(profile, _embed_canary(profile, embedder)):
        rows.filter(changed_at=None).update(changed_at=Now())
        raise _changed(profile)
    rows.update(canary_checked_at=Now(), changed_at=None)


def change_key(profile: EmbeddingProfile, key: str) -> None:
    """Try the embedder with another key, and keep the key, encrypted, in place of the former one.

    Workers and servers use it from their next batch or question on. Raises EmbeddingError if it is not accepted, and
    ProfileMismatch if it leads to another model; the former key then stays.
    """
    profile.sealed_key = seal(key)
    if not _is_canary(profile, _embed_canary(profile, _declared_embedder(profile))):
        raise _changed(profile)
    profile.save(update_fields=["sealed_key"])


def reseal_keys() -> int:
    """Encrypt every stored key by the SECRET_KEY of now, so that SECRET_KEY_FALLBACKS can go; return how many.

    Raises EmbedderMisconfigured, and changes none, if one cannot be opened.
    """
    with transaction.atomic():
        profiles = list(EmbeddingProfile.objects.select_for_update().exclude(sealed_key=""))
        for profile in profiles:
            profile.sealed_key = seal(unseal(profile.sealed_key))
        EmbeddingProfile.objects.bulk_update(profiles, ["sealed_key"])
    return len(profiles)


def _with_key(options: Mapping[str, Any], sealed_key: str) -> dict[str, Any]:
    if "sealed_api_key" in options:
        raise ConfigurationError("A stored key is entered as the key of the profile, not as an option.")
    return {**options, "sealed_api_key": sealed_key} if sealed_key else dict(options)


def _embed_canary(profile: EmbeddingProfile, embedder: Embedder) -> Vectors:
    """Return the vector, float32 [d], that a profile gives for the canary now; what it takes is counted."""
    with _upkeep(profile).charged([CANARY]):
        vector: Vectors = embedder.embed_passages([CANARY])[0]
    return vector


def _upkeep(profile: EmbeddingProfile) -> Account:
    return Account(profile, None, Purpose.UPKEEP)


def _is_canary(profile: EmbeddingProfile, vector: Vectors) -> bool:
    return float(vector @ np.frombuffer(profile.canary, dtype="<f4")) >= CANARY_SIMILARITY


def _declared_embedder(profile: EmbeddingProfile) -> Embedder:
    options = _with_key(profile.options, profile.sealed_key)
    embedder = load_embedder(profile.backend, model=profile.model, options=options)
    if embedder.fingerprint != profile.fingerprint:
        raise _changed(profile)
    return embedder


def _changed(profile: EmbeddingProfile) -> ProfileMismatch:
    return ProfileMismatch(
        f"The embedder {profile.backend!r} no longer gives the vectors of the profile {profile.name!r} (its model, "
        "weights or options changed). Put the old model back, or make a new profile and rebuild with it."
    )
