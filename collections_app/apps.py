import gc

from django.apps import AppConfig


class CollectionsConfig(AppConfig):
    """The write side: bytes -> text -> SQL -> vectors."""

    name = "collections_app"
    # Where the trail of links at the top of every page of the administration begins.
    verbose_name = "Vectorsite"

    def ready(self) -> None:
        from collections_app import checks  # noqa: F401 - importing registers the checks

        # What is loaded by now stays as long as the process. The garbage collector looked at all of it again and again
        # while many rows are made, for a tenth of what saving and indexing them cost.
        gc.freeze()
