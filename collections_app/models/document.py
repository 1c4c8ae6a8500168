from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collections_app.models.account import User
from collections_app.models.base import PublicModel
from collections_app.models.collection import Collection
from collections_app.models.source import SourceFile


class Markup(models.TextChoices):
    PLAIN = "plain", _("plain text")
    MARKDOWN = "markdown", "Markdown"


class DocumentQuerySet(models.QuerySet["Document"]):
    def alive(self) -> "DocumentQuerySet":
        return self.filter(deleted_at=None)

    def readable_by(self, user: User | AnonymousUser) -> "DocumentQuerySet":
        """Return the living documents of the collections that `user` may read."""
        return self.alive().filter(collection__in=Collection.objects.readable_by(user))

    def delete(self) -> tuple[int, dict[str, int]]:
        """Mark as deleted and retire every chunk; the rows leave when the vector store has let go of them."""
        from collections_app.services import delete_documents

        count = delete_documents(self)
        return count, {Document._meta.label: count}


class Document(PublicModel):
    """One source text with a title, a key unique in its collection, and metadata.

    Documents are written by `collections_app.services` alone, because text, ledger and chunks change together or not
    at all; `save()` therefore refuses.
    """

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.PROTECT, related_name="documents"
    )
    key = models.CharField(
        _("key"), max_length=500, help_text=_("Names the document within its collection, such as a path or a number.")
    )
    title = models.CharField(_("title"), max_length=500, blank=True)
    # Null only when the document is deleted.
    content = models.ForeignKey(
        "DocumentText",
        verbose_name=_("text"),
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # Values as given, under the names they were given; MetadataValue rows are derived from them.
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True, editable=False)
    language_override = models.CharField(
        _("language (set by hand)"), max_length=10, blank=True, help_text=_("Leave empty to have it detected.")
    )
    # Counts changes of text, title or metadata.
    revision = models.PositiveBigIntegerField(_("revision"), default=1, editable=False)
    size = models.PositiveIntegerField(_("characters"), default=0, editable=False)
    source_file = models.ForeignKey(
        SourceFile,
        verbose_name=_("source file"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="documents",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "key"], condition=Q(deleted_at=None), name="document_key_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="document_deleted"),
        ]

    def __str__(self) -> str:
        return self.title or self.key

    @property
    def text(self) -> str:
        return self.content.text if self.content else ""

    @property
    def effective_language(self) -> str:
        return self.language_override or self.language

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "Documents are written by collections_app.services.save_document(), which also keeps the ledger; "
            "call that instead of Document.save()."
        )

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        return Document.objects.filter(pk=self.pk).delete()


class DocumentText(models.Model):
    """A text that a document has or had. Immutable, and kept as long as the document or a chunk refers to it."""

    document = models.ForeignKey(Document, verbose_name=_("document"), on_delete=models.PROTECT, related_name="texts")
    # The document's revision that brought this text; it is the text of all revisions until the next such row.
    revision = models.PositiveBigIntegerField(_("since revision"))
    text = models.TextField(_("text"))
    markup = models.CharField(_("markup"), max_length=10, choices=Markup.choices, default=Markup.PLAIN)
    digest = models.CharField(_("digest"), max_length=64)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("document text")
        verbose_name_plural = _("document texts")
        constraints = [
            models.UniqueConstraint(fields=["document", "revision"], name="documenttext_revision_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} r{self.revision}"


class SegmentKind(models.TextChoices):
    PAGE = "page", _("page")
    SLIDE = "slide", _("slide")
    SHEET = "sheet", _("sheet")
    HEADING = "heading", _("heading")
    SECTION = "section", _("section")
    PASSAGE = "passage", _("passage with its own vector")


# How people name a place in a text that has such parts.
PLACES = {SegmentKind.PAGE: _("page %s"), SegmentKind.SLIDE: _("slide %s"), SegmentKind.SHEET: _("sheet %s")}


class Segment(models.Model):
    """A stretch of a text with an address that a person knows: page, slide, sheet, heading."""

    source_text = models.ForeignKey(
        DocumentText, verbose_name=_("text"), on_delete=models.CASCADE, related_name="segments"
    )
    position = models.PositiveIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=10, choices=SegmentKind.choices)
    label = models.CharField(_("label"), max_length=500, blank=True)
    level = models.PositiveSmallIntegerField(_("level"), default=0)
    start = models.PositiveIntegerField(_("start"))
    end = models.PositiveIntegerField(_("end"))

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["source_text", "position"]
        constraints = [
            models.UniqueConstraint(fields=["source_text", "position"], name="segment_position_unique"),
        ]

    def __str__(self) -> str:
        """Return the address as a person would say it: "page 3", "Summary"."""
        words = PLACES.get(SegmentKind(self.kind))
        return str(words % self.label if words else self.label or self.get_kind_display())
