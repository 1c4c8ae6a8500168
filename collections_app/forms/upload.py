import re
from pathlib import PurePosixPath
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from collections_app.extraction import TableMapping
from collections_app.models import Collection, User

# The value of `extraction.SUPPORTED`, repeated here to be translated: readers of files do without Django.
KINDS = gettext_lazy(
    "PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), OpenDocument (.odt, .ods, .odp), EPUB, RTF, e-mail (.eml), "
    "HTML, XML, Markdown, reStructuredText, plain text and source code, CSV, TSV, JSON and JSON Lines"
)


class SingleFileInput(forms.FileInput):
    """An area that files can be dropped on, from anywhere on the page, and that lists what was chosen."""

    template_name = "collections_app/admin/files_input.html"

    class Media:
        js = (forms.Script("collections_app/files.js", defer=True),)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"] |= {
            "data-files": True,
            "data-most-bytes": settings.UPLOAD_LIMIT_BYTES,
            "data-most-files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
            "data-too-large": gettext("larger than %(limit)d MiB") % {"limit": settings.UPLOAD_LIMIT_BYTES // 2**20},
            "data-too-many": gettext("one too many"),
            "data-empty": gettext("empty"),
            "data-remove": gettext("Remove"),
        }
        return context


class MultipleFileInput(SingleFileInput):
    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Any number of files at once."""

    widget = MultipleFileInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) and data else [data or None]
        return [super(MultipleFileField, self).clean(file, initial) for file in files]


def _columns(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in re.split(r"[,\n]", text)) if name)


class UploadForm(forms.Form):
    """Files for a collection, and for tables which column is what."""

    collection = forms.ModelChoiceField(
        label=gettext_lazy("Collection"),
        queryset=Collection.objects.none(),
        empty_label=gettext_lazy("Choose a collection"),
        widget=UnfoldAdminSelectWidget,
    )
    uploads = MultipleFileField(
        label=gettext_lazy("Files"), allow_empty_file=True, widget=MultipleFileInput({"class": "vs-files"})
    )
    folder = forms.CharField(
        label=gettext_lazy("Folder"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Goes before the file names. A file of the same folder and name is replaced."),
    )
    text_fields = forms.CharField(
        label=gettext_lazy("Tables: columns with the text"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "For CSV, Excel and JSON files whose rows are documents. Several columns are separated by commas. Leave "
            "empty to have the columns told by their names and contents."
        ),
    )
    title_field = forms.CharField(
        label=gettext_lazy("Tables: column with the title"), required=False, widget=UnfoldAdminTextInputWidget
    )
    key_field = forms.CharField(
        label=gettext_lazy("Tables: column with the key"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Names a row, so that a later upload changes its document instead of adding another."),
    )

    only_estimate = forms.BooleanField(
        label=gettext_lazy("Only say what it would take"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=gettext_lazy(
            "Some of the files are read at once and none is kept. Choose them again to upload them."
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["collection"].queryset = Collection.objects.writable_by(user)  # type: ignore[attr-defined]
        limit = settings.UPLOAD_LIMIT_BYTES // 2**20
        self.fields["uploads"].help_text = gettext(
            "At most %(limit)d MiB per file and %(count)d files at once. Kinds that are read: %(kinds)s."
        ) % {"limit": limit, "count": settings.DATA_UPLOAD_MAX_NUMBER_FILES, "kinds": KINDS}

    def clean_uploads(self) -> list[UploadedFile]:
        files: list[UploadedFile] = self.cleaned_data["uploads"]
        names = [str(file.name) for file in files]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            text = gettext("Two of these files have the same name (%(names)s). Rename one, or upload them one by one.")
            raise ValidationError(text % {"names": ", ".join(twice)})
        return files

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if (data.get("title_field") or data.get("key_field")) and not data.get("text_fields"):
            self.add_error("text_fields", gettext("Say also which columns hold the text."))
        return data

    @property
    def mapping(self) -> TableMapping | None:
        """Return how tables are read, None when it was left open."""
        text_fields = _columns(self.cleaned_data["text_fields"])
        if not text_fields:
            return None
        return TableMapping(
            text_fields=text_fields,
            title_field=self.cleaned_data["title_field"].strip(),
            key_field=self.cleaned_data["key_field"].strip(),
        )

    def key_of(self, file: UploadedFile) -> str:
        """Return the path that names `file` in its collection."""
        return str(PurePosixPath(self.cleaned_data["folder"].strip().strip("/")) / str(file.name))
