"""What pages and programs name -> what it is: collections, documents, modes.

All that is looked up is looked up among what the user may read, so that what may not be read is as unknown as what is
not there.
"""

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from collections_app.exceptions import InvalidSearchRequest
from collections_app.models import Collection, Document, User
from collections_app.prepared import ManyTexts, prepared
from search_app.parameters import EVERY, whole_number
from search_app.request import Likeness, Mode, Readable
from search_app.scope import permission_of, readable_collections

Asker = User | AnonymousUser | None


def named_collections(slugs: Sequence[str], user: Asker) -> Readable:
    """Return the collections of these slugs in the order of their names, or all of them for EVERY.

    Raises InvalidSearchRequest for one that is not there or may not be read.
    """
    is_every = EVERY in slugs

    def chosen() -> QuerySet[Collection]:
        readable = readable_collections(user).select_related("serving_index__profile").order_by("name", "pk")
        return readable if is_every else readable.filter(slug__in=ManyTexts("slugs"))

    permission = permission_of(user)
    statement = prepared(chosen, is_every, permission)
    found = Readable.of(statement.rows(slugs=[slug for slug in slugs if "\0" not in slug]), permission)
    missing = set(slugs) - {EVERY} - {collection.slug for collection in found}
    if missing or not found:
        raise InvalidSearchRequest(_("There is no such collection, or you may not read it."), code="unknown_collection")
    return found


def readable_collection(slug: str, user: Asker) -> Collection:
    """Return the collection of this slug with what serves it. Raises InvalidSearchRequest."""
    readable = readable_collections(user).select_related("serving_index__profile")
    found = None if "\0" in slug else readable.filter(slug=slug).first()
    if found is None:
        raise InvalidSearchRequest(_("There is no such collection, or you may not read it."), code="unknown_collection")
    return found


def readable_document(public_id: str | UUID, user: Asker) -> Document:
    """Return a document with its text and collection. Raises InvalidSearchRequest."""
    found = None
    try:
        identity = UUID(str(public_id))
    except ValueError:
        identity = None
    if identity:
        readable = Document.objects.alive().filter(collection__in=readable_collections(user), public_id=identity)
        found = readable.select_related("collection__serving_index__profile", "content", "source_file").first()
    if found is None:
        raise InvalidSearchRequest(_("There is no such document, or you may not read it."), code="unknown_document")
    return found


def liked(given: str, user: Asker) -> Likeness | None:
    """Read a document's public id, or `id:start:end` for a passage; blank is None. Raises InvalidSearchRequest."""
    if not given.strip():
        return None
    identity, *place = given.strip().split(":")
    numbers = [whole_number(number) for number in place]
    if len(numbers) not in (0, 2) or None in numbers:
        raise InvalidSearchRequest(
            _("“%(given)s” is neither a document's public id nor id:start:end of a passage.") % {"given": given[:100]},
            code="unknown_document",
        )
    start, end = (number or 0 for number in numbers) if numbers else (0, 0)
    return Likeness(readable_document(identity, user), start, end)


def mode_of(given: str) -> Mode:
    """Return the mode of this name, the usual one for "". Raises InvalidSearchRequest."""
    try:
        return Mode(given or Mode.HYBRID)
    except ValueError:
        message = _("“%(given)s” is no mode; give one of: %(known)s.")
        raise InvalidSearchRequest(
            message % {"given": given[:20], "known": ", ".join(Mode)}, code="invalid_mode"
        ) from None


def diversity_of(given: str) -> float:
    """Return the number from 0 to 1 that `given` is, 0 for "". Raises InvalidSearchRequest."""
    try:
        number = float(given or 0)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise InvalidSearchRequest(
            _("“%(given)s” is no diversity; give a number from 0 to 1.") % {"given": given[:20]},
            code="invalid_diversity",
        )
    return number
