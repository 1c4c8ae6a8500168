"""What commands call collections and profiles by."""

from django.core.management.base import CommandError
from django.db.models import Q

from collections_app.models import Collection, EmbeddingProfile


def collection_named(name: str) -> Collection:
    """Return the living collection of a slug or else of a name; CommandError if there is none."""
    known = Collection.objects.alive().filter(Q(slug=name) | Q(name=name)).order_by("pk")
    chosen = known.filter(slug=name).first() or known.first()
    if chosen is None:
        raise CommandError(f"There is no collection {name!r}. Name one by its name or slug.")
    return chosen


def profile_named(name: str | None) -> EmbeddingProfile | None:
    """Return the profile of a name, None for None; CommandError if there is none of that name."""
    if name is None:
        return None
    profile = EmbeddingProfile.objects.filter(name=name).first()
    if profile is None:
        names = ", ".join(repr(known) for known in EmbeddingProfile.objects.values_list("name", flat=True))
        raise CommandError(f"There is no embedding profile {name!r}. There are: {names}. The admin makes others.")
    return profile
