from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collections_app.metadata import FieldSpec, FieldType
from collections_app.models.base import FilterableTextField
from collections_app.models.collection import Collection
from collections_app.models.document import Document


class FieldTypeChoices(models.TextChoices):
    TEXT = FieldType.TEXT.value, _("text")
    INTEGER = FieldType.INTEGER.value, _("integer")
    NUMBER = FieldType.NUMBER.value, _("number")
    BOOLEAN = FieldType.BOOLEAN.value, _("yes or no")
    DATE = FieldType.DATE.value, _("date")
    DATETIME = FieldType.DATETIME.value, _("date and time")


class MetadataField(models.Model):
    """A declared, typed field of a collection, by which its documents can be filtered."""

    collection = models.ForeignKey(
        Collection, verbose_name=_("collection"), on_delete=models.CASCADE, related_name="fields"
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("The name in filters and in the API."))
    label = models.CharField(_("label"), max_length=200, blank=True, help_text=_("What people read."))
    source_name = models.CharField(
        _("name in the data"), max_length=300, help_text=_("The key under which documents carry the raw value.")
    )
    type = models.CharField(_("type"), max_length=10, choices=FieldTypeChoices.choices)
    is_list = models.BooleanField(_("holds several values"), default=False)
    filterable = models.BooleanField(_("filterable"), default=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("metadata field")
        verbose_name_plural = _("metadata fields")
        ordering = ["collection", "position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "name"], name="field_name_unique"),
            models.UniqueConstraint(fields=["collection", "source_name"], name="field_source_name_unique"),
        ]

    def __str__(self) -> str:
        return self.label or self.name

    @property
    def spec(self) -> FieldSpec:
        return FieldSpec(
            name=self.name,
            type=FieldType(self.type),
            is_list=self.is_list,
            filterable=self.filterable,
            declared=((self.collection_id, self.pk),),
        )


def _index(column: str) -> models.Index:
    return models.Index(
        fields=["field", column, "document"],
        name=f"metadatavalue_{column}",
        condition=Q(**{f"{column}__isnull": False}),
    )


class MetadataValue(models.Model):
    """One value of one field of one document, derived from `Document.metadata`, in the column of the field's type."""

    document = models.ForeignKey(
        Document, verbose_name=_("document"), on_delete=models.CASCADE, related_name="values", db_index=False
    )
    field = models.ForeignKey(
        MetadataField, verbose_name=_("field"), on_delete=models.CASCADE, related_name="values", db_index=False
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    text = FilterableTextField(_("text"), null=True)
    integer = models.BigIntegerField(_("integer"), null=True)
    number = models.FloatField(_("number"), null=True)
    boolean = models.BooleanField(_("yes or no"), null=True)
    date = models.DateField(_("date"), null=True)
    datetime = models.DateTimeField(_("date and time"), null=True)

    class Meta:
        verbose_name = _("metadata value")
        verbose_name_plural = _("metadata values")
        ordering = ["document", "field", "position"]
        indexes = [
            # Whether documents at hand have a value in a range: without it SQLite reads the whole range for each.
            models.Index(fields=["document", "field"], name="metadatavalue_document"),
            *(_index(column) for column in ("text", "integer", "number", "boolean", "date", "datetime")),
        ]

    def __str__(self) -> str:
        return f"{self.field.name}={self.value}"

    @property
    def value(self) -> Any:
        return getattr(self, self.field.type)
