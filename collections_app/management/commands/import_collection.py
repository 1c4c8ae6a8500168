from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app import ledger, portable, services
from collections_app.exceptions import VectorsiteError
from collections_app.management.following import follow
from collections_app.management.naming import profile_named
from collections_app.models import (
    Embedding,
    EntryState,
    Import,
    IndexEntry,
    Visibility,
)


class Command(BaseCommand):
    help = (
        "Make a collection out of a file that export_collection wrote, with its vectors: nothing is embedded. A file "
        "that is damaged is refused before anything is written. Run it again after an interruption and it goes on. "
        "The exit status is 1 when something could not be taken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="what export_collection wrote")
        parser.add_argument("--name", default="", help="of the new collection (default: as in the file)")
        parser.add_argument("--visibility", choices=Visibility.values, default="", help="default: as in the file")
        parser.add_argument("--profile", metavar="P", help="name of the embedding profile that the vectors are of")
        parser.add_argument(
            "--re-embed", action="store_true", help="take the texts alone; --profile or the default one embeds them"
        )
        parser.add_argument("--no-wait", action="store_true", help="do not wait for the workers to index it")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        try:
            with portable.open_collection_file(path) as file:
                self._take(file, path, options)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error

    def _take(self, file: portable.CollectionFile, path: Path, options: dict[str, Any]) -> None:
        plan = portable.plan_import(
            file,
            name=options["name"],
            visibility=options["visibility"],
            profile=options["profile"] and profile_named(options["profile"]),
            re_embed=options["re_embed"],
        )
        verified = portable.check(file, plan)
        act = portable.begin(file, plan, filename=path.name, user=None)
        embedded_before = Embedding.objects.filter(profile=plan.profile).count()
        said = portable.remarks(file, plan, verified)
        taken = portable.take(
            file, act.collection, visibility=plan.visibility, uses_vectors=plan.uses_vectors, said=said
        )
        self.stdout.write(
            f"{act.collection} (slug {act.collection.slug}): {taken.created:,} documents taken, {taken.unchanged:,} "
            f"were there; {taken.vectors:,} vectors; {len(taken.failures):,} failed."
        )
        for remark in said:
            self.stdout.write(remark)
        services.note_outcome(act, path.name, taken)
        for key, reason in taken.failures:
            self.stdout.write(f"  failed: {key}: {reason}")
        if options["no_wait"]:
            self.stdout.write("The workers index it now. The admin shows how far they are.")
        else:
            self._wait(act)
            embedded = Embedding.objects.filter(profile=plan.profile).count() - embedded_before - taken.vectors
            self.stdout.write(f"{embedded:,} passages were embedded." if embedded > 0 else "Nothing was embedded.")
        if taken.failures:
            raise SystemExit(1)

    def _wait(self, act: Import) -> None:
        index = act.collection.serving_index
        if index is not None:
            pending = IndexEntry.objects.filter(index=index, state=EntryState.PENDING)
            follow(self, "indexing", "document", ledger.progress(index)["total"], pending.count)
