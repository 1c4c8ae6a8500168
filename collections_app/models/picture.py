import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from collections_app.models.index import VectorIndex


class IndexPicture(models.Model):
    """What was last computed of an index's vectors for people to look at; see `collections_app.pictures`.

    It names passages and holds no text of theirs but single words. What of it may be shown is decided by what is live
    when it is read.
    """

    index = models.OneToOneField(
        VectorIndex, verbose_name=_("index"), primary_key=True, on_delete=models.CASCADE, related_name="picture"
    )
    # Names one making of it: addresses of its points hold it, so that they never mean those of another making.
    made_as = models.UUIDField(_("name of this making"), default=uuid.uuid4, editable=False)
    made_at = models.DateTimeField(_("made"), null=True)
    seconds = models.FloatField(_("how long that took"), default=0.0)
    # The worker that makes it has it to itself until then.
    maker_expires_at = models.DateTimeField(_("maker's lease expires"), null=True)
    # What was live: how many passages and the sum of their ids. Other ones have another sum, or another number.
    live_passages = models.PositiveIntegerField(_("live passages"), default=0)
    live_sum = models.BigIntegerField(_("sum of their ids"), default=0)
    # The passages on the map: primary keys int64 [n], ascending; coordinates float32 [n, 2]; and for each clustering a
    # row of labels uint8 [c, n]. All little-endian.
    chunks = models.BinaryField(_("passages"), default=b"")
    coordinates = models.BinaryField(_("coordinates"), default=b"")
    labels = models.BinaryField(_("clusters"), default=b"")
    # The mean vector and the two axes, float32 [3, d].
    axes = models.BinaryField(_("axes"), default=b"")
    # pictures.Findings as JSON.
    findings = models.JSONField(_("findings"), default=dict)

    class Meta:
        verbose_name = _("picture of an index")
        verbose_name_plural = _("pictures of indexes")

    def __str__(self) -> str:
        return str(self.index_id)
