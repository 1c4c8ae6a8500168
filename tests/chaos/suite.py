"""The command: which experiments are run, on which sites, and what is reported."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.chaos.experiment import Experiment, Outcome, run
from tests.chaos.experiments import EXPERIMENTS
from tests.chaos.stage import POSTGRESQL, SQLITE, Needs, Template, postgresql, running_stage
from tests.site_process import REPOSITORY

REPORTS = REPOSITORY / "var" / "reports"
# Which experiment notices that a safeguard is missing.
CAUGHT_BY = {
    "token-check": "worker-stopped-past-its-lease",
    "generation-check": "generation-raised-during-upsert",
    "tombstone-grace": "workers-killed-before-upsert",
    "live-filter": "two-hundred-edits",
    "anti-join": "ledger-entries-lost",
    "commit-before-bell": "writer-killed-between-commit-and-bell",
}
# The short form: what is run on each database, besides every sabotage.
SHORT = {
    SQLITE: ("workers-killed-after-upsert", "answer-swallowed", "delete-during-upsert", "redis-flushed"),
    POSTGRESQL: ("workers-killed-during-upsert", "delete-during-upsert"),
}
_SABOTAGED_ROUNDS = 3


class Lanes:
    """Where sites are run, and what comes of it: every outcome is said and reported as soon as it is known."""

    def __init__(self, folder: Path, server: str, report: Path, *, is_short: bool) -> None:
        self.outcomes: list[Outcome] = []
        self._folder = folder
        self._server = server
        self._report = report
        self._is_short = is_short
        self._template = Template(folder)

    def run(self, kinds: Sequence[type[Experiment]], needs: Needs, database: str, rounds: int | None) -> None:
        """Run experiments on one site of these needs, one after the other."""
        place = Path(tempfile.mkdtemp(prefix=f"{database}-", dir=self._folder))
        server = self._server if database == POSTGRESQL else ""
        with running_stage(place, needs, self._template, server=server) as stage:
            for kind in kinds:
                kept = f"{needs.sabotage or kind.name}-{database}"
                chosen = rounds or (1 if self._is_short else kind.rounds)
                outcome = run(kind(is_short=self._is_short), stage, REPORTS / "chaos" / kept, rounds=chosen)
                outcome.sabotage = needs.sabotage
                self.outcomes.append(outcome)
                say(outcome.as_line())
                write_report(self._report, self.outcomes)


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; 0 when all was run and nothing was violated, or when each sabotage was noticed."""
    options = _options(arguments)
    databases = (SQLITE, POSTGRESQL) if options.database == "both" else (options.database,)
    if options.sabotage:
        return _verdict(run_sabotaged([options.sabotage], databases[:1], rounds=options.rounds))
    if options.short and not options.only:
        return _verdict(run_short(databases))
    chosen = [EXPERIMENTS[name] for name in options.only or EXPERIMENTS]
    with _lanes("chaos.json", databases, is_short=options.short) as lanes:
        for database in databases:
            for needs, group in _by_needs(kind for kind in chosen if database in kind.databases).items():
                lanes.run(group, needs, database, options.rounds)
    return _verdict(lanes.outcomes)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Faults at exact moments, on real sites."
    )
    parser.add_argument("--rounds", type=int, help="how often each fault is made; each experiment has its own default")
    parser.add_argument("--only", nargs="+", choices=sorted(EXPERIMENTS), metavar="NAME", help="these experiments")
    parser.add_argument("--sabotage", choices=sorted(CAUGHT_BY), metavar="NAME", help="run without this safeguard")
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL, "both"], default="both")
    parser.add_argument("--short", action="store_true", help="a few experiments, one round each, and every sabotage")
    return parser.parse_args(arguments)


def run_sabotaged(names: Sequence[str], databases: Sequence[str], *, rounds: int | None = None) -> list[Outcome]:
    """Run the experiment that is to notice each sabotage, until it does."""
    with _lanes("chaos-sabotage.json", databases, is_short=True) as lanes:
        for name in names:
            _sabotage(lanes, name, databases[0], rounds)
    return lanes.outcomes


def run_short(databases: Sequence[str]) -> list[Outcome]:
    """Run the short form, two sites at a time."""
    with _lanes("chaos-short.json", databases, is_short=True) as lanes, ThreadPoolExecutor(2) as pool:
        jobs: list[Callable[[], None]] = [
            lambda needs=needs, group=group, database=database: lanes.run(group, needs, database, None)  # type: ignore[misc]
            for database in databases
            for needs, group in _by_needs(EXPERIMENTS[name] for name in SHORT[database]).items()
        ]
        jobs += [lambda name=name: _sabotage(lanes, name, databases[0], None) for name in CAUGHT_BY]  # type: ignore[misc]
        for future in [pool.submit(job) for job in jobs]:
            future.result()
    return lanes.outcomes


def _sabotage(lanes: Lanes, name: str, database: str, rounds: int | None) -> None:
    kind = EXPERIMENTS[CAUGHT_BY[name]]
    lanes.run([kind], replace(kind.needs, sabotage=name), database, rounds or _SABOTAGED_ROUNDS)


@contextmanager
def _lanes(report: str, databases: Sequence[str], *, is_short: bool) -> Iterator[Lanes]:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        if POSTGRESQL in databases:
            with postgresql(folder / "pg") as server:
                yield Lanes(folder, server, REPORTS / report, is_short=is_short)
        else:
            yield Lanes(folder, "", REPORTS / report, is_short=is_short)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _by_needs(experiments: Iterable[type[Experiment]]) -> dict[Needs, list[type[Experiment]]]:
    groups: dict[Needs, list[type[Experiment]]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.needs, []).append(experiment)
    return groups


def _verdict(outcomes: Sequence[Outcome]) -> int:
    bad = [outcome.title for outcome in outcomes if not outcome.is_as_it_should_be]
    say(f"{len(outcomes) - len(bad)} of {len(outcomes)} as they should be.{' Not so: ' if bad else ''}{', '.join(bad)}")
    return 1 if bad or not outcomes else 0


def write_report(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the report of what has been run so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    experiments = {outcome.title: outcome.as_json() for outcome in outcomes}
    path.write_text(json.dumps({"experiments": experiments}, indent=2, ensure_ascii=False) + "\n")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
