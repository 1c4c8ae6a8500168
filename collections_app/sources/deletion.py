"""Source files go, or documents that a newer version of one no longer has."""

from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet

from collections_app import services
from collections_app.exceptions import LeaseLost
from collections_app.models import Document, ImportItem, ImportOutcome, SourceFile, User
from collections_app.sources.lease import hold, seize
from collections_app.trail import record


def delete_sources(sources: QuerySet[SourceFile], *, user: User | None = None) -> int:
    """Delete source files with the documents that they gave; return how many.

    Who reads one of them finds out at its next save, and brings nothing back. One that is given new bytes meanwhile
    stays, and is read. Its own bytes are swept when no file has them any more.
    """
    return sum(_delete_source(source, user=user) for source in sources)


def _delete_source(source: SourceFile, *, user: User | None) -> bool:
    seize(source)
    try:
        remove_documents(source, lambda _key: True, user=user)
        with transaction.atomic():
            hold(source)
            waiting = ImportItem.objects.filter(source_file=source, outcome=ImportOutcome.PENDING)
            waiting.update(outcome=ImportOutcome.FAILED, reason="The file was deleted before it was read.")
            record(user, "deleted", source)
            SourceFile.objects.filter(pk=source.pk).delete()
    except LeaseLost:
        return False
    return True


def remove_documents(source: SourceFile, is_gone: Callable[[str], bool], *, user: User | None) -> int:
    """Delete those of the documents that a file gave whose keys are gone; return how many. Raises LeaseLost."""
    known = Document.objects.alive().filter(source_file=source).values_list("pk", "key")
    gone = [pk for pk, key in known.iterator() if is_gone(key)]
    removed = 0
    for start in range(0, len(gone), services.BATCH):
        part = Document.objects.filter(pk__in=gone[start : start + services.BATCH])
        with transaction.atomic():
            hold(source)
            removed += services.delete_documents(part, user=user)
    return removed
