from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app import profiles
from collections_app.exceptions import EmbeddingError


class Command(BaseCommand):
    help = (
        "Encrypt the stored keys of embedding servers by the present SECRET_KEY. Run it after SECRET_KEY was changed "
        "and the former one named in SECRET_KEY_FALLBACKS; afterwards that one can be left out."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = profiles.reseal_keys()
        except EmbeddingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} keys are encrypted by the present SECRET_KEY.")
