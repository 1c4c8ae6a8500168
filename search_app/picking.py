"""Which collections are searched, and which others could be, with the addresses that lead there."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count
from django.urls import reverse

from collections_app.models import Collection, Document, User
from collections_app.prepared import prepared
from search_app.asking import named_collections, readable_document
from search_app.parameters import EVERY, Parameters
from search_app.request import MOST_COLLECTIONS, Readable
from search_app.scope import permission_of, readable_collections

# With more collections than these, their list can be narrowed down by typing.
_MOST_AT_A_GLANCE = 8


@dataclass(frozen=True, slots=True)
class Pick:
    """A collection that can be chosen: alone, by the address, or beside others, by its box."""

    slug: str
    name: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Picker:
    """The collections to choose from; `every_url` leads to all of them at once, "" where they are too many."""

    picks: Sequence[Pick]
    is_every: bool
    every_url: str
    can_be_narrowed: bool


def picker(
    readable: Sequence[Collection], chosen: Sequence[Collection], parameters: Parameters, *, is_every: bool
) -> Picker:
    """Return what can be chosen: first what is chosen, then the others, each by name."""
    chosen_ids = {collection.pk for collection in chosen}
    ordered = sorted(readable, key=lambda collection: (collection.pk not in chosen_ids, collection.name.casefold()))
    here = reverse("search:search")
    return Picker(
        picks=[
            Pick(
                slug=collection.slug,
                name=collection.name,
                url=here + parameters.among(collection.slug).query_string,
                is_chosen=collection.pk in chosen_ids and not is_every,
            )
            for collection in ordered
        ],
        is_every=is_every,
        every_url=here + parameters.among(EVERY).query_string if 1 < len(readable) <= MOST_COLLECTIONS else "",
        can_be_narrowed=len(readable) > _MOST_AT_A_GLANCE,
    )


def readable_list(user: User | AnonymousUser) -> list[Collection]:
    """Return the collections that `user` may search, by name."""
    readable = prepared(
        lambda: readable_collections(user).select_related("serving_index__profile"),
        permission_of(user),
    )
    return readable.rows()


def choose(
    readable: Sequence[Collection], parameters: Parameters, user: User | AnonymousUser
) -> tuple[Collection, ...]:
    """Return the collections that an address names, the one of what it is like, or the likeliest one; none of none.

    Raises InvalidSearchRequest for one that is not there or may not be read.
    """
    if not parameters.collections and parameters.like:
        return (readable_document(parameters.like.split(":")[0], user).collection,)
    if not parameters.collections:
        largest = _largest(readable)
        return Readable.of([largest] if largest else [], permission_of(user))
    return named_collections(parameters.collections, user)


def _largest(collections: Sequence[Collection]) -> Collection | None:
    """Return the collection with the most documents: the likeliest one for a question that names none."""
    by_pk = {collection.pk: collection for collection in collections}
    counted = Document.objects.alive().filter(collection__in=by_pk).values("collection").annotate(documents=Count("pk"))
    largest = counted.order_by("-documents", "collection").first()
    return by_pk[largest["collection"]] if largest else next(iter(collections), None)
