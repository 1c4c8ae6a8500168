from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from collections_app.models.base import PublicModel
from collections_app.models.collection import Collection


class ExtractionState(models.TextChoices):
    PENDING = "pending", _("waiting")
    EXTRACTED = "extracted", _("extracted")
    FAILED = "failed", _("failed")


class SourceFile(PublicModel):
    """Uploaded bytes, by sha256, in Django's file storage, with the state of their extraction.

    One row per collection and key (a path). New bytes under the same key put the row back to `pending`; its documents
    stay as they are until the new bytes have been read.
    """

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.PROTECT, related_name="source_files"
    )
    key = models.CharField(_("key"), max_length=400, help_text=_("A path that names the file in its collection."))
    filename = models.CharField(_("file name"), max_length=255)
    sha256 = models.CharField(_("SHA-256"), max_length=64, db_index=True)
    # The storage name is derived from the digest, so equal bytes are stored once.
    file = models.FileField(_("file"), max_length=200)
    size = models.PositiveBigIntegerField(_("bytes"))
    media_type = models.CharField(_("media type"), max_length=100, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True, help_text=_("How a table is mapped."))
    state = models.CharField(
        _("state"), max_length=10, choices=ExtractionState.choices, default=ExtractionState.PENDING
    )
    extractor_version = models.PositiveIntegerField(_("extractor version"), default=0)
    error = models.TextField(_("error"), blank=True)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    lease_token = models.UUIDField(_("lease"), null=True, editable=False)
    lease_expires_at = models.DateTimeField(_("lease expires"), null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("source file")
        verbose_name_plural = _("source files")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["collection", "key"], name="sourcefile_key_unique")]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="pending"), name="sourcefile_pending"),
            models.Index(fields=["id"], condition=Q(state="failed"), name="sourcefile_failed"),
        ]

    def __str__(self) -> str:
        return self.key


class ImportOrigin(models.TextChoices):
    COMMAND = "command", _("command line")
    UPLOAD = "upload", _("upload")
    PASTE = "paste", _("pasted text")
    DEMO = "demo", _("demo")
    API = "api", "API"
    PORTABLE = "portable", _("collection file")


class Import(PublicModel):
    """One act of bringing things in: who, when, with which options."""

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.PROTECT, related_name="imports"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), null=True, on_delete=models.SET_NULL, related_name="imports"
    )
    origin = models.CharField(_("origin"), max_length=10, choices=ImportOrigin.choices)
    options = models.JSONField(_("options"), default=dict, blank=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_origin_display()} {self.started_at:%Y-%m-%d %H:%M}"


class ImportOutcome(models.TextChoices):
    PENDING = "pending", _("waiting")
    CREATED = "created", _("taken")
    UPDATED = "updated", _("updated")
    UNCHANGED = "unchanged", _("unchanged")
    FAILED = "failed", _("failed")


class ImportItem(models.Model):
    """What became of one file, or of one row that could not be taken."""

    import_act = models.ForeignKey(Import, verbose_name=_("import"), on_delete=models.CASCADE, related_name="items")
    key = models.CharField(_("key"), max_length=500)
    source_file = models.ForeignKey(
        SourceFile, verbose_name=_("source file"), null=True, on_delete=models.SET_NULL, related_name="import_items"
    )
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=ImportOutcome.choices, default=ImportOutcome.PENDING
    )
    reason = models.TextField(_("reason"), blank=True)
    created = models.PositiveIntegerField(_("documents taken"), default=0)
    updated = models.PositiveIntegerField(_("documents updated"), default=0)
    unchanged = models.PositiveIntegerField(_("documents unchanged"), default=0)
    failed = models.PositiveIntegerField(_("rows failed"), default=0)
    removed = models.PositiveIntegerField(_("documents removed"), default=0)

    class Meta:
        verbose_name = _("import item")
        verbose_name_plural = _("import items")
        ordering = ["id"]
        indexes = [models.Index(fields=["source_file", "outcome"], name="importitem_source_outcome")]

    def __str__(self) -> str:
        return f"{self.key}: {self.get_outcome_display()}"
