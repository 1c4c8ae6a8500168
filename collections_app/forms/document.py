import re
from itertools import count
from typing import Any

from django import forms
from django.conf.locale import LANG_INFO
from django.utils.text import slugify
from django.utils.translation import get_language_info, gettext, gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from collections_app import services
from collections_app.exceptions import InvalidDocument, InvalidMetadata
from collections_app.extraction import Segment as SegmentValue
from collections_app.forms.json_values import PrettyJSONField, json_object
from collections_app.models import Collection, Document, Markup
from collections_app.reasons import explained
from collections_app.segments import segments_of_edited

# The longest text that is edited in a browser. Encoded for a form, it stays below DATA_UPLOAD_MAX_MEMORY_SIZE.
EDITABLE_CHARACTERS = 1_000_000
_LANGUAGE = re.compile("[a-z]{2,3}")


def _languages() -> list[tuple[str, str]]:
    codes = [code for code in LANG_INFO if _LANGUAGE.fullmatch(code) and "name" in LANG_INFO[code]] + ["zh"]
    named = {code: str(get_language_info({"zh": "zh-hans"}.get(code, code))["name_translated"]) for code in codes}
    return sorted(named.items(), key=lambda pair: pair[1])


def is_editable(document: Document) -> bool:
    """Return whether a document's text is short enough to be edited in a browser."""
    return document.size <= EDITABLE_CHARACTERS


def _free_key(collection: Collection, stem: str) -> str:
    """Return a key for `stem` that no living document of the collection has."""
    living = Document.objects.alive().filter(collection=collection, key__startswith=stem)
    taken = set(living.values_list("key", flat=True))
    numbered = (f"{stem}-{number}" for number in count(2))
    return stem if stem not in taken else next(key for key in numbered if key not in taken)


class DocumentForm(forms.ModelForm):
    """A document as a person writes it. It is checked as the services will check it, and saved by them."""

    text = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        strip=False,
        max_length=EDITABLE_CHARACTERS,
        widget=UnfoldAdminTextareaWidget({"rows": 24, "class": "vs-textarea"}),
    )
    markup = forms.ChoiceField(
        label=gettext_lazy("Markup"), choices=Markup.choices, initial=Markup.PLAIN, widget=UnfoldAdminSelectWidget
    )
    metadata = PrettyJSONField(
        label=gettext_lazy("Metadata"),
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget({"rows": 8, "class": "vs-textarea"}),
        help_text=gettext_lazy("A JSON object with the raw values; the collection's fields are derived from it."),
    )
    language_override = forms.ChoiceField(
        label=gettext_lazy("Language (set by hand)"), required=False, widget=UnfoldAdminSelectWidget
    )
    # The revision that the person saw. Who saves what somebody else changed meanwhile is asked first.
    seen_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Document
        fields = ["collection", "key", "title", "metadata", "language_override"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language_override"].choices = self._language_choices()  # type: ignore[attr-defined]
        if "key" in self.fields:
            self.fields["key"].required = False
            self.fields["key"].help_text = gettext("Names the document in its collection. Empty: made from the title.")
        if self.instance.pk:
            self.initial["text"] = self.instance.text
            self.initial["markup"] = self.instance.content.markup if self.instance.content else Markup.PLAIN
            self.initial["seen_revision"] = self.instance.revision
        if not is_editable(self.instance):
            del self.fields["text"]

    def _language_choices(self) -> list[tuple[str, str]]:
        choices = [("", gettext("Detect it")), *_languages()]
        present = self.instance.language_override
        return choices if present in dict(choices) else [*choices, (present, present)]

    def clean_metadata(self) -> dict[str, Any]:
        return json_object(self.cleaned_data["metadata"])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        collection = data.get("collection") or (self.instance.collection if self.instance.pk else None)
        if collection is None or self.errors:
            return data
        if self.instance.pk:
            self._ask_before_overwriting()
        else:
            self._give_key(collection)
        if not self.errors:
            self._check(collection)
        return data

    def _ask_before_overwriting(self) -> None:
        if self.cleaned_data.get("seen_revision") in {None, self.instance.revision}:
            return
        text = gettext(
            "Somebody changed this document while you edited it (it is at revision %(revision)d now). Nothing was "
            "saved. Look at it in another window; saving again overwrites it with what you see here."
        )
        self.data = {name: self.data.get(name) for name in self.data} | {"seen_revision": self.instance.revision}
        self.add_error(None, text % {"revision": self.instance.revision})

    def _give_key(self, collection: Collection) -> None:
        key = self.cleaned_data.get("key") or ""
        living = Document.objects.alive().filter(collection=collection)
        if key and living.filter(key=key).exists():
            self.add_error("key", gettext("A document of this collection has this key already; edit that one instead."))
        elif not key:
            first_line = self.cleaned_data["text"].strip().partition("\n")[0]
            stem = slugify(self.cleaned_data["title"] or first_line[:80], allow_unicode=True)[:80] or "document"
            self.cleaned_data["key"] = _free_key(collection, stem)

    def _check(self, collection: Collection) -> None:
        try:
            services.check_document(collection, self.document_input())
        except InvalidMetadata as error:
            self.add_error("metadata", explained(error))
        except InvalidDocument as error:
            self.add_error("text" if "text" in self.fields else None, explained(error))

    def document_input(self) -> services.DocumentInput:
        """Return what was entered, as the services take it."""
        data = self.cleaned_data
        content = self.instance.content
        old = content.text if content else ""
        # Browsers send line breaks as CR LF.
        text = data["text"].replace("\r\n", "\n") if "text" in data else old
        markup = data.get("markup") or (content.markup if content else Markup.PLAIN)
        segments = [
            SegmentValue(row.kind, row.label, row.level, row.start, row.end)
            for row in (content.segments.all() if content else ())
        ]
        if content and text == old.replace("\r\n", "\n"):
            text = old
        if not content or text != old or markup != content.markup:
            segments = list(segments_of_edited(old, segments, text, markup=markup))
        return services.DocumentInput(
            key=self.instance.key or data["key"],
            title=data["title"],
            text=text,
            markup=markup,
            metadata=data["metadata"],
            segments=segments,
            language=data["language_override"],
        )
