"""The two steps of importing a table: the file and where it goes, then what becomes of each column."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms.boundfield import BoundField
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from collections_app import sources
from collections_app.forms.upload import SingleFileInput
from collections_app.metadata import FieldSpec, FieldType
from collections_app.models import Collection, MetadataField, User, Visibility
from collections_app.models.field import FieldTypeChoices
from collections_app.table_import import SEPARATORS, Column, Role, Table

_SALT = "collections_app.table_import"

ROLES = (
    (Role.FIELD.value, gettext_lazy("Field to filter by")),
    (Role.TEXT.value, gettext_lazy("Text")),
    (Role.TITLE.value, gettext_lazy("Title")),
    (Role.KEY.value, gettext_lazy("Key")),
    (Role.LEFT_OUT.value, gettext_lazy("Leave out")),
)


@dataclass(frozen=True, slots=True)
class HeldTable:
    """An uploaded table between the two steps: where its bytes are, its name, and where it goes.

    `collection` is the primary key of one that exists, else `new_collection` names one to be made, with `visibility`.
    """

    stored: str
    filename: str
    collection: int | None
    new_collection: str = ""
    visibility: str = ""

    def sign(self) -> str:
        return signing.dumps(astuple(self), salt=_SALT, compress=True)

    @classmethod
    def from_signed(cls, text: str) -> "HeldTable":
        """Raise ValidationError unless `text` is what `sign` gave within a day."""
        try:
            return cls(*signing.loads(text, salt=_SALT, max_age=sources.UNUSED_FOR))
        except signing.BadSignature as error:
            raise ValidationError(gettext("The uploaded table is no longer kept. Choose the file again.")) from error


class TableFileForm(forms.Form):
    """Which table, and into which collection."""

    collection = forms.ModelChoiceField(
        label=gettext_lazy("Collection"),
        queryset=Collection.objects.none(),
        required=False,
        empty_label=gettext_lazy("A new collection"),
        widget=UnfoldAdminSelectWidget,
    )
    new_collection = forms.CharField(
        label=gettext_lazy("Name of the new collection"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Only when it is to be a new one. Left empty, the file's name is taken."),
    )
    visibility = forms.ChoiceField(
        label=gettext_lazy("Who may read the new collection"),
        choices=Visibility.choices,
        initial=Visibility.PUBLIC,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    table = forms.FileField(
        label=gettext_lazy("Table"),
        widget=SingleFileInput({"class": "vs-files", "accept": ".csv,.tsv,.xlsx,.xlsm,.ods,.json,.jsonl,.ndjson"}),
        help_text=gettext_lazy("CSV, TSV, Excel, JSON or JSON Lines: a document for each row."),
    )

    def __init__(self, *args: Any, user: User, may_add: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        collection: Any = self.fields["collection"]
        collection.queryset = Collection.objects.writable_by(user)
        if not may_add:
            collection.required, collection.empty_label = True, None
            del self.fields["new_collection"], self.fields["visibility"]

    def clean_table(self) -> UploadedFile:
        table: UploadedFile = self.cleaned_data["table"]
        limit = settings.UPLOAD_LIMIT_BYTES
        if (table.size or 0) > limit:
            text = gettext("The table has more than %(limit)d MiB. Split it, or have UPLOAD_LIMIT_MB raised.")
            raise ValidationError(text % {"limit": limit // 2**20})
        return table

    def held(self, stored: str) -> HeldTable:
        data = self.cleaned_data
        collection, filename = data["collection"], str(data["table"].name)
        if collection:
            return HeldTable(stored, filename, collection.pk)
        new = data["new_collection"].strip() or filename.rpartition(".")[0] or filename
        return HeldTable(stored, filename, None, new[:200], data["visibility"] or Visibility.PUBLIC)


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """What the second step shows of one column."""

    column: Column
    role: BoundField
    kind: BoundField | None
    separator: BoundField | None
    declared: MetadataField | None


class TableColumnsForm(forms.Form):
    """What becomes of each column, and of which type its values are."""

    held = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, table: Table, declared: dict[str, MetadataField], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table
        self._declared = declared
        for number, column in enumerate(table.columns):
            label = gettext("What becomes of %(column)s") % {"column": column.name}
            self.fields[f"role_{number}"] = forms.ChoiceField(
                label=label, choices=ROLES, initial=column.proposed.value, widget=UnfoldAdminSelectWidget
            )
            if column.spec and column.name not in declared:
                self.fields[f"type_{number}"] = forms.ChoiceField(
                    label=gettext("Type of %(column)s") % {"column": column.name},
                    choices=FieldTypeChoices.choices,
                    initial=column.spec.type.value,
                    widget=UnfoldAdminSelectWidget,
                )
            if column.spec and column.spec.type is FieldType.TEXT and not column.spec.is_list:
                self.fields[f"separator_{number}"] = forms.ChoiceField(
                    label=gettext("Values in a cell of %(column)s") % {"column": column.name},
                    choices=[("", gettext("one value")), *((mark, _separated(mark)) for mark in SEPARATORS)],
                    initial=column.separator,
                    required=False,
                    widget=UnfoldAdminSelectWidget,
                )

    def rows(self) -> Iterator[ColumnRow]:
        for number, column in enumerate(self._table.columns):
            kind, separator = (
                self[name] if name in self.fields else None for name in (f"type_{number}", f"separator_{number}")
            )
            yield ColumnRow(column, self[f"role_{number}"], kind, separator, self._declared.get(column.name))

    @property
    def roles(self) -> dict[str, Role]:
        return {
            column.name: Role(self.cleaned_data[f"role_{number}"]) for number, column in enumerate(self._table.columns)
        }

    @property
    def separators(self) -> dict[str, str]:
        """Return what separates the values of each field whose cells hold several."""
        roles = self.roles
        return {
            column.name: mark
            for number, column in enumerate(self._table.columns)
            if roles[column.name] is Role.FIELD and (mark := self.cleaned_data.get(f"separator_{number}"))
        }

    def specs(self) -> list[FieldSpec]:
        """Return how each column that is a field will be read, where that is for somebody to say."""
        separators = self.separators
        return [
            _spec(column.spec, FieldType(chosen), is_list=column.name in separators)
            for number, column in enumerate(self._table.columns)
            if column.spec
            and self.roles[column.name] is Role.FIELD
            and (chosen := self.cleaned_data.get(f"type_{number}"))
        ]

    def to_check(self) -> dict[str, FieldSpec]:
        """Return the columns, by name, whose values need not be of the type that they will be read as."""
        found = {column.name: column.spec for column in self._table.columns}
        chosen = {spec.name: spec for spec in self.specs() if spec != found[spec.name]}
        fields = {name for name, role in self.roles.items() if role is Role.FIELD}
        return chosen | {name: field.spec for name, field in self._declared.items() if name in fields}

    def refuse(self, column: str, reason: str) -> None:
        """Attach an error to what was chosen for a column."""
        number = [known.name for known in self._table.columns].index(column)
        name = f"type_{number}"
        self.add_error(name if name in self.fields else f"role_{number}", reason)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        chosen = list(self.roles.values())
        if Role.TEXT not in chosen:
            self.add_error(None, gettext("Say which column holds the text: choose “Text” for at least one."))
        for role, text in (
            (Role.TITLE, gettext("Only one column can be the title.")),
            (Role.KEY, gettext("Only one column can be the key.")),
        ):
            if chosen.count(role) > 1:
                self.add_error(None, text)
        return data


def _separated(mark: str) -> str:
    return gettext("several, separated by %(mark)s") % {"mark": mark}


def _spec(found: FieldSpec, kind: FieldType, *, is_list: bool) -> FieldSpec:
    """Return a field as it was chosen. Parts of a text are short enough to be filtered by, else the check tells."""
    return replace(found, type=kind, is_list=found.is_list or is_list, filterable=found.filterable or is_list)
