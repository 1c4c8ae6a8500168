import hashlib
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext, gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
)

from collections_app.comparison import Wish, check
from collections_app.evaluation.judged import JudgedQuestion, parse_questions
from collections_app.exceptions import InvalidEvaluation, VectorsiteError
from collections_app.models import AccessLevel, Collection, EmbeddingProfile, User
from collections_app.reasons import explained

# A question with the keys of its documents takes a few hundred bytes.
_LARGEST_FILE = 4 * 2**20


class ComparisonForm(forms.Form):
    """What to compare by what. What it would take is estimated first, and it is started then."""

    collection = forms.ModelChoiceField(
        label=gettext_lazy("Collection"),
        queryset=Collection.objects.none(),
        empty_label=gettext_lazy("Choose a collection"),
        widget=UnfoldAdminSelectWidget,
    )
    profiles = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Embedding profiles"),
        queryset=EmbeddingProfile.objects.all(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    sample = forms.IntegerField(
        label=gettext_lazy("Documents in the sample"),
        required=False,
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy(
            "Leave empty to compare by all of them. Documents that answer a question are always in."
        ),
    )
    depth = forms.IntegerField(
        label=gettext_lazy("Results that count"),
        initial=10,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("For hit rate, recall and agreement; nDCG and MRR look at ten."),
    )
    questions_file = forms.FileField(
        label=gettext_lazy("Judged questions"),
        required=False,
        widget=forms.FileInput({"class": "vs-files"}),
        help_text=gettext_lazy(
            "JSON Lines, each {“id”, “text”, “relevant”: [keys of documents]} or with {key: grade}. Without a file, "
            "sentences are taken out of passages and asked as questions."
        ),
    )
    # What the browser does not send a second time: the file, and its name.
    questions_text = forms.CharField(required=False, widget=forms.HiddenInput)
    questions_name = forms.CharField(required=False, widget=forms.HiddenInput)
    # The settings that the figures on the page are for.
    estimated = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        manageable = Collection.objects.writable_by(user, AccessLevel.MANAGE)
        self.fields["collection"].queryset = manageable  # type: ignore[attr-defined]
        self.wish: Wish | None = None

    def clean_questions_file(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["questions_file"]
        if file is not None and (file.size or 0) > _LARGEST_FILE:
            text = gettext("The file is larger than %(limit)d MiB. Leave questions out, or use the command.")
            raise ValidationError(text % {"limit": _LARGEST_FILE // 2**20})
        return file

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        file = data["questions_file"]
        try:
            if file is not None:
                data |= {"questions_text": _text_of(file), "questions_name": str(file.name)}
            name, text = data["questions_name"], data["questions_text"]
            questions: list[JudgedQuestion] = parse_questions(text, name=name) if text else []
            self.wish = Wish(
                collection=data["collection"],
                profiles=list(data["profiles"]),
                questions=questions,
                questions_name=name if questions else "",
                sample=data["sample"],
                depth=data["depth"],
            )
            check(self.wish)
        except VectorsiteError as error:
            self.wish = None
            self.add_error(None, explained(error))
        return data

    @property
    def fingerprint(self) -> str:
        data = self.cleaned_data
        profiles = sorted(profile.pk for profile in data["profiles"])
        asked = [data["collection"].pk, profiles, data["sample"], data["depth"], data["questions_text"]]
        return hashlib.sha256(repr(asked).encode()).hexdigest()

    @property
    def is_settled(self) -> bool:
        """Whether the figures that were shown are for what is asked now."""
        return bool(self.cleaned_data["estimated"] == self.fingerprint)

    def keep(self) -> None:
        """Have the form carry what was read and estimated, for the time when it is sent again."""
        kept = {name: self.cleaned_data[name] for name in ("questions_text", "questions_name")}
        data = MultiValueDict(dict(cast(MultiValueDict[str, Any], self.data).lists()))
        for name, value in {**kept, "estimated": self.fingerprint}.items():
            data[name] = value
        self.data = data


def _text_of(file: UploadedFile) -> str:
    try:
        text: str = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidEvaluation(f"{file.name} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    return text
