from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from collections_app.models.base import PublicModel

CURRENCY = RegexValidator(r"^[A-Z]{3}$", _("Three capital letters name a currency, such as USD, EUR or CNY."))


class EmbeddingProfile(PublicModel):
    """How text becomes a vector, identified by a fingerprint; immutable once it has vectors."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    backend = models.CharField(_("backend"), max_length=50, help_text=_("An alias of the setting EMBEDDERS."))
    model = models.CharField(_("model"), max_length=200, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    # The key of the embedding server as `embeddings.keys.seal` gives it; "" where the environment holds it, or none is.
    sealed_key = models.TextField(_("stored key"), blank=True, editable=False)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, unique=True, editable=False)
    dimensions = models.PositiveIntegerField(_("dimensions"), editable=False)
    max_tokens = models.PositiveIntegerField(_("longest input in tokens"), editable=False)
    is_default = models.BooleanField(_("default for new collections"), default=False)
    price = models.DecimalField(
        _("price of a million tokens"),
        max_digits=12,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("0 where it costs nothing. What was used is charged at the price of its day."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        blank=True,
        validators=[CURRENCY],
        help_text=_("Three letters, such as USD or CNY."),
    )
    # The vector of a fixed sentence, taken when the profile was made: tells a model that changed behind its name.
    canary = models.BinaryField(_("canary vector"), editable=False)
    canary_checked_at = models.DateTimeField(_("canary last compared"), null=True, editable=False)
    # Since when the model gives other vectors than it did: nothing is embedded by it until it is the old one again.
    changed_at = models.DateTimeField(_("found to be changed"), null=True, editable=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, editable=False)
    pause_reason = models.TextField(_("reason of the pause"), blank=True, editable=False)
    pauses = models.PositiveSmallIntegerField(_("pauses in a row"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("embedding profile")
        verbose_name_plural = _("embedding profiles")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_profile"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.price and not self.currency:
            raise ValidationError({"currency": gettext("Name the currency of the price, such as USD or CNY.")})


class EmbeddingRole(models.TextChoices):
    QUERY = "q", _("query")
    PASSAGE = "p", _("passage")


class Embedding(models.Model):
    """A stored vector: (profile, role, sha256 of the exact input) -> float32. The cache that makes rebuilds free."""

    profile = models.ForeignKey(
        EmbeddingProfile, verbose_name=_("profile"), on_delete=models.PROTECT, related_name="embeddings"
    )
    role = models.CharField(_("role"), max_length=1, choices=EmbeddingRole.choices)
    # Raw sha256 (32 bytes) of the input in UTF-8.
    digest = models.BinaryField(_("digest of the input"), max_length=32)
    # Little-endian float32, `profile.dimensions` of them, of unit length.
    vector = models.BinaryField(_("vector"))
    tokens = models.PositiveIntegerField(_("tokens"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"))

    class Meta:
        verbose_name = _("embedding")
        verbose_name_plural = _("embeddings")
        constraints = [
            models.UniqueConstraint(fields=["profile", "role", "digest"], name="embedding_input_unique"),
        ]
        indexes = [models.Index(fields=["last_used_at"], name="embedding_last_used")]

    def __str__(self) -> str:
        return f"{self.profile_id}/{self.role}/{bytes(self.digest).hex()[:12]}"
