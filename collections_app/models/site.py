import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SiteIdentity(models.Model):
    """Who this site is, in one row. Collections in a store that do not carry its id are never touched."""

    site_id = models.UUIDField(_("site id"), default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # When a worker last ran the sweep that the scheduler asks for every few seconds: proof that both are alive.
    swept_at = models.DateTimeField(_("last sweep"), null=True, editable=False)

    class Meta:
        verbose_name = _("site identity")
        verbose_name_plural = _("site identity")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_site_identity")]

    def __str__(self) -> str:
        return str(self.site_id)

    @classmethod
    def current(cls) -> str:
        """Return the site's id as 32 hexadecimal digits, making it on first use."""
        row, _created = cls.objects.get_or_create(pk=1)
        return row.site_id.hex


class TrailRecord(models.Model):
    """Who did what to which public id. Append-only."""

    at = models.DateTimeField(_("at"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("actor"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    action = models.CharField(_("action"), max_length=60)
    object_type = models.CharField(_("type"), max_length=60)
    object_id = models.UUIDField(_("public id"), null=True, db_index=True)
    object_name = models.CharField(_("name"), max_length=500, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("trail record")
        verbose_name_plural = _("trail")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_name}"


class WorkerStatus(models.Model):
    """What one worker process is doing, written by itself at the start and the end of each piece of work."""

    name = models.CharField(_("process"), max_length=200, unique=True)
    activity = models.CharField(_("activity"), max_length=300, blank=True)
    since = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("last seen"))
    documents = models.PositiveBigIntegerField(_("documents done"), default=0)
    chunks = models.PositiveBigIntegerField(_("chunks done"), default=0)
    last_error = models.TextField(_("last error"), blank=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
