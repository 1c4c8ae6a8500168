"""The right to read a source file, or to delete it: held until it expires, and lost to new bytes."""

import uuid
from datetime import timedelta

from django.db.models import F

from collections_app.exceptions import LeaseLost
from collections_app.ledger import in_future
from collections_app.models import ExtractionState, SourceFile

LEASE = timedelta(seconds=90)


def claim(source_id: int) -> SourceFile | None:
    """Take the lease of a file that waits, and return it with another attempt counted; None if somebody has it."""
    token = uuid.uuid4()
    waiting = SourceFile.objects.filter(pk=source_id, state=ExtractionState.PENDING, lease_token=None)
    claimed = waiting.update(lease_token=token, lease_expires_at=in_future(LEASE), attempts=F("attempts") + 1)
    return SourceFile.objects.select_related("collection", "created_by").get(pk=source_id) if claimed else None


def seize(source: SourceFile) -> None:
    """Take the lease, from whoever has it: no worker begins to read the file, and one that reads it finds out."""
    source.lease_token = uuid.uuid4()
    row = SourceFile.objects.filter(pk=source.pk)
    row.update(lease_token=source.lease_token, lease_expires_at=in_future(LEASE))


def hold(source: SourceFile) -> None:
    """Renew the lease and keep the row locked to the end of the transaction; raise LeaseLost if it is ours no longer.

    Without this, a slow worker would bring back what newer bytes, read by another one meanwhile, have replaced.
    """
    ours = SourceFile.objects.filter(pk=source.pk, lease_token=source.lease_token)
    if not ours.update(lease_expires_at=in_future(LEASE)):
        raise LeaseLost(f"{source} was given new bytes or was taken over by another worker, which reads it now.")
