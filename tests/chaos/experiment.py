"""What an experiment is, and how one is run to its end."""

import shutil
import time
import traceback
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.chaos.faults.holds import NothingHeld
from tests.chaos.scene import Scene
from tests.chaos.stage import POSTGRESQL, SQLITE, Needs, Stage

LONGEST_RECOVERY = 120.0
_SABOTAGED_RECOVERY = 8.0
_MOST_DETAILS = 20
_SHORT_DOCUMENTS = 20
BROKE_OFF = "broke off"


class Experiment(ABC):
    """One kind of fault. `strike` makes it once and returns how much in flight it hit; nothing hit means not run."""

    name: ClassVar[str]
    needs: ClassVar[Needs] = Needs()
    documents: ClassVar[int] = 40
    """How many documents there are before anything is done."""
    writers: ClassVar[int] = 1
    """How many processes write meanwhile."""
    pause: ClassVar[float] = 0.05
    bulk: ClassVar[int] = 1
    readers: ClassVar[int] = 2
    rounds: ClassVar[int] = 3
    """Rounds of the long form, unless it is told otherwise."""
    databases: ClassVar[tuple[str, ...]] = (SQLITE, POSTGRESQL)
    writes_late: ClassVar[bool] = False
    """Whether ids come to the store after their first removal: then only the second one brings it in step."""

    def __init__(self, *, is_short: bool = False) -> None:
        self.is_short = is_short

    @abstractmethod
    def strike(self, scene: Scene, number: int) -> int:
        """Make the fault for the time `number` (from 0) and undo what the site cannot; return the hits."""


@dataclass(slots=True)
class Outcome:
    """What became of an experiment."""

    name: str
    database: str
    rounds: int
    faults: int = 0
    violations: list[str] = field(default_factory=list)
    seconds_to_recover: float | None = None
    seconds: float = 0.0
    missed: str = ""
    answers: int = 0
    must_match: int = 0
    sabotage: str = ""

    @property
    def title(self) -> str:
        """Its name in reports, which tells the databases and sabotages apart."""
        parts = [part for part in (self.sabotage, self.database if self.database != SQLITE else "") if part]
        return f"{self.name} ({', '.join(parts)})" if parts else self.name

    @property
    def is_as_it_should_be(self) -> bool:
        """Nothing wrong; or, without a safeguard, that noticed."""
        return self.is_caught if self.sabotage else self.is_good

    @property
    def was_run(self) -> bool:
        return self.faults > 0

    @property
    def is_good(self) -> bool:
        return self.was_run and not self.violations

    @property
    def is_caught(self) -> bool:
        """Whether a sabotage was noticed: something was hit, and rules were broken by it."""
        return self.was_run and any(not found.startswith(BROKE_OFF) for found in self.violations)

    def as_json(self) -> dict[str, Any]:
        recovered = self.seconds_to_recover
        return {
            "database": self.database,
            "rounds": self.rounds,
            "faults": self.faults,
            "violations": len(self.violations),
            "seconds_to_recover": round(recovered, 2) if recovered is not None else None,
            "was_run": self.was_run,
            "details": self.violations[:_MOST_DETAILS] + ([self.missed] if self.missed else []),
            "answers": self.answers,
            "answers_that_had_to_match": self.must_match,
        }

    def as_line(self) -> str:
        if self.sabotage:
            found = f"{self.sabotage} was noticed: {self.violations[0]}" if self.is_caught else "was NOT noticed"
            return f"{'caught' if self.is_caught else 'BLIND':9}{self.title}: {found} ({self.seconds:.0f} s)"
        state = "ok" if self.is_good else "NOT RUN" if not self.was_run else "VIOLATED"
        recovered = "-" if self.seconds_to_recover is None else f"{self.seconds_to_recover:.1f} s"
        return (
            f"{state:9}{self.name:38}{self.database:11}{self.rounds:4} rounds {self.faults:6} hit "
            f"{len(self.violations):4} violations, at rest after {recovered}, {self.answers} answers "
            f"({self.must_match} had to match), {self.seconds:.0f} s"
        )


def run(experiment: Experiment, stage: Stage, folder: Path, *, rounds: int, seed: int = 1) -> Outcome:
    """Run an experiment on a stage of its needs; keep its journal in `folder` unless all was well."""
    shutil.rmtree(folder, ignore_errors=True)
    outcome = Outcome(experiment.name, stage.database_name, rounds)
    start = time.monotonic()
    try:
        with Scene(stage, folder, seed=seed) as scene:
            scene.fill(min(experiment.documents, _SHORT_DOCUMENTS) if experiment.is_short else experiment.documents)
            scene.read(experiment.readers)
            if experiment.writers:
                scene.write(writers=experiment.writers, pause=experiment.pause, bulk=experiment.bulk)
            for number in range(rounds):
                _strike(experiment, scene, number, outcome)
                if stage.needs.sabotage and scene.is_violated(_SABOTAGED_RECOVERY):
                    break
            scene.end_load()
            if not stage.needs.sabotage:
                waits = experiment.writes_late or not experiment.is_short
                outcome.seconds_to_recover = scene.examine(LONGEST_RECOVERY, waits_for_grace=waits)
            outcome.violations = scene.violations
            outcome.answers, outcome.must_match = len(scene.journal.answers), scene.examiner.must_match
    except Exception:  # noqa: BLE001 - an experiment that breaks off is a failed one, and the next one is to be run
        outcome.violations.append(f"{BROKE_OFF}: {traceback.format_exc(limit=-4)}")
    outcome.seconds = time.monotonic() - start
    _keep(outcome, stage, folder)
    return outcome


def _strike(experiment: Experiment, scene: Scene, number: int, outcome: Outcome) -> None:
    try:
        outcome.faults += experiment.strike(scene, number)
    except NothingHeld as nothing:
        outcome.missed = str(nothing)
    scene.examine_answers()


def _keep(outcome: Outcome, stage: Stage, folder: Path) -> None:
    """Keep journal and logs of what was not well."""
    if outcome.is_good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "violations.txt").write_text("\n".join([*outcome.violations, outcome.missed]))
        shutil.copy(stage.site.terminal, folder / "site.log")
        for log in (stage.folder / "chroma.log", stage.folder / "redis" / "redis.log"):
            if log.exists():
                shutil.copy(log, folder)
