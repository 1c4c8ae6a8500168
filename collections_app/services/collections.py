"""Collections: made with the index that serves them, and deleted with all they hold."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.text import slugify

from collections_app.locks import lock_live_indexes
from collections_app.models import (
    AccessLevel,
    Collection,
    CollectionGrant,
    Document,
    EmbeddingProfile,
    User,
    Visibility,
)
from collections_app.profiles import default_profile
from collections_app.services.documents import delete_documents
from collections_app.services.indexes import give_index, give_up
from collections_app.trail import record


def create_collection(
    name: str,
    *,
    slug: str = "",
    description: str = "",
    visibility: str = Visibility.PUBLIC,
    time_zone: str = "UTC",
    profile: EmbeddingProfile | None = None,
    user: User | None = None,
    chunk_size: int | None = None,
    chunk_overlap: int = 0,
) -> Collection:
    """Make a collection with an index that serves it from the start (it is empty, hence in step).

    `user` may manage it from now on.
    """
    profile = profile or default_profile()
    slug = slug or free_slug(name)
    with transaction.atomic():
        collection = Collection.objects.create(
            name=name,
            slug=slug,
            description=description,
            visibility=visibility,
            time_zone=time_zone,
            created_by=user,
        )
        give_index(collection, profile, chunk_size=chunk_size, chunk_overlap=chunk_overlap)
        if user and not user.is_superuser:
            CollectionGrant.objects.create(collection=collection, user=user, level=AccessLevel.MANAGE)
        record(user, "created", collection)
    return collection


def free_slug(name: str) -> str:
    """Return a slug for `name` that no living collection has."""
    stem = slugify(name, allow_unicode=True)[:70] or "collection"
    taken = set(Collection.objects.alive().filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(slug for slug in _numbered(stem) if slug not in taken)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def delete_collections(collections: QuerySet[Collection], *, user: User | None = None) -> int:
    """Delete collections with all they hold: invisible at once, their rows go when the store has let go.

    The first transaction decides; whatever does not follow because we are killed is done by `finish_deletions`.
    """
    count = 0
    for collection in list(collections.filter(deleted_at=None)):
        count += _end(collection, user=user)
        delete_documents(Document.objects.filter(collection=collection), user=user, trail=False)
    return count


@transaction.atomic
def _end(collection: Collection, *, user: User | None) -> int:
    """Mark a collection as deleted and its indexes as dropped, after every writer that is at work in it."""
    indexes = lock_live_indexes(collection.pk, exclusive=True)
    if not Collection.objects.filter(pk=collection.pk, deleted_at=None).update(deleted_at=Now()):
        return 0
    give_up(indexes)
    record(user, "deleted", collection)
    return 1


def finish_deletions() -> int:
    """Delete documents that outlived their collection because its deletion was interrupted; return how many."""
    return delete_documents(Document.objects.alive().filter(collection__deleted_at__isnull=False), trail=False)
