"""What heals the site is killed at it."""

import os
import signal
import threading

from tests.chaos.experiment import Experiment
from tests.chaos.faults.holds import Moment, NothingHeld, Passing
from tests.chaos.scene import Scene

_LOST_IDS = 15
_REPAIRS = 5


class KilledDuringFill(Experiment):
    """A new physical collection is filled from SQL when the worker at it dies; documents are written meanwhile."""

    name = "workers-killed-during-fill"
    documents = 60

    def strike(self, scene: Scene, number: int) -> int:
        unfilled = "physicalcollection WHERE state IN ('planned', 'filling')"
        scene.until(lambda: not scene.count(unfilled), "The end of the last fill")
        fills = lambda passing: _is_into_a_filling_collection(scene, passing)  # noqa: E731
        with scene.stage.store.hold("upsert", Moment.FORWARDED, matches=fills) as hold:
            told = scene.stage.site.manage("rebuild", "--all")
            if told.returncode:
                raise NothingHeld(f"manage.py rebuild --all: {told.stderr}")
            held = hold.wait(30)
            pid, hits = held.client_pid, scene.count("physicalcollection WHERE state = 'filling'")
            if pid is None:
                return 0
            os.kill(pid, signal.SIGKILL)
            held.release()
        return hits


def _is_into_a_filling_collection(scene: Scene, passing: Passing) -> bool:
    newest = scene.stage.database.rows(
        "SELECT p.name FROM collections_app_physicalcollection p "
        "JOIN collections_app_vectorindex i ON i.id = p.index_id "
        "WHERE i.collection_id = ? AND p.generation = i.generation AND p.state = 'filling'",
        scene.projection.collection,
    )
    known = scene.stage.direct_store.collections()
    return any(known.get(name, "-") in passing.subject for (name,) in newest)


class RepairKilled(Experiment):
    """Ids vanish from the store and others appear; the audit that mends it is killed while it adds, and begun again."""

    name = "repair-killed"
    writers = 0

    def strike(self, scene: Scene, number: int) -> int:
        collection = _physical_id(scene)
        store = scene.stage.direct_store
        records = list(store.records(collection))
        lost = scene.rng.sample([pk for pk, _, _ in records], _LOST_IDS)
        store.delete(collection, lost)
        store.add(collection, {pk + 1_000_000_000: vector for pk, vector, _ in records[:3]})
        with scene.stage.store.hold("upsert", Moment.FORWARDED) as hold:
            repair = threading.Thread(target=scene.stage.site.manage, args=("check_index", scene.slug, "--repair"))
            repair.start()
            held = hold.wait(30)
            pid = held.client_pid
            hits = len(lost) if pid else 0
            if pid:
                os.kill(pid, signal.SIGKILL)
            held.release()
            repair.join()
        for _ in range(_REPAIRS):
            if not scene.stage.site.manage("check_index", scene.slug, "--deep", "--repair").returncode:
                break
        return hits


def _physical_id(scene: Scene) -> str:
    name = scene.stage.database.value(
        "SELECT p.name FROM collections_app_physicalcollection p "
        "JOIN collections_app_vectorindex i ON i.id = p.index_id "
        "WHERE i.collection_id = ? AND p.generation = i.generation AND i.state <> 'dropped'",
        scene.projection.collection,
    )
    return scene.stage.direct_store.collections()[name]


EXPERIMENTS = (KilledDuringFill, RepairKilled)
