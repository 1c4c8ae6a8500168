import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app import audit
from collections_app.exceptions import VectorsiteError
from collections_app.ledger import progress
from collections_app.models import IndexAudit, IndexState, VectorIndex
from collections_app.projection import readable_collection

# Nothing is done any more when nothing has changed for so long.
STANDSTILL_SECONDS = 60.0
LOOK_SECONDS = 0.5

NOT_IN_STEP, NOT_CHECKED = 1, 2


class Command(BaseCommand):
    help = (
        "Compare every index in SQL with its collection in the vector store. "
        "Exit status 0: all are in step; 1: one is not; 2: one could not be compared, or a store not be listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", nargs="*", help="slugs of collections; all of them by default")
        parser.add_argument("--deep", action="store_true", help="compare vectors and metadata too")
        parser.add_argument("--repair", action="store_true", help="mend what is wrong, and compare again")
        parser.add_argument("--wait", action="store_true", help="wait for the workers' work before the last comparison")
        parser.add_argument("--json", action="store_true", help="write what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        indexes = self._indexes(options["collection"])
        self._is_json = options["json"]
        results = [self._check(index, options) for index in indexes]
        self._unlisted: list[str] = []
        strays = [] if options["collection"] else self._strays(repair=options["repair"])
        if self._is_json:
            told = {"indexes": results, "stray_collections": strays, "unlisted_stores": self._unlisted}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
        self._conclude(results, strays)

    def _indexes(self, slugs: Sequence[str]) -> list[VectorIndex]:
        indexes = VectorIndex.objects.exclude(state=IndexState.DROPPED).filter(collection__deleted_at=None)
        indexes = indexes.select_related("collection", "profile").order_by("collection__name", "pk")
        if slugs:
            indexes = indexes.filter(collection__slug__in=slugs)
            unknown = set(slugs) - set(indexes.values_list("collection__slug", flat=True))
            if unknown:
                raise CommandError(f"No collection has the slug {', '.join(sorted(unknown))}.", returncode=NOT_CHECKED)
        return list(indexes)

    def _check(self, index: VectorIndex, options: dict[str, Any]) -> dict[str, Any]:
        name = f"{index.collection.slug} #{index.pk}"
        result: dict[str, Any] = {"collection": index.collection.slug, "index": index.pk, "in_step": False, "error": ""}
        try:
            if options["wait"]:
                self._wait(index)
            found = audit.audit_index(index, deep=options["deep"], repair=options["repair"])
            if options["wait"] and not found.in_step and not audit.is_damage(found.report["findings"]):
                repaired = found.report["repaired"]
                self._wait(index)
                found = audit.audit_index(index, deep=options["deep"])
                found.report["repaired"] = repaired
        except VectorsiteError as error:
            self._say(f"{name}: could not be compared: {error}")
            return {**result, "error": str(error)}
        self._describe(index, found)
        return {**result, "in_step": found.in_step, **found.report}

    def _describe(self, index: VectorIndex, found: IndexAudit) -> None:
        report = found.report
        self._say(
            f"{index.collection.slug} #{index.pk} ({index.get_state_display()}): {report['documents']:,} documents, "
            f"{report['failed_entries']:,} failed; {report['live_chunks']:,} live chunks in SQL, "
            f"{report['store_ids']:,} ids in {report['collection']}: " + self._verdict(found)
        )
        for name, count in report["repaired"].items():
            self._say(f"  repaired {name}: {count:,}")
        for name, count in report["findings"].items():
            examples = report["examples"][name]
            such = f", such as {', '.join(examples)}" if examples else ""
            self._say(f"  {name}: {count:,}{such}{_remedy(name, repaired=bool(report['repaired']))}")

    def _verdict(self, found: IndexAudit) -> str:
        if found.in_step:
            return self.style.SUCCESS("in step")
        if audit.is_damage(found.report["findings"]):
            return self.style.ERROR("NOT in step")
        return self.style.WARNING("not in step yet: the workers are at it")

    def _wait(self, index: VectorIndex) -> None:
        """Return when nothing is pending, or raise CommandError when nothing changes any more."""
        seen, since = None, time.monotonic()
        while (pending := progress(index)["pending"]) or not self._is_filled(index):
            now = (pending, self._is_filled(index))
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > STANDSTILL_SECONDS:
                raise CommandError(
                    f"{index}: {pending:,} documents are pending, and for {STANDSTILL_SECONDS:.0f} s nothing was done. "
                    "Look whether a worker runs: manage.py doctor",
                    returncode=NOT_CHECKED,
                )
            time.sleep(LOOK_SECONDS)

    def _is_filled(self, index: VectorIndex) -> bool:
        index.refresh_from_db(fields=["generation"])
        return readable_collection(index) is not None

    def _strays(self, *, repair: bool) -> list[str]:
        strays: list[str] = []
        for alias in audit.stores_in_use():
            try:
                found = audit.drop_strays(alias) if repair else audit.stray_collections(alias)
            except VectorsiteError as error:
                self._say(f"The collections of the vector store {alias} could not be listed: {error}")
                self._unlisted.append(alias)
                continue
            done = "dropped" if repair else "belongs to this site and to no index of it; --repair drops it"
            for name in found:
                self._say(f"{name} in the vector store {alias}: {done}")
            strays += [] if repair else found
        return strays

    def _conclude(self, results: list[dict[str, Any]], strays: list[str]) -> None:
        unchecked = sum(bool(result["error"]) for result in results)
        astray = sum(not result["in_step"] for result in results) - unchecked
        if unchecked:
            raise CommandError(f"{unchecked} of {len(results)} indexes could not be compared.", returncode=NOT_CHECKED)
        if self._unlisted:
            stores = ", ".join(self._unlisted)
            raise CommandError(f"The collections of {stores} could not be listed.", returncode=NOT_CHECKED)
        if astray:
            raise CommandError(f"{astray} of {len(results)} indexes are not in step.", returncode=NOT_IN_STEP)
        if strays:
            raise CommandError(f"{len(strays)} collections in the vector store are strays.", returncode=NOT_IN_STEP)
        self._say(self.style.SUCCESS(f"All {len(results)} indexes are in step with the vector store."))

    def _say(self, line: str) -> None:
        if not self._is_json:
            self.stdout.write(line)


def _remedy(name: str, *, repaired: bool) -> str:
    if name in audit.BEHIND:
        return ". The workers do this by themselves; --wait waits for them"
    return ". Run it again with --repair" if not repaired else ". This could not be mended; see the workers' log"
