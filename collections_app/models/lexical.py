from django.db import models
from django.utils.translation import gettext_lazy as _

from collections_app.models.index import Chunk, VectorIndex


class LexicalRow(models.Model):
    """The terms of one live chunk. Every live chunk has such a row, and no other chunk has."""

    chunk = models.OneToOneField(
        Chunk, verbose_name=_("chunk"), primary_key=True, on_delete=models.CASCADE, related_name="lexical_row"
    )
    index = models.ForeignKey(
        VectorIndex, verbose_name=_("index"), on_delete=models.PROTECT, related_name="lexical_rows", db_index=False
    )
    # How many terms occur, each occurrence counted.
    length = models.PositiveIntegerField(_("length"))
    # A lexical.Bag: numbers of the terms, then how often each occurs.
    terms = models.BinaryField(_("terms"))
    analyzer_version = models.PositiveSmallIntegerField(_("analyser version"), default=1)
    # Whether a segment's postings hold it. What they do not hold yet is read row by row.
    merged = models.BooleanField(_("merged"), default=False)

    class Meta:
        verbose_name = _("lexical row")
        verbose_name_plural = _("lexical rows")
        indexes = [
            models.Index(fields=["index", "chunk"], name="lexical_row_index"),
            models.Index(fields=["index", "chunk"], condition=models.Q(merged=False), name="lexical_row_unmerged"),
        ]

    def __str__(self) -> str:
        return str(self.chunk_id)


class LexicalSegment(models.Model):
    """Some rows of an index turned round: from terms to chunks. Immutable; made from rows, and again at any time."""

    index = models.ForeignKey(
        VectorIndex, verbose_name=_("index"), on_delete=models.CASCADE, related_name="lexical_segments"
    )
    size = models.PositiveIntegerField(_("chunks"))
    # Primary keys of the chunks, ascending, little-endian int64, and the lengths of their rows, uint32.
    chunks = models.BinaryField(_("ids of the chunks"))
    lengths = models.BinaryField(_("lengths"))
    # A term's postings are in the bucket that the first so many bits of its number name.
    bits = models.PositiveSmallIntegerField(_("bits of a bucket"))
    # Whether all its postings are written: only then is it read.
    complete = models.BooleanField(_("complete"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("lexical segment")
        verbose_name_plural = _("lexical segments")

    def __str__(self) -> str:
        return f"{self.index_id}/{self.pk}"


class LexicalPostings(models.Model):
    """The postings of the terms of one bucket of a segment."""

    segment = models.ForeignKey(
        LexicalSegment, verbose_name=_("segment"), on_delete=models.CASCADE, related_name="postings", db_index=False
    )
    bucket = models.PositiveIntegerField(_("bucket"))
    postings = models.BinaryField(_("postings"))

    class Meta:
        verbose_name = _("lexical postings")
        verbose_name_plural = _("lexical postings")
        constraints = [models.UniqueConstraint(fields=["segment", "bucket"], name="lexical_postings_unique")]

    def __str__(self) -> str:
        return f"{self.segment_id}/{self.bucket}"


class LexicalTombstone(models.Model):
    """A chunk that a segment still holds although its row is gone. The chunk's own row may be gone too."""

    index = models.ForeignKey(
        VectorIndex, verbose_name=_("index"), on_delete=models.CASCADE, related_name="+", db_index=False
    )
    chunk_id = models.BigIntegerField(_("chunk"))

    class Meta:
        verbose_name = _("lexical tombstone")
        verbose_name_plural = _("lexical tombstones")
        constraints = [models.UniqueConstraint(fields=["index", "chunk_id"], name="lexical_tombstone_unique")]

    def __str__(self) -> str:
        return str(self.chunk_id)
