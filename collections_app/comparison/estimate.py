"""What a comparison will send to each model, found out before anything is sent."""

from collections.abc import Iterator
from dataclasses import dataclass

from collections_app.comparison.contestant import require_usable
from collections_app.comparison.cost import cost_of
from collections_app.comparison.material import Material, gather
from collections_app.comparison.runs import Wish, check
from collections_app.embeddings import takes_key
from collections_app.models import EmbeddingProfile, EmbeddingRole
from collections_app.vectors import never_embedded

# More passages than these are not counted but extrapolated from them: somebody waits for the answer.
COUNTED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEstimate:
    """What one profile has to embed for a comparison; `cost` is None where no price is known.

    `asks_server` says that the texts leave this process.
    """

    profile: str
    passages: int
    texts_to_embed: int
    tokens_to_embed: int
    asks_server: bool
    cost: float | None
    currency: str
    is_exact: bool


def estimate(wish: Wish) -> list[ProfileEstimate]:
    """Say what each profile would have to embed. Raises InvalidEvaluation or ConfigurationError."""
    check(wish)
    material = gather(wish.collection, wish.questions, sample=wish.sample)
    return [_estimate(profile, material) for profile in wish.profiles]


def _estimate(profile: EmbeddingProfile, material: Material) -> ProfileEstimate:
    embedder = require_usable(profile)
    drawn = list(material.drawn(COUNTED).inputs)
    factor = len(material.chunk_ids) / max(1, len(drawn))
    passages = never_embedded(profile, drawn)
    others = [text for role, texts in _others(material) for text in never_embedded(profile, texts, role=role)]
    texts = round(len(passages) * factor) + len(others)
    tokens = round(sum(embedder.count_tokens(passages)) * factor) + sum(embedder.count_tokens(others))
    return ProfileEstimate(
        profile=profile.name,
        passages=len(material.chunk_ids),
        texts_to_embed=texts,
        tokens_to_embed=tokens,
        asks_server=takes_key(profile.backend),
        cost=cost_of(profile, tokens),
        currency=profile.currency,
        is_exact=len(drawn) == len(material.chunk_ids),
    )


def _others(material: Material) -> Iterator[tuple[EmbeddingRole, list[str]]]:
    yield EmbeddingRole.QUERY, [question.text for question in material.questions]
    yield EmbeddingRole.PASSAGE, [question.rest for question in material.questions if question.rest]
