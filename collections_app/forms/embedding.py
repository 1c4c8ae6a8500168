import re
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from collections_app import profiles
from collections_app.embeddings import takes_key
from collections_app.embeddings.presets import Preset
from collections_app.forms.json_values import PrettyJSONField, json_object
from collections_app.models import EmbeddingProfile
from collections_app.models.embedding import CURRENCY

# What leads this machine to other machines, to its files or to its environment.
ADMINISTRATORS_OPTIONS = {"api_key_env", "base_url", "folder", "offline", "tokenizer_file"}
# What a preset leaves to be filled in.
PLACEHOLDER = re.compile(r"<\w+>")


class KeyField(forms.CharField):
    """The key of an embedding server: taken in, and never shown again."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminPasswordWidget({"autocomplete": "off"}, render_value=False)
        super().__init__(label=gettext_lazy("Key of the server"), max_length=1000, widget=widget, **options)


class ProfileAddForm(forms.Form):
    """A new embedding profile; making it tries the embedder.

    Only `administrator`s may say which servers, files and environment variables are used.
    """

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100, widget=UnfoldAdminTextInputWidget)
    backend = forms.ChoiceField(
        label=gettext_lazy("Backend"),
        choices=lambda: [(alias, alias) for alias in settings.EMBEDDERS if alias != profiles.SUPPLIED],
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("An alias of the setting EMBEDDERS."),
    )
    model = forms.CharField(
        label=gettext_lazy("Model"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Leave empty for the backend's own default."),
    )
    options = PrettyJSONField(
        label=gettext_lazy("Options"),
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget({"rows": 4}),
        help_text=gettext_lazy('A JSON object, for example {"query_prefix": "query: "}.'),
    )
    key = KeyField(
        required=False,
        help_text=gettext_lazy(
            "Of a server that wants one. It is stored encrypted and never shown. Leave it empty where the option "
            "api_key_env names the environment variable that holds it."
        ),
    )
    price = forms.DecimalField(
        label=gettext_lazy("Price of a million tokens"),
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=6,
        initial=0,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("0 where it costs nothing. What was used is charged at the price of its day."),
    )
    currency = forms.CharField(
        label=gettext_lazy("Currency"),
        required=False,
        validators=[CURRENCY],
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Three letters, such as USD or CNY."),
    )
    is_default = forms.BooleanField(
        label=gettext_lazy("Default for new collections"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, administrator: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._administrator = administrator

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if EmbeddingProfile.objects.filter(name=name).exists():
            raise ValidationError(gettext("Another profile has this name already; choose a different one."))
        return name

    def clean_options(self) -> dict[str, Any]:
        options = json_object(self.cleaned_data["options"])
        forbidden = sorted(ADMINISTRATORS_OPTIONS & options.keys())
        if forbidden and not self._administrator:
            raise ValidationError(
                gettext("Only an administrator may set %(options)s. Ask one, or leave it out.")
                % {"options": ", ".join(forbidden)}
            )
        unfilled = [value for value in options.values() if isinstance(value, str) and PLACEHOLDER.search(value)]
        if unfilled:
            raise ValidationError(
                gettext("Put what is meant in place of %(placeholder)s.") % {"placeholder": ", ".join(unfilled)}
            )
        return options

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("key") and not takes_key(data.get("backend", "")):
            self.add_error("key", gettext("This backend asks no server, so it takes no key. Leave it empty."))
        if data.get("price") and not data.get("currency") and "currency" not in self.errors:
            self.add_error("currency", gettext("Name the currency of the price, such as USD or CNY."))
        return data

    def create(self) -> EmbeddingProfile:
        """Make the profile; raise VectorsiteError when the embedder cannot be used or gives the vectors of another."""
        data = self.cleaned_data
        return profiles.create_profile(
            data["name"],
            backend=data["backend"],
            model=data["model"],
            options=data["options"],
            key=data["key"],
            is_default=data["is_default"],
            price=data["price"] or Decimal(0),
            currency=data["currency"],
        )


class KeyForm(forms.Form):
    """Another key for the server of a profile."""

    key = KeyField(help_text=gettext_lazy("It is tried first, then stored encrypted in place of the former one."))


def values_of(preset: Preset) -> dict[str, Any]:
    """Return what the form of a new profile begins with when a preset was chosen."""
    return {
        "name": preset.name,
        "backend": preset.backend,
        "model": preset.model,
        "options": dict(preset.options),
        "price": preset.price,
        "currency": preset.currency,
    }
