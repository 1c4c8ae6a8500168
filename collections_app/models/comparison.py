from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from collections_app.models.base import PublicModel
from collections_app.models.collection import Collection


class ProfileComparison(PublicModel):
    """What was asked and found about how well embedding profiles find the passages of a collection.

    Waits while `finished_at` is null and nobody has its lease; whoever works it renews the lease. Asked anew after an
    interruption, it embeds nothing twice.
    """

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.CASCADE, related_name="comparisons"
    )
    # Public ids, in the order in which they were named; `report` has their names as they were.
    profile_ids = models.JSONField(_("embedding profiles"), default=list)
    # At most so many documents are compared; null for all of them.
    sample = models.PositiveIntegerField(_("documents in the sample"), null=True, blank=True)
    depth = models.PositiveSmallIntegerField(_("results that count"), default=10)
    # [{"id", "text", "relevant": {key: grade}}, …]; none where questions are made from the passages.
    questions = models.JSONField(_("judged questions"), default=list, blank=True)
    questions_name = models.CharField(_("judged questions from"), max_length=255, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("asked by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # Passages times profiles, done and in all.
    done = models.PositiveBigIntegerField(_("done"), default=0)
    total = models.PositiveBigIntegerField(_("to do"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    lease_token = models.UUIDField(_("lease"), null=True)
    lease_expires_at = models.DateTimeField(_("lease expires"), null=True)
    # Why it could not be finished.
    error = models.TextField(_("error"), blank=True)
    # comparison.report.Report as JSON.
    report = models.JSONField(_("report"), default=dict)

    class Meta:
        verbose_name = _("comparison of profiles")
        verbose_name_plural = _("comparisons of profiles")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.collection} {self.created_at:%Y-%m-%d %H:%M}"
