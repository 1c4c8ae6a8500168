import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand

from collections_app import demo, fields, services
from collections_app.demo import DemoDocument, handbook, standard_library
from collections_app.models import Collection, TrailRecord
from collections_app.trail import record

LOADED = "demo loaded"


class Command(BaseCommand):
    help = (
        "Load the demo: the documentation of this Python's standard library and a handbook on embeddings. "
        "It is loaded once; what you delete of it stays deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--again", action="store_true", help="load it anew, also what was deleted")

    def handle(self, *args: Any, **options: Any) -> None:
        version = ".".join(str(part) for part in sys.version_info[:3])
        self._load(demo.HANDBOOK, "1", handbook.read(), again=options["again"])
        self._load(demo.STANDARD_LIBRARY, version, _most_general_first(standard_library.read()), again=options["again"])

    def _load(
        self, about: demo.DemoCollection, version: str, documents: Iterable[DemoDocument], *, again: bool
    ) -> None:
        loaded = TrailRecord.objects.filter(action=LOADED, object_name=about.name, details__version=version)
        if loaded.exists() and not again:
            return
        collection = Collection.objects.alive().filter(slug=about.slug).first()
        if collection is None:
            collection = services.create_collection(about.name, slug=about.slug, description=about.description)
        rows = list(documents)
        fields.declare(collection, (row.metadata for row in rows))
        count = sum(1 for saved in services.save_documents(collection, map(_input, rows)) if not saved.error)
        record(None, LOADED, collection, version=version)
        self.stdout.write(f"Demo: {count:,} documents of “{about.name}” are stored and being embedded.")


def _input(row: DemoDocument) -> services.DocumentInput:
    return services.DocumentInput(
        key=row.key,
        title=row.title,
        text=row.text,
        markup=row.markup,
        metadata=row.metadata,
        language=row.language or "",
    )


def _most_general_first(documents: Iterable[DemoDocument]) -> list[DemoDocument]:
    """Put modules first, then classes: the first minutes of embedding then cover the whole library."""
    order = {"module": 0, "class": 1, "exception": 1}
    return sorted(documents, key=lambda row: order.get(row.metadata.get("kind", ""), 2))
