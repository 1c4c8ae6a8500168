"""Workers that are killed or stopped."""

import os
import signal

from tests.chaos.experiment import Experiment
from tests.chaos.faults.holds import Hold, Moment, Passing
from tests.chaos.scene import Scene
from tests.chaos.stage import Needs


def killed(hold: Hold, scene: Scene) -> tuple[Passing, int]:
    """Wait for an upsert at its moment, kill who sent it, and return it with the number of documents it had leased."""
    held = hold.wait(20)
    leased, pid = scene.leases(), held.client_pid
    if pid is None:
        return held, 0
    os.kill(pid, signal.SIGKILL)
    return held, leased


# Chunks that are on their way in, or out and may still be in the store.
_NOT_REMOVED = "(state = 'staged' OR (state = 'retired' AND removed_at IS NULL))"


class KilledBeforeUpsert(Experiment):
    """The upsert has left its worker and arrives late, after what was staged was taken back and its ids removed."""

    name = "workers-killed-before-upsert"
    writers = 0
    writes_late = True

    def strike(self, scene: Scene, number: int) -> int:
        with scene.stage.store.hold("upsert", Moment.BEFORE) as hold:
            scene.edit(3)
            held, hits = killed(hold, scene)
            staged = scene.count("chunk WHERE state = 'staged'")
            scene.until(lambda: not scene.count(f"chunk WHERE {_NOT_REMOVED}"), "Taking back what was staged")
            held.release()
        return hits if staged else 0


class KilledDuringUpsert(Experiment):
    """The store works at it when its worker dies."""

    name = "workers-killed-during-upsert"
    moment = Moment.FORWARDED

    def strike(self, scene: Scene, number: int) -> int:
        with scene.stage.store.hold("upsert", self.moment) as hold:
            scene.edit(3)
            held, hits = killed(hold, scene)
            # Nobody is there any more to hear the answer.
            held.release()
        return hits


class KilledAfterUpsert(KilledDuringUpsert):
    """The store has applied it; its worker never hears, and does not flip."""

    name = "workers-killed-after-upsert"
    moment = Moment.ANSWERED


class StoppedPastItsLease(Experiment):
    """A worker sleeps with its upsert answered until another one has taken over, and wakes while that one upserts.

    It has a minute for each request: one that gives up just before it is put to sleep may be in a transaction, and
    on SQLite nobody writes while it sleeps.
    """

    needs = Needs(store_seconds=60)
    name = "worker-stopped-past-its-lease"
    writers = 0
    rounds = 4

    def strike(self, scene: Scene, number: int) -> int:
        store = scene.stage.store
        # The successor of the round before is done: its upsert would be taken for the one of this round.
        scene.until(lambda: not (scene.leases() or scene.pending()), "The end of the round before")
        with store.hold("upsert", Moment.ANSWERED) as first:
            (key,) = scene.edit(1)
            held = first.wait(20)
            hits, pid = scene.leases(), held.client_pid
            if pid is None:
                return 0
            os.kill(pid, signal.SIGSTOP)
            try:
                if number % 2:
                    scene.edit_one(key)
                with store.hold("upsert", Moment.BEFORE) as second:
                    held.release()
                    successor = second.wait(20)
                    busy = at_work(scene)
                    os.kill(pid, signal.SIGCONT)
                    scene.until(lambda: at_work(scene) < busy, "The end of what the waking worker had in mind")
                    successor.release()
            finally:
                os.kill(pid, signal.SIGCONT)
        return hits


def at_work(scene: Scene) -> int:
    """How many workers say that they are at work; those that were killed at it never unsay it."""
    return int(scene.stage.database.value("SELECT count(*) FROM collections_app_workerstatus WHERE activity <> ''"))


EXPERIMENTS = (KilledBeforeUpsert, KilledDuringUpsert, KilledAfterUpsert, StoppedPastItsLease)
