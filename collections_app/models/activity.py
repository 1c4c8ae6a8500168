"""What the site does in a minute, for people who watch it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ActivityKind(models.TextChoices):
    SEARCH = "s", _("searches")
    INDEXING = "i", _("documents made searchable")


class Activity(models.Model):
    """How often something was done in one minute, of those that took about as long. Kept for a day.

    `bucket` stands for a stretch of milliseconds, see `collections_app.activity`: of a search from question to answer,
    of a document from being saved to being found.
    """

    minute = models.DateTimeField(_("minute"))
    kind = models.CharField(_("what"), max_length=1, choices=ActivityKind.choices)
    bucket = models.PositiveSmallIntegerField(_("bucket"))
    count = models.BigIntegerField(_("how often"), default=0)

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activity")
        ordering = ["-minute", "kind", "bucket"]
        constraints = [models.UniqueConstraint(fields=["minute", "kind", "bucket"], name="activity_unique")]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.get_kind_display()}"
