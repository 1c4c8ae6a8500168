import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from collections_app import services
from collections_app.exceptions import VectorsiteError
from collections_app.management.estimates import sentences_of, waiting_for_budgets
from collections_app.management.following import POLL_SECONDS, follow
from collections_app.management.naming import collection_named, profile_named
from collections_app.models import (
    Collection,
    IndexState,
    PhysicalCollection,
    PhysicalState,
    VectorIndex,
)

# How long something may stand in the way of an index that has all documents before waiting for it is given up.
STUCK_SECONDS = 90.0
ACTS = ("activate", "rollback", "drop_standby", "cancel")


class Command(BaseCommand):
    help = (
        "Build another index of a collection beside the one that serves, with the same or with other settings, and let "
        "it take over when it is proved to be in step. Search goes on meanwhile. Unchanged text is not embedded again. "
        "With --all: copy every index anew from SQL into the vector store, as after restoring a backup."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", nargs="?", metavar="NAME", help="name or slug of the collection")
        parser.add_argument("--all", action="store_true", help="copy every index of every collection anew")
        parser.add_argument("--profile", metavar="P", help="name of another embedding profile")
        parser.add_argument("--chunk-size", type=int, metavar="N", help="the longest passage, in tokens")
        parser.add_argument("--chunk-overlap", type=int, metavar="N", help="tokens that neighbouring passages share")
        parser.add_argument("--estimate", action="store_true", help="say what it would take, and do nothing")
        parser.add_argument("--no-activate", action="store_true", help="build it, and leave the switch to --activate")
        parser.add_argument("--wait", action="store_true", help="wait for it; Ctrl-C ends the waiting, not the build")
        acts = parser.add_argument_group("what to do with the index that is built, or kept for rollback")
        only = acts.add_mutually_exclusive_group()
        only.add_argument("--activate", action="store_true", help="let the index that is being built serve")
        only.add_argument("--rollback", action="store_true", help="let the index serve that served before")
        only.add_argument("--drop-standby", action="store_true", help="drop the index that is kept for rollback")
        only.add_argument("--cancel", action="store_true", help="give up the index that is being built")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["all"]:
                self._all(options)
                return
            if not options["collection"]:
                raise CommandError("Name a collection, or say --all.")
            self._one(collection_named(options["collection"]), options)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("No longer waiting. The workers go on; the admin shows how far they are.")
            raise SystemExit(130) from None

    # --- all, after a restore -------------------------------------------------------------------------------------

    def _all(self, options: dict[str, Any]) -> None:
        given = ["collection", "profile", "chunk_size", "chunk_overlap", "estimate", "no_activate", *ACTS]
        if any(options[name] not in {None, False} for name in given):
            raise CommandError("--all copies every index as it is; it takes no name and no other option than --wait.")
        indexes = services.rebuild_everything(reason="manage.py rebuild --all")
        self.stdout.write(f"{len(indexes):,} indexes are copied anew from SQL; nothing is embedded again.")
        if options["wait"] and indexes:
            unready = PhysicalCollection.objects.filter(
                index__in=indexes, state__in=[PhysicalState.PLANNED, PhysicalState.FILLING]
            )
            follow(self, "filling", "index", len(indexes), unready.count)
            self.stdout.write(self.style.SUCCESS("All of them are filled. manage.py check_index proves it."))

    # --- one ------------------------------------------------------------------------------------------------------

    def _one(self, collection: Collection, options: dict[str, Any]) -> None:
        act = next((name for name in ACTS if options[name]), None)
        if act:
            getattr(self, f"_{act}")(collection)
            return
        wanted = {
            "profile": None if options["profile"] is None else profile_named(options["profile"]),
            "chunk_size": options["chunk_size"],
            "chunk_overlap": options["chunk_overlap"],
        }
        planned = services.plan_index(collection, **wanted)
        self._say_estimate(planned, services.estimate(planned))
        if options["estimate"]:
            return
        index = services.start_rebuild(collection, **wanted, activate=not options["no_activate"])
        end = "It is activated by --activate." if options["no_activate"] else "It takes over when it is in step."
        self.stdout.write(f"{index} is being built. {end}")
        if options["wait"]:
            self._wait(index)

    def _say_estimate(self, index: VectorIndex, estimate: services.Estimate) -> None:
        what, *more = sentences_of(estimate)
        self.stdout.write(
            f"{index.collection.name}, profile {index.profile.name!r}, chunks of {index.chunk_size} tokens, overlap "
            f"{index.chunk_overlap}: {what}"
        )
        for sentence in more:
            self.stdout.write(sentence)
        if estimate.sampled:
            self.stdout.write(f"Based on {estimate.sampled:,} documents cut with these settings.")
        else:
            self.stdout.write("Based on an index with these very settings: all of its vectors are in SQL.")

    def _wait(self, index: VectorIndex) -> None:
        """Wait until the index has all documents and, if it shall, serves."""
        follow(self, "building", "document", services.progress(index).total, lambda: services.progress(index).workable)
        stuck_since, problem = time.monotonic(), ""
        while True:
            index.refresh_from_db()
            now = services.progress(index)
            if index.state == IndexState.DROPPED:
                raise CommandError(f"{index} was given up meanwhile.")
            if index.state != IndexState.BUILDING or (not index.activate_when_ready and now.is_filled):
                break
            if now.waiting and not now.workable:
                raise CommandError(" ".join(waiting_for_budgets(index)))
            if now.pending or index.problem != problem:
                stuck_since, problem = time.monotonic(), index.problem
            if time.monotonic() - stuck_since > STUCK_SECONDS:
                raise CommandError(
                    problem or f"{index} waits to be activated, but no worker does it. Is the site running?"
                )
            time.sleep(POLL_SECONDS)
        serves = "serves now" if index.state == IndexState.SERVING else "is complete; --activate lets it serve"
        took = services.duration((timezone.now() - index.created_at).total_seconds())
        self.stdout.write(
            self.style.SUCCESS(f"{index} {serves}: {now.done:,} documents, {now.failed:,} failed, after {took}.")
        )

    # --- acts -----------------------------------------------------------------------------------------------------

    def _activate(self, collection: Collection) -> None:
        index = _known(services.building_index(collection), f"No index of {collection.name!r} is being built.")
        services.activate_soon(index)
        self._say_serving(index)

    def _rollback(self, collection: Collection) -> None:
        self._say_serving(services.roll_back(collection))

    def _say_serving(self, index: VectorIndex) -> None:
        self.stdout.write(
            self.style.SUCCESS(f"{index} serves now. The one that served before is kept for a while: --rollback.")
        )

    def _drop_standby(self, collection: Collection) -> None:
        index = _known(services.standby_index(collection), f"No index of {collection.name!r} is kept for rollback.")
        services.drop_index(index)
        self.stdout.write(f"{index} is dropped.")

    def _cancel(self, collection: Collection) -> None:
        index = _known(services.building_index(collection), f"No index of {collection.name!r} is being built.")
        services.drop_index(index)
        self.stdout.write(f"{index} is given up; its vectors stay in SQL for a day.")


def _known(index: VectorIndex | None, otherwise: str) -> VectorIndex:
    if index is None:
        raise CommandError(otherwise)
    return index
