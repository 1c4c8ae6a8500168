"""What became of an import that no source file stands for."""

from collections_app.models import Import, ImportItem, ImportOutcome
from collections_app.services.documents import Tally


def note_outcome(act: Import, filename: str, tally: Tally) -> None:
    """Keep what became of a file, and of each document that could not be taken, for the admin to show."""
    if tally.created:
        outcome = ImportOutcome.CREATED
    elif tally.updated:
        outcome = ImportOutcome.UPDATED
    else:
        outcome = ImportOutcome.FAILED if tally.failures and not tally.unchanged else ImportOutcome.UNCHANGED
    item = ImportItem(
        import_act=act,
        key=filename[:500],
        outcome=outcome,
        created=tally.created,
        updated=tally.updated,
        unchanged=tally.unchanged,
        failed=len(tally.failures),
    )
    failed = (
        ImportItem(import_act=act, key=key[:500], outcome=ImportOutcome.FAILED, reason=reason[:2000])
        for key, reason in tally.failures
    )
    ImportItem.objects.bulk_create([item, *failed], batch_size=1000)
