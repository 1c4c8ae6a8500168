"""Many edits, many writers, and ledger entries that are lost."""

import time

from tests.chaos.corpus import text_of
from tests.chaos.experiment import Experiment
from tests.chaos.faults.holds import NothingHeld
from tests.chaos.scene import Scene, execute
from tests.chaos.stage import Needs


class TwoHundredEdits(Experiment):
    """One document is edited as fast as it can be, while four workers take it in turns and readers ask for it."""

    name = "two-hundred-edits"
    needs = Needs(workers=4)
    documents = 20
    writers = 0
    readers = 3
    rounds = 1

    def strike(self, scene: Scene, number: int) -> int:
        hits = 0
        for _ in range(40 if self.is_short else 200):
            scene.edit_one("seed/0")
            hits += scene.leases()
        return hits


class EightWriters(Experiment):
    """Eight processes write to one SQLite file at once."""

    name = "eight-writers"
    writers = 8
    pause = 0.0
    rounds = 1
    databases = ("sqlite",)

    def strike(self, scene: Scene, number: int) -> int:
        least = 10 if self.is_short else 100
        scene.until(lambda: min(scene.writes) >= least, f"{least} writes of each", seconds=300)
        return sum(scene.writes)


class EntriesLost(Experiment):
    """Ledger entries vanish from the database, of documents that are then edited."""

    name = "ledger-entries-lost"
    writers = 0

    def strike(self, scene: Scene, number: int) -> int:
        stage, path = scene.stage, scene.stage.sqlite_file
        keys = [f"seed/{number * 3 + place}" for place in range(3)]
        marks = ", ".join("?" * len(keys))
        documents = f"SELECT id FROM collections_app_document WHERE collection_id = ? AND key IN ({marks})"
        query = f"DELETE FROM collections_app_indexentry WHERE document_id IN ({documents})"
        lost = execute(stage.database_url, path, query, scene.projection.collection, *keys)
        scene.writer.save_many({key: text_of(scene.rng, paragraphs=2) for key in keys})
        return lost


class IndexSwitched(Experiment):
    """Another index is built beside the serving one and takes over, while documents are written and asked for."""

    name = "index-switched-under-load"
    readers = 3
    rounds = 2
    pause = 0.2

    def strike(self, scene: Scene, number: int) -> int:
        query = "SELECT serving_index_id FROM collections_app_collection WHERE id = ?"
        database, collection = scene.stage.database, scene.projection.collection
        before, writes = database.value(query, collection), sum(scene.writes)
        told = scene.stage.site.manage("rebuild", scene.slug)
        if told.returncode:
            raise NothingHeld(f"manage.py rebuild: {told.stderr}")
        started = time.monotonic()
        while database.value(query, collection) == before:
            if time.monotonic() - started > 60:
                raise NothingHeld("The new index did not take over within a minute.")
            time.sleep(0.05)
        scene.until(lambda: sum(scene.writes) > writes, "A write during the switch")
        return sum(scene.writes) - writes


EXPERIMENTS = (TwoHundredEdits, EightWriters, EntriesLost, IndexSwitched)
