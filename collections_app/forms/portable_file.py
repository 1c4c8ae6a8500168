from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from collections_app import portable, sources
from collections_app.models import EmbeddingProfile, ImportItem, User, Visibility


class CollectionFileForm(forms.Form):
    """An exported collection, and in what it shall differ from what the file says."""

    upload = forms.FileField(label=gettext_lazy("Collection file"), widget=forms.FileInput({"class": "vs-files"}))
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Leave empty to take the one in the file."),
    )
    visibility = forms.ChoiceField(
        label=gettext_lazy("Who may read it"),
        choices=[("", gettext_lazy("As in the file")), *Visibility.choices],
        initial=Visibility.PRIVATE,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    profile = forms.ModelChoiceField(
        label=gettext_lazy("Embedding profile"),
        queryset=EmbeddingProfile.objects.all(),
        required=False,
        empty_label=gettext_lazy("The one of the same model"),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("By which the vectors of the file were made, or by which the texts are embedded anew."),
    )
    re_embed = forms.BooleanField(
        label=gettext_lazy("Embed the texts anew"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=gettext_lazy("The vectors of the file are not used."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        limit = settings.UPLOAD_LIMIT_BYTES // 2**20
        told = gettext("At most %(limit)d MiB; `manage.py import_collection` takes larger ones.")
        self.fields["upload"].help_text = told % {"limit": limit}

    def clean_upload(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["upload"]
        if (file.size or 0) > settings.UPLOAD_LIMIT_BYTES:
            text = gettext("The file is larger than %(limit)d MiB. Use `manage.py import_collection`.")
            raise ValidationError(text % {"limit": settings.UPLOAD_LIMIT_BYTES // 2**20})
        return file

    def clean_re_embed(self) -> bool:
        """Vectors are shared by equal texts of all collections, so who brings some has to be trusted with theirs."""
        wanted: bool = self.cleaned_data["re_embed"]
        if not wanted and not self._user.has_perm("collections_app.add_embedding"):
            raise ValidationError(
                gettext(
                    "You may not add embeddings, so the vectors of the file cannot be used. Have the texts embedded "
                    "anew, or ask an administrator to import the file."
                )
            )
        return wanted

    def take(self) -> ImportItem:
        """Make the collection and hand the file to a worker; raise CollectionFileRefused with what is wrong with it."""
        data = self.cleaned_data
        with portable.open_collection_file(data["upload"]) as file:
            plan = portable.plan_import(
                file,
                name=data["name"],
                visibility=data["visibility"],
                profile=data["profile"],
                re_embed=data["re_embed"],
                may_make_profile=self._user.has_perm("collections_app.add_embeddingprofile"),
            )
        return sources.store_collection_file(
            data["upload"], filename=str(data["upload"].name), plan=plan, user=self._user
        )
