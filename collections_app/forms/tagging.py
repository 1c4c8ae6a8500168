from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from collections_app import services
from collections_app.exceptions import InvalidMetadata
from collections_app.models import Collection, MetadataField
from collections_app.reasons import explained

OPERATIONS = (
    (services.Operation.SET.value, gettext_lazy("Set to")),
    (services.Operation.ADD.value, gettext_lazy("Add")),
    (services.Operation.REMOVE.value, gettext_lazy("Take away")),
    (services.Operation.CLEAR.value, gettext_lazy("Clear")),
)


class TaggingForm(forms.Form):
    """Which field of the selected documents is changed, and how."""

    field = forms.ModelChoiceField(
        label=gettext_lazy("Field"),
        queryset=MetadataField.objects.none(),
        empty_label=gettext_lazy("Choose a field"),
        widget=UnfoldAdminSelectWidget,
    )
    operation = forms.ChoiceField(
        label=gettext_lazy("What is done"), choices=OPERATIONS, widget=UnfoldAdminSelectWidget
    )
    values = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text=gettext_lazy("For a field with several values: one in each line."),
    )

    def __init__(self, *args: Any, collection: Collection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["field"]
        field.queryset = MetadataField.objects.filter(collection=collection).select_related("collection")

    @property
    def chosen(self) -> services.Operation:
        return services.Operation(self.cleaned_data["operation"])

    @property
    def raw(self) -> list[str]:
        """Return the values as they were written, a line each."""
        return [line for line in (line.strip() for line in self.cleaned_data["values"].splitlines()) if line]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                services.check_values(data["field"], self.chosen, self.raw)
            except InvalidMetadata as error:
                self.add_error("values", explained(error))
        return data
