from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from collections_app import services
from collections_app.exceptions import RebuildRefused
from collections_app.models import Collection, EmbeddingProfile, VectorIndex
from collections_app.reasons import explained


class RebuildForm(forms.Form):
    """Settings of another index of a collection. What it would take is estimated first, and it is started then."""

    profile = forms.ModelChoiceField(
        label=gettext_lazy("Embedding profile"),
        queryset=EmbeddingProfile.objects.all(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Text is embedded anew where this profile has not embedded it before."),
    )
    chunk_size = forms.IntegerField(
        label=gettext_lazy("Chunk size"),
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("The longest passage, in tokens of the embedding model."),
    )
    chunk_overlap = forms.IntegerField(
        label=gettext_lazy("Chunk overlap"),
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Tokens that neighbouring passages share."),
    )
    activate = forms.BooleanField(
        label=gettext_lazy("Let it serve as soon as it is in step"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
    )
    # The settings that the figures on the page are for.
    estimated = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, collection: Collection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._collection = collection
        self.planned: VectorIndex | None = None

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                self.planned = services.plan_index(self._collection, **self.settings)
            except RebuildRefused as error:
                self.add_error(None, explained(error))
        return data

    @property
    def settings(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("profile", "chunk_size", "chunk_overlap")}

    @property
    def fingerprint(self) -> str:
        data = self.cleaned_data
        return f"{data['profile'].pk}/{data['chunk_size']}/{data['chunk_overlap']}"

    @property
    def is_settled(self) -> bool:
        """Whether the figures that were shown are for what is asked now."""
        return bool(self.cleaned_data["estimated"] == self.fingerprint)
