from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from collections_app import services
from collections_app.models import Collection, EmbeddingProfile, User, Visibility


def _time_zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones())]


class _UniqueSlug:
    """A form whose slug no other living collection may have."""

    instance: Collection
    cleaned_data: dict[str, Any]

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        others = Collection.objects.alive().filter(slug=slug).exclude(pk=getattr(self, "instance", Collection()).pk)
        if slug and others.exists():
            raise ValidationError(gettext("Another collection has this slug already; choose a different one."))
        return slug


class CollectionForm(_UniqueSlug, forms.ModelForm):
    """Settings of an existing collection."""

    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=_time_zones,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Dates with a time but no zone are read in this one."),
    )

    class Meta:
        model = Collection
        fields = ["name", "slug", "description", "visibility", "time_zone", "semantic_weight"]
        widgets = {
            "description": UnfoldAdminTextareaWidget({"rows": 3}),
            "semantic_weight": UnfoldAdminDecimalFieldWidget({"min": 0, "max": 1, "step": 0.05}),
        }


class CollectionAddForm(_UniqueSlug, forms.Form):
    """A new collection with the index that serves it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    slug = forms.SlugField(
        label=gettext_lazy("Slug"),
        max_length=80,
        allow_unicode=True,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Names the collection in URLs. Leave empty to have it made from the name."),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, widget=UnfoldAdminTextareaWidget({"rows": 3})
    )
    visibility = forms.ChoiceField(
        label=gettext_lazy("Who may read it"),
        choices=Visibility.choices,
        initial=Visibility.PUBLIC,
        widget=UnfoldAdminSelectWidget,
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=_time_zones,
        initial=settings.TIME_ZONE,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Dates with a time but no zone are read in this one."),
    )
    profile = forms.ModelChoiceField(
        label=gettext_lazy("Embedding profile"),
        queryset=EmbeddingProfile.objects.all(),
        required=False,
        empty_label=gettext_lazy("The default"),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("How text becomes a vector. Another one later means another index beside this one."),
    )
    chunk_size = forms.IntegerField(
        label=gettext_lazy("Chunk size"),
        min_value=16,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy(
            "The longest passage, in tokens of the embedding model. Leave empty for a good default."
        ),
    )
    chunk_overlap = forms.IntegerField(
        label=gettext_lazy("Chunk overlap"),
        min_value=0,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Tokens that neighbouring passages share."),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        profile, chunk_size, overlap = data.get("profile"), data.get("chunk_size"), data.get("chunk_overlap") or 0
        if profile and chunk_size and chunk_size > profile.max_tokens:
            text = gettext("This profile's model reads at most %(tokens)d tokens at once.")
            self.add_error("chunk_size", text % {"tokens": profile.max_tokens})
        if overlap and not chunk_size:
            self.add_error("chunk_size", gettext("Say also how long a chunk is; it must be longer than the overlap."))
        elif chunk_size and overlap >= chunk_size:
            self.add_error("chunk_overlap", gettext("The overlap must be smaller than the chunk size."))
        return data

    def create(self, user: User) -> Collection:
        """Make the collection, which `user` may manage; raise VectorsiteError when its model cannot be used."""
        data = self.cleaned_data
        return services.create_collection(
            data["name"],
            slug=data["slug"],
            description=data["description"],
            visibility=data["visibility"],
            time_zone=data["time_zone"],
            profile=data["profile"],
            user=user,
            chunk_size=data["chunk_size"],
            chunk_overlap=data["chunk_overlap"],
        )
