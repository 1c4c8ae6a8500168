import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, Sum
from django.utils import timezone
from tqdm import tqdm

from collections_app import ledger, services, sources
from collections_app.exceptions import VectorsiteError
from collections_app.extraction import TableMapping
from collections_app.file_estimates import FileToTake, estimate_files
from collections_app.management.estimates import sentences_of, waiting_for_budgets
from collections_app.management.following import follow
from collections_app.models import (
    Collection,
    Embedding,
    EntryState,
    Import,
    ImportItem,
    ImportOrigin,
    ImportOutcome,
    IndexEntry,
    Visibility,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A file to take, and the key that names it in the collection."""

    path: Path
    key: str


class Command(BaseCommand):
    help = (
        "Take files into a collection: folders (with all below them), single files or quoted globs. Running it again "
        "takes only what changed. The reading and embedding is done by the workers; the command waits for them. "
        "The exit status is 1 when something could not be taken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="folder, file, or glob in quotes")
        parser.add_argument("--collection", required=True, help="name or slug; it is made if it does not exist")
        parser.add_argument("--visibility", choices=Visibility.values, help="of a new collection (default: public)")
        table = parser.add_argument_group("tables (CSV, JSON, JSONL): one document per row")
        table.add_argument("--text-field", action="append", default=[], help="column of the text (may be repeated)")
        table.add_argument("--title-field", default="", help="column of the title")
        table.add_argument("--key-field", default="", help="column that names the row; it becomes the document's key")
        table.add_argument("--metadata-field", action="append", help="column to keep as metadata (default: all others)")
        table.add_argument(
            "--list-field",
            action="append",
            default=[],
            metavar="COLUMN=SEPARATOR",
            help="column whose cells hold several values, such as genres=; (may be repeated)",
        )
        table.add_argument("--delimiter", default="", help="of a CSV file (default: found out)")
        parser.add_argument(
            "--estimate", action="store_true", help="read some of the files, say what all would take, and keep nothing"
        )
        parser.add_argument("--no-wait", action="store_true", help="hand the files over and return at once")

    def handle(self, *args: Any, **options: Any) -> None:
        mapping = self._mapping(options)
        found = list(_files(options["paths"]))
        if not found:
            raise CommandError("There is no file under these paths. Name a folder or file that exists.")
        if options["estimate"]:
            self._estimate(options["collection"], found, mapping)
            return
        collection = self._collection(options["collection"], options["visibility"])
        import_act = sources.start_import(
            collection, origin=ImportOrigin.COMMAND, options={"paths": options["paths"], "files": len(found)}
        )
        embedded_before = Embedding.objects.count()
        self._store(collection, import_act, found, mapping)
        if options["no_wait"]:
            self.stdout.write("The files are handed over; the workers read them now. The admin shows how far they are.")
            return
        self._wait(collection, import_act, len(found))
        self._summarise(collection, import_act, Embedding.objects.count() - embedded_before)

    def _mapping(self, options: dict[str, Any]) -> TableMapping | None:
        if not options["text_field"]:
            if any(options[name] for name in ("title_field", "key_field", "metadata_field", "list_field")):
                raise CommandError("Say with --text-field which column holds the text of each document.")
            return None
        fields = options["metadata_field"]
        return TableMapping(
            text_fields=tuple(options["text_field"]),
            title_field=options["title_field"],
            key_field=options["key_field"],
            metadata_fields=None if fields is None else tuple(fields),
            delimiter=options["delimiter"],
            lists=tuple(map(_list_field, options["list_field"])),
        )

    def _collection(self, name: str, visibility: str | None) -> Collection:
        if known := _known(name):
            return known
        try:
            collection = services.create_collection(name, visibility=visibility or Visibility.PUBLIC)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Made the collection {collection.name!r} (slug {collection.slug}).")
        return collection

    def _estimate(self, name: str, found: list[Found], mapping: TableMapping | None) -> None:
        collection = _known(name) or Collection(name=name, time_zone="UTC")
        try:
            index = services.index_to_fill(collection)
            files = [FileToTake(file.path, file.key, file.path.name) for file in found]
            told = estimate_files(collection, index, files, mapping=mapping)
        except (VectorsiteError, OSError) as error:
            raise CommandError(str(error)) from error
        what, *more = sentences_of(told.embedding)
        self.stdout.write(f"{collection.name}, profile {index.profile.name!r}: {what}")
        for sentence in more:
            self.stdout.write(sentence)
        self.stdout.write(
            f"{told.files:,} files: {told.unchanged:,} are unchanged and cost nothing, {told.read:,} were read now."
        )
        if not told.embedding.is_exact:
            self.stdout.write(
                "The rest follows by size in bytes, which may be far off: how much text a file holds is known when it "
                "is read."
            )
        for key, reason in told.unreadable.items():
            self.stdout.write(f"  cannot be read: {key}: {reason}")

    def _store(
        self, collection: Collection, import_act: Import, found: list[Found], mapping: TableMapping | None
    ) -> None:
        for file in tqdm(found, desc="storing", unit="file", disable=None):
            try:
                with file.path.open("rb") as stream:
                    sources.store_upload(
                        collection,
                        content=File(stream, name=file.path.name),
                        filename=file.path.name,
                        key=file.key,
                        import_act=import_act,
                        mapping=mapping,
                    )
            except OSError as error:
                ImportItem.objects.create(
                    import_act=import_act,
                    key=file.key,
                    outcome=ImportOutcome.FAILED,
                    reason=f"The file cannot be read: {error.strerror}.",
                )

    # --- waiting --------------------------------------------------------------------------------------------------

    def _wait(self, collection: Collection, import_act: Import, files: int) -> None:
        waiting = import_act.items.filter(outcome=ImportOutcome.PENDING)
        follow(self, "reading", "file", files, waiting.count)
        index = collection.serving_index
        if index is None:
            return
        pending = IndexEntry.objects.filter(index=index, state=EntryState.PENDING, budget=None)
        follow(self, "embedding", "document", ledger.progress(index)["total"], pending.count)

    # --- the end --------------------------------------------------------------------------------------------------

    def _summarise(self, collection: Collection, import_act: Import, embedded: int) -> None:
        items = import_act.items.all()
        totals = items.aggregate(
            created=Sum("created"), updated=Sum("updated"), unchanged=Sum("unchanged"), removed=Sum("removed")
        )
        counts = {name: value or 0 for name, value in totals.items()}
        failed_items = list(items.filter(outcome=ImportOutcome.FAILED).values_list("key", "reason"))
        self.stdout.write(
            f"{collection.name}: {counts['created']:,} documents taken, {counts['updated']:,} updated, "
            f"{counts['unchanged']:,} unchanged, {counts['removed']:,} removed; {len(failed_items):,} failed."
        )
        for key, reason in failed_items:
            self.stdout.write(f"  failed: {key}: {reason}")
        not_indexed = self._say_failed_entries(collection)
        if collection.serving_index:
            for sentence in waiting_for_budgets(collection.serving_index):
                self.stdout.write(sentence)
        if not any(counts[name] for name in ("created", "updated", "removed")):
            self.stdout.write("Nothing changed.")
        self.stdout.write(f"{embedded:,} passages were embedded." if embedded else "Nothing was embedded.")
        took = (timezone.now() - import_act.started_at).total_seconds()
        self.stdout.write(f"It took {took:,.1f} seconds.")
        if failed_items or not_indexed:
            raise SystemExit(1)

    def _say_failed_entries(self, collection: Collection) -> int:
        failed = IndexEntry.objects.filter(index=collection.serving_index, state=EntryState.FAILED)
        reasons = Counter(failed.values_list("document__key", "error"))
        for key, error in reasons:
            self.stdout.write(f"  not indexed: {key}: {error}")
        return len(reasons)


def _known(name: str) -> Collection | None:
    return Collection.objects.alive().filter(Q(slug=name) | Q(name=name)).first()


def _list_field(text: str) -> tuple[str, str]:
    column, _equals, separator = text.rpartition("=")
    if not column or not separator:
        raise CommandError(f"--list-field is {text!r}; give a column and what separates its values: genres=;")
    return column, separator


def _files(paths: list[str]) -> Iterator[Found]:
    """Find the files below the paths. A folder's own name is part of the keys, so that two folders do not collide."""
    seen: set[str] = set()
    for pattern in paths:
        expanded = [Path(pattern)] if Path(pattern).exists() else _matches(pattern)
        if not expanded:
            raise CommandError(f"There is no file or folder {pattern!r}.")
        for path in expanded:
            for found in _below(path):
                if found.key in seen:
                    raise CommandError(
                        f"Two of the files would have the key {found.key!r}. Take their folders in one after the other."
                    )
                seen.add(found.key)
                yield found


def _matches(pattern: str) -> list[Path]:
    """Expand a glob that the shell left alone, relative or absolute."""
    root = Path(pattern).anchor
    return sorted(Path(root).glob(str(Path(pattern).relative_to(root)) if root else pattern))


def _below(path: Path) -> Iterator[Found]:
    if path.is_file():
        yield Found(path, path.name)
        return
    root = path.resolve()
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():
                yield Found(file, f"{root.name}/{file.relative_to(root).as_posix()}")
