from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app import portable
from collections_app.exceptions import VectorsiteError
from collections_app.management.naming import collection_named


class Command(BaseCommand):
    help = (
        "Write a collection to one file: documents, fields, chunks, vectors, weights. Another site takes it with "
        "import_collection and embeds nothing. Who may read it, and the uploaded files, are not in it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="NAME", help="name or slug of the collection")
        parser.add_argument("-o", "--output", metavar="FILE", help=f"where to (default: SLUG{portable.SUFFIX})")
        parser.add_argument("--force", action="store_true", help="replace a file that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        collection = collection_named(options["collection"])
        path = Path(options["output"] or f"{collection.slug}{portable.SUFFIX}")
        if path.exists() and not options["force"]:
            raise CommandError(f"{path} exists. Name another file, or replace it with --force.")
        try:
            done = portable.export_collection(collection, path)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error
        counts = done.counts
        self.stdout.write(
            f"{path}: {counts.documents:,} documents, {counts.chunks:,} passages, {counts.vectors:,} vectors; "
            f"{done.size:,} bytes."
        )
        if done.unindexed:
            self.stdout.write(
                f"{done.unindexed:,} documents were not wholly indexed; who imports the file embeds what is missing."
            )
