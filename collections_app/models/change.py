from django.db import models
from django.utils.translation import gettext_lazy as _

from collections_app.models.index import VectorIndex


class IndexChange(models.Model):
    """What one transaction made live or retired in an index, or gave other metadata. Read by who remembers some of it.

    Rows are added, never changed but for `seen_at`, and pruned: see `collections_app.changes`.
    """

    index = models.ForeignKey(
        VectorIndex, verbose_name=_("index"), on_delete=models.CASCADE, related_name="changes", db_index=False
    )
    # The number of the transaction that wrote it, on PostgreSQL; 0 on SQLite, where ids tell the order of commits.
    transaction = models.BigIntegerField(_("transaction"))
    # Tells this row from one that has its id in a database that was put back.
    nonce = models.BigIntegerField(_("nonce"))
    # Primary keys, little-endian int64: chunks that went live, chunks that were retired, documents.
    live = models.BinaryField(_("passages that went live"))
    retired = models.BinaryField(_("passages that were retired"))
    documents = models.BinaryField(_("documents with other metadata"))
    # When the sweeper saw it for the first time; it is pruned some time after that.
    seen_at = models.DateTimeField(_("seen by the sweeper"), null=True, editable=False)

    class Meta:
        verbose_name = _("index change")
        verbose_name_plural = _("index changes")
        indexes = [
            models.Index(fields=["index", "id"], name="change_index"),
            models.Index(fields=["index", "transaction"], name="change_transaction"),
            models.Index(fields=["seen_at"], name="change_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.index_id}/{self.pk}"
