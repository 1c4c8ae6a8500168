from typing import Any

from unfold.forms import PaginationInlineFormSet

from collections_app import redeclaration
from collections_app.exceptions import InvalidMetadata
from collections_app.metadata import FieldType
from collections_app.models import MetadataField
from collections_app.reasons import explained

# A change of name, label or position leaves the values as they are.
_DECIDES_ABOUT_VALUES = frozenset({"source_name", "type", "is_list", "filterable"})


class MetadataFieldFormSet(PaginationInlineFormSet):
    """The fields of a collection. One that its documents do not fit is refused before anything is saved."""

    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            if form.errors or form in self.deleted_forms or not _DECIDES_ABOUT_VALUES & set(form.changed_data):
                continue
            form.instance.collection = self.instance
            try:
                redeclaration.check_fit(form.instance)
            except InvalidMetadata as error:
                form.add_error("type", explained(error))

    def save_and_derive(self, *, all_times: bool) -> int:
        """Save, renew the values of what is declared otherwise, and return how many documents are projected anew.

        With `all_times`, also those of date-times, because the collection's time zone has changed.
        """
        self.save(commit=False)
        count = redeclaration.forget(self.deleted_objects)
        changed: list[Any] = [field for field, names in self.changed_objects if _DECIDES_ABOUT_VALUES & set(names)]
        for field in [*(field for field, _names in self.changed_objects), *self.new_objects]:
            field.save()
        renewed = {field.pk: field for field in [*changed, *self.new_objects]}
        if all_times:
            times = MetadataField.objects.filter(collection=self.instance, type=FieldType.DATETIME)
            renewed = {field.pk: field for field in times} | renewed
        return count + redeclaration.derive_again(list(renewed.values()))
