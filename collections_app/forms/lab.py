import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from collections_app.lab import MOST_CHARACTERS, Example, Texts, TooMuch, Trials, split
from collections_app.models import EmbeddingProfile
from collections_app.reasons import explained

MOST_PROFILES = 6
MOST_DIMENSIONS = 6
LINES, PARAGRAPHS = "lines", "paragraphs"


class LabForm(forms.Form):
    """Texts, the profiles that embed them, and what is tried on their vectors."""

    # So many texts are needed, and what is said where there are fewer.
    least = 1
    texts: Texts
    too_few: str | Promise = gettext_lazy("At least one text is needed.")

    passages = forms.CharField(
        label=gettext_lazy("Texts"),
        widget=UnfoldAdminTextareaWidget({"rows": 6}),
        error_messages={"required": gettext_lazy("Type or paste the texts.")},
    )
    profiles = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Embedding profiles"),
        queryset=EmbeddingProfile.objects.order_by("-is_default", "name"),
        to_field_name="public_id",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": gettext_lazy("Choose at least one embedding profile.")},
    )
    split = forms.ChoiceField(
        label=gettext_lazy("Each text is"),
        choices=[
            (LINES, gettext_lazy("a line")),
            (PARAGRAPHS, gettext_lazy("a paragraph, blank lines between them")),
        ],
        initial=LINES,
        widget=UnfoldAdminSelectWidget,
    )
    dimensions = forms.CharField(
        label=gettext_lazy("Fewer dimensions"),
        required=False,
        widget=UnfoldAdminTextInputWidget({"placeholder": "256, 128, 64"}),
        help_text=gettext_lazy("Numbers with commas between them: vectors are cut to them and brought to length 1."),
    )
    quantise = forms.BooleanField(
        label=gettext_lazy("A byte for each number (int8)"), required=False, widget=UnfoldBooleanWidget
    )
    k = forms.IntegerField(
        label=gettext_lazy("k of recall at k"),
        min_value=1,
        max_value=1000,
        initial=3,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    # The digest of the texts that somebody agreed to have sent to servers of others.
    consent = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_profiles(self) -> list[EmbeddingProfile]:
        chosen = list(self.cleaned_data["profiles"])
        if len(chosen) > MOST_PROFILES:
            raise ValidationError(
                gettext("These are %(count)d profiles; at most %(most)d are asked at once. Leave some out.")
                % {"count": len(chosen), "most": MOST_PROFILES}
            )
        return chosen

    def clean_dimensions(self) -> tuple[int, ...]:
        words = [word for word in re.split(r"[\s,，、;；]+", self.cleaned_data["dimensions"]) if word]
        wrong = [word for word in words if not re.fullmatch(r"[0-9]{1,5}", word) or int(word) < 1]
        if wrong:
            raise ValidationError(
                gettext("“%(word)s” is no number of dimensions. Give whole numbers above zero, such as 256, 128.")
                % {"word": wrong[0]}
            )
        numbers = tuple(sorted({int(word) for word in words}, reverse=True))
        if len(numbers) > MOST_DIMENSIONS:
            raise ValidationError(
                gettext("These are %(count)d numbers; at most %(most)d are tried at once. Leave some out.")
                % {"count": len(numbers), "most": MOST_DIMENSIONS}
            )
        return numbers

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors.keys() & {"passages", "query", "split"}:
            return data
        passages = split(data["passages"], paragraphs=data["split"] == PARAGRAPHS)
        if len(passages) < self.least:
            self.add_error("passages", str(self.too_few))
            return data
        try:
            self.texts = Texts(passages, data.get("query", ""))
        except TooMuch as error:
            self.add_error("passages", explained(error))
        return data

    @property
    def trials(self) -> Trials:
        data = self.cleaned_data
        return Trials(dimensions=data["dimensions"], quantise=data["quantise"], k=data["k"])

    @property
    def may_send(self) -> bool:
        """Whether somebody agreed that these very texts are sent to servers of others."""
        return bool(self.cleaned_data["consent"] == self.texts.digest)


class ComparisonForm(LabForm):
    """Texts that are compared with each other."""

    least = 2
    too_few = gettext_lazy("At least two texts are needed to be compared. Put each on a line of its own.")


class RankingForm(LabForm):
    """A query, and passages that are ranked for it."""

    query = forms.CharField(
        label=gettext_lazy("Query"),
        max_length=MOST_CHARACTERS,
        widget=UnfoldAdminTextInputWidget,
        error_messages={"required": gettext_lazy("Say what is looked for.")},
    )
    field_order = ["query"]


def values_of(example: Example) -> dict[str, Any]:
    """Return what a form begins with when an example was chosen."""
    return {
        "query": example.query,
        "passages": "\n".join(example.texts),
        "dimensions": ", ".join(map(str, example.dimensions)),
        "quantise": example.quantise,
    }
