import gc

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CollectionsConfig(AppConfig):
    """The write side: bytes -> text -> SQL -> vectors."""

    name = "collections_app"
    verbose_name = _("Collections")

    def ready(self) -> None:
        from collections_app import checks  # noqa: F401 - importing registers the checks

        # What is loaded by now stays as long as the process. The garbage collector looked at all of it again and again
        # while many rows are made, for a tenth of what saving and indexing them cost.
        gc.freeze()
