"""What people name on a command line, found or told that it is not there."""

from django.core.management.base import CommandError
from django.db.models import Q

from collections_app.models import Collection, EmbeddingProfile


def collection_named(name: str) -> Collection:
    """Return the living collection with this slug, or else this name; raise CommandError if there is none."""
    known = Collection.objects.alive().filter(Q(slug=name) | Q(name=name)).order_by("pk")
    chosen = known.filter(slug=name).first() or known.first()
    if chosen is None:
        raise CommandError(f"There is no collection {name!r}. Name one by its name or slug.")
    return chosen


def profile_named(name: str) -> EmbeddingProfile:
    """Return the embedding profile of this name; raise CommandError, naming those that there are, if there is none."""
    profile = EmbeddingProfile.objects.filter(name=name).first()
    if profile is None:
        names = ", ".join(repr(known) for known in EmbeddingProfile.objects.values_list("name", flat=True))
        raise CommandError(
            f"There is no embedding profile {name!r}. There are: {names or 'none'}. The admin makes others."
        )
    return profile
