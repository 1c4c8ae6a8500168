"""An embedding server out of order, and texts that are."""

import time

from tests.chaos.corpus import text_of
from tests.chaos.experiment import Experiment
from tests.chaos.faults.embedding_server import DEADLY, POISON, Mode
from tests.chaos.scene import Scene
from tests.chaos.stage import Needs

_LONG_SECONDS = 120.0


class Outage(Experiment):
    """The server answers with 429, 500, garbage or nothing for two minutes in all."""

    name = "embedder-outage"
    needs = Needs(misleads_embedder=True)
    modes = (Mode.RATE_LIMITED, Mode.FAILING, Mode.NOT_JSON, Mode.TOO_FEW, Mode.NOT_A_NUMBER, Mode.SILENT)
    rounds = 1
    pause = 0.3

    def strike(self, scene: Scene, number: int) -> int:
        embeddings = scene.stage.embeddings
        hits = 0
        for mode in self.modes:
            before = embeddings.asked[mode]
            embeddings.mode = mode
            try:
                scene.edit(2)
                time.sleep((6.0 if self.is_short else _LONG_SECONDS) / len(self.modes))
                hits += bool(scene.pending()) and embeddings.asked[mode] - before
            finally:
                embeddings.mode = Mode.OK
        return hits


class Poison(Experiment):
    """One document in five hundred holds a text that the model refuses for ever."""

    name = "poison-document"
    needs = Needs(misleads_embedder=True)
    rounds = 1

    def strike(self, scene: Scene, number: int) -> int:
        count = 100 if self.is_short else 500
        key, before = f"bulk/{number}/poison", scene.stage.embeddings.poisoned
        texts = {f"bulk/{number}/{place}": text_of(scene.rng, paragraphs=1) for place in range(count - 1)}
        scene.poison.add(key)
        scene.writer.save_many({**texts, key: f"{text_of(scene.rng, paragraphs=1)} {POISON}"})
        scene.until(lambda: scene.stage.embeddings.poisoned > before, "A refusal of the poison")
        return scene.stage.embeddings.poisoned - before


class Deadly(Experiment):
    """A document kills whoever embeds it, each time."""

    name = "document-that-kills-its-worker"
    needs = Needs(misleads_embedder=True)
    rounds = 1
    pause = 0.5

    def strike(self, scene: Scene, number: int) -> int:
        key, before = f"deadly/{number}", len(scene.stage.embeddings.killed)
        scene.poison.add(key)
        scene.writer.save(key, f"{text_of(scene.rng, paragraphs=1)} {DEADLY}")
        scene.until(lambda: len(scene.stage.embeddings.killed) >= before + 2, "Two deaths", seconds=60)
        return len(scene.stage.embeddings.killed) - before


EXPERIMENTS = (Outage, Poison, Deadly)
