"""The vector store killed, emptied, out of disk, or heard no more."""

from tests.chaos.corpus import text_of
from tests.chaos.experiment import Experiment
from tests.chaos.faults.holds import Moment, NothingHeld
from tests.chaos.scene import Scene
from tests.chaos.stage import Needs

_DISK = 64 * 1024
_PERSIST_SECONDS = 40.0
# A kill may come when the persist is over; then the next one is tried.
_KILLS = 5


class KilledMidPersist(Experiment):
    """Bulk edits make the server persist every 200 records; it is killed in the midst of that."""

    name = "chroma-killed-mid-persist"
    documents = 60
    bulk = 40
    pause = 0.5
    rounds = 60

    def strike(self, scene: Scene, number: int) -> int:
        for _ in range(_KILLS):
            is_hit = scene.stage.chroma.kill_during_persist(seconds=_PERSIST_SECONDS, rng=scene.rng)
            scene.stage.start_chroma()
            if is_hit:
                return 1
        return 0


class AnswerSwallowed(Experiment):
    """The store applies an upsert, and its answer never arrives."""

    name = "answer-swallowed"

    def strike(self, scene: Scene, number: int) -> int:
        swallowed = scene.stage.store.swallow("upsert", times=1)
        scene.edit(3)
        scene.until(lambda: swallowed.caught, "An upsert")
        hits = scene.leases()
        scene.until(lambda: swallowed.caught[0].client_pid is None, "The client's giving up")
        return hits


class FolderDeleted(Experiment):
    """The server is killed while an upsert is open, and comes back with nothing."""

    name = "chroma-folder-deleted"

    def strike(self, scene: Scene, number: int) -> int:
        with scene.stage.store.hold("upsert", Moment.FORWARDED) as hold:
            scene.edit(3)
            held = hold.wait(20)
            hits = scene.leases()
            scene.stage.chroma.lose_folder()
            held.drop()
        scene.stage.start_chroma()
        return hits


class DiskFull(Experiment):
    """No file of the server may grow, until the store was found to be out of order; then there is room again."""

    name = "chroma-disk-full"
    documents = 60
    bulk = 40
    pause = 0.1

    def strike(self, scene: Scene, number: int) -> int:
        scene.stage.chroma.limit_files(_DISK)
        try:
            scene.until(lambda: self._is_noticed(scene), "A write that found the disk full", seconds=60)
            hits = scene.pending()
        finally:
            scene.stage.start_chroma()
            scene.stage.chroma.unlimit_files()
        return hits

    def _is_noticed(self, scene: Scene) -> bool:
        if scene.stage.chroma.has_crashed():
            return True
        paused = "SELECT count(*) FROM collections_app_vectorstorestatus WHERE paused_until IS NOT NULL"
        return bool(scene.stage.database.value(paused))


class GenerationRaised(Experiment):
    """The index is given a new physical collection while a worker's upsert into the old one is answered."""

    name = "generation-raised-during-upsert"
    needs = Needs(lease_seconds=60, store_seconds=60)
    writers = 0

    def strike(self, scene: Scene, number: int) -> int:
        with scene.stage.store.hold("upsert", Moment.ANSWERED) as hold:
            scene.edit(1)
            held = hold.wait(20)
            before = self._generation(scene)
            told = scene.stage.site.manage("rebuild", "--all")
            if told.returncode:
                raise NothingHeld(f"manage.py rebuild --all: {told.stderr}")
            scene.until(lambda: self._ready(scene, before), "A new collection that is filled")
            # Who gave up meanwhile, or lost its lease, would not be hit.
            hits = scene.leases() if held.client_pid else 0
            held.release()
        return hits

    def _generation(self, scene: Scene) -> int:
        query = "SELECT max(generation) FROM collections_app_vectorindex WHERE collection_id = ?"
        return int(scene.stage.database.value(query, scene.projection.collection))

    def _ready(self, scene: Scene, before: int) -> int:
        return scene.count(f"physicalcollection WHERE state = 'ready' AND generation > {before}")


class DeletedDuringUpsert(Experiment):
    """A document is deleted while its upsert is on the way to the store, there, or on the way back."""

    name = "delete-during-upsert"
    rounds = 6

    def strike(self, scene: Scene, number: int) -> int:
        moment = (Moment.ANSWERED, Moment.BEFORE, Moment.FORWARDED)[number % 3]
        key = f"doomed/{number}"
        matches = lambda passing: scene.count(_leased(scene, key)) > 0  # noqa: E731
        with scene.stage.store.hold("upsert", moment, matches=matches) as hold:
            scene.writer.save(key, text_of(scene.rng, paragraphs=3))
            held = hold.wait(20)
            hits = scene.count(_leased(scene, key))
            scene.writer.delete(key)
            held.release()
        return hits


def _leased(scene: Scene, key: str) -> str:
    documents = f"SELECT id FROM collections_app_document WHERE key = '{key}'"
    return f"indexentry WHERE lease_token IS NOT NULL AND document_id IN ({documents})"


EXPERIMENTS = (KilledMidPersist, AnswerSwallowed, FolderDeleted, DiskFull, GenerationRaised, DeletedDuringUpsert)
