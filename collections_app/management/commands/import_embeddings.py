from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from collections_app import ledger, services, sources, supplied
from collections_app.exceptions import InvalidImport, VectorsiteError
from collections_app.management.following import follow
from collections_app.management.naming import profile_named
from collections_app.models import Collection, EmbeddingProfile, EntryState, ImportOrigin, IndexEntry, Visibility


class Command(BaseCommand):
    help = (
        "Take documents that come with their vectors: JSON Lines with an `embedding` in each row, or in each of its "
        "`passages`, or beside them a NumPy file with a row for each passage. Nothing is embedded. Running it again "
        "takes what changed. The exit status is 1 when something could not be taken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", metavar="FILE.jsonl", help="documents, each with its vector or in the order of those of --vectors"
        )
        parser.add_argument("--vectors", metavar="FILE.npy", help="the vectors, if the rows have none")
        parser.add_argument("--collection", required=True, help="name or slug; it is made if it does not exist")
        parser.add_argument("--visibility", choices=Visibility.values, help="of a new collection (default: public)")
        parser.add_argument("--model", required=True, help="a name for the model that the vectors were made by")
        parser.add_argument(
            "--questions-by",
            metavar="P",
            help="name of a profile with the same model, which embeds questions; without one, words answer them",
        )
        parser.add_argument("--no-wait", action="store_true", help="do not wait for the workers to index it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._take(options)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error

    def _take(self, options: dict[str, Any]) -> None:
        rows = supplied.Rows(Path(options["file"]), Path(options["vectors"]) if options["vectors"] else None)
        found = supplied.survey(rows)
        profile = supplied.profile_of(
            found,
            model=options["model"],
            questions_by=options["questions_by"] and profile_named(options["questions_by"]),
        )
        collection = _collection(options["collection"], options["visibility"], profile)
        act = sources.start_import(collection, origin=ImportOrigin.COMMAND, options={"paths": [options["file"]]})
        taken = supplied.take(rows, collection)
        services.note_outcome(act, rows.path.name, taken)
        self.stdout.write(
            f"{collection} (slug {collection.slug}): {taken.created:,} documents taken, {taken.updated:,} updated, "
            f"{taken.unchanged:,} unchanged; {taken.vectors:,} new vectors of {found.dimensions} dimensions; "
            f"{len(taken.failures):,} failed."
        )
        if not options["questions_by"]:
            self.stdout.write(
                "No model embeds questions (--questions-by), so the collection is searched by words and by “more like "
                "this”."
            )
        for key, reason in taken.failures:
            self.stdout.write(f"  failed: {key}: {reason}")
        if not options["no_wait"] and collection.serving_index:
            index = collection.serving_index
            pending = IndexEntry.objects.filter(index=index, state=EntryState.PENDING)
            follow(self, "indexing", "document", ledger.progress(index)["total"], pending.count)
        if taken.failures:
            raise SystemExit(1)


def _collection(name: str, visibility: str | None, profile: EmbeddingProfile) -> Collection:
    known = Collection.objects.alive().filter(Q(slug=name) | Q(name=name)).order_by("pk").first()
    if known is None:
        return services.create_collection(name, visibility=visibility or Visibility.PUBLIC, profile=profile)
    if known.serving_index is None or known.serving_index.profile_id != profile.pk:
        raise InvalidImport(
            f"The collection {known.name!r} is embedded by {known.serving_index and known.serving_index.profile}, and "
            f"these vectors are of {profile}. Choose another name, or rebuild that collection first."
        )
    return known
