"""The loop: what it starts, when it starts it again, and what it says of it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vectorsite.stage import FOREVER, Clock, Stage, is_alive, python, wait_until
from vectorsite.supervisor.program import Program, RestartPolicy

PRINTS_ITS_PID = f"import os; print(os.getpid()); {FOREVER}"

Staging = Callable[..., Stage]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Staging]:
    stages: list[Stage] = []

    def build(*programs: Program, **options: object) -> Stage:
        stages.append(Stage(tmp_path, programs, **options))  # type: ignore[arg-type]
        return stages[-1]

    yield build
    for each in stages:
        each.end()


def test_the_output_of_all_programs_is_merged_under_their_names_and_kept_in_a_file_each(
    stage: Staging, tmp_path: Path
) -> None:
    in_parts = "import sys, time; w = sys.stdout.write; w('one '); time.sleep(0.1); w('line\\n\\x1b[31mred\\x1b[0m')"
    site = stage(
        Program(name="a", command=python(in_parts), once=True),
        Program(name="b", command=python("import sys; print('to stderr', file=sys.stderr)"), once=True),
    )
    site.until(lambda: site.said("a finished") and site.said("b finished"))
    assert [line for line in site.lines if line.startswith("a ")] == ["a      | one line", "a      | red"]
    assert [line for line in site.lines if line.startswith("b ")] == ["b      | to stderr"]
    assert (tmp_path / "log" / "a.log").read_text() == "one line\nred\n"
    assert (tmp_path / "log" / "b.log").read_text() == "to stderr\n"


def test_a_program_that_ends_is_started_again_after_a_growing_delay_and_the_reason_is_said(stage: Staging) -> None:
    clock = Clock()
    site = stage(Program(name="web", command=python("raise SystemExit(3)")), policy=RestartPolicy(), clock=clock)
    for run, delay in enumerate([1, 2, 4, 8], start=1):
        site.until_said("web ended (exit code 3)", times=run)
        assert site.said(f"web ended (exit code 3); starting it again in {delay} s")
        clock.now += delay - 0.01
        site.supervisor.turn(0)
        assert site.count("web started") == run
        clock.now += 0.02
        site.supervisor.turn(0)
        assert site.count("web started") == run + 1


def test_the_delay_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy(first=1, longest=30)
    assert [policy.delay(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 5000)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_health_makes_earlier_failures_forgotten(stage: Staging) -> None:
    clock = Clock()
    site = stage(Program(name="web", command=python(PRINTS_ITS_PID)), policy=RestartPolicy(), clock=clock)
    for run, seconds in enumerate([1, 1, 60], start=1):
        site.until_said("web    |", times=run)
        clock.now += seconds
        os.kill(site.pid_printed_by("web"), signal.SIGKILL)
        site.until_said("web ended (killed by SIGKILL)", times=run)
        clock.now += 10
    assert [line.rpartition(" in ")[2] for line in site.lines if "again in" in line] == ["1 s", "2 s", "1 s"]


def test_a_program_that_cannot_be_started_is_reported_with_its_last_lines_and_the_others_run_on(stage: Staging) -> None:
    site = stage(
        Program(name="good", command=python(PRINTS_ITS_PID)),
        Program(name="bad", command=python("print('what is wrong'); raise SystemExit(1)")),
        Program(name="late", command=python(PRINTS_ITS_PID), after=("bad",)),
    )
    site.until_said("bad CANNOT BE STARTED: it ended 3 times in a row, last with exit code 1")
    alarm = next(i for i, line in enumerate(site.lines) if "CANNOT BE STARTED" in line)
    assert site.lines[alarm + 1] == "site   |     what is wrong"
    site.until_said("late   |")
    site.until_said("bad started", times=5)
    assert is_alive(site.pid_printed_by("good"))
    assert site.count("good started") == 1
    assert site.count("CANNOT BE STARTED") == 1


def test_a_command_that_does_not_exist_is_named(stage: Staging) -> None:
    site = stage(Program(name="redis", command=("no-such-server", "--port", "1")))
    said = "redis ended (no-such-server cannot be run: No such file or directory); starting it again"
    site.until_said(said)
    assert site.count(said) == 1


def test_a_program_waits_until_those_before_it_answer_and_the_greeting_is_printed_once(
    stage: Staging, tmp_path: Path
) -> None:
    site = stage(
        Program(
            name="store",
            command=python(PRINTS_ITS_PID),
            answers=(tmp_path / "answers").exists,
            greeting=("The store is ready: here",),
        ),
        Program(name="web", command=python(FOREVER), after=("store",)),
        policy=RestartPolicy(first=0.01, patience=60),
    )
    site.until_said("store  |")
    site.supervisor.turn(0.3)
    assert not site.said("web started")
    (tmp_path / "answers").touch()
    site.until_said("web started")
    os.kill(site.pid_printed_by("store"), signal.SIGKILL)
    site.until_said("store  |", times=2)
    site.supervisor.turn(0.3)
    assert site.count("The store is ready: here") == 1
    assert "The store is ready: here" in site.terminal.getvalue().splitlines()


def test_others_do_not_wait_for_ever_for_a_program_that_never_answers(stage: Staging) -> None:
    site = stage(
        Program(name="store", command=python(FOREVER), answers=lambda: False),
        Program(name="web", command=python(FOREVER), after=("store",)),
    )
    site.until_said("web started")
    assert site.count("store runs but does not answer") == 1


def test_a_program_that_is_run_once_is_not_started_again_whether_it_succeeds_or_fails(stage: Staging) -> None:
    site = stage(
        Program(name="demo", command=python("print('imported')"), once=True),
        Program(name="import", command=python("raise SystemExit(4)"), once=True),
    )
    site.until(lambda: site.said("demo finished") and site.said("import failed (exit code 4)"))
    for _ in range(20):
        site.supervisor.turn(0.01)
    assert (site.count("demo started"), site.count("import started")) == (1, 1)


def test_what_a_program_has_started_dies_with_it(stage: Staging) -> None:
    # In a session of its own, which a signal to the program's process group does not reach.
    parent = (
        "import subprocess, sys;"
        f"print(subprocess.Popen([sys.executable, '-I', '-S', '-c', {FOREVER!r}], start_new_session=True).pid)"
    )
    site = stage(Program(name="worker", command=python(parent), once=True))
    site.until_said("worker finished")
    grandchild = site.pid_printed_by("worker")
    wait_until(lambda: not is_alive(grandchild))
    assert not is_alive(grandchild)


def test_a_program_that_closes_its_output_runs_on_and_costs_no_cpu(stage: Staging) -> None:
    site = stage(Program(name="quiet", command=python(f"import os; print('bye'); os.close(1); os.close(2); {FOREVER}")))
    site.until_said("bye")
    site.supervisor.turn(0.1)
    began = time.monotonic()
    site.supervisor.turn(0.3)
    assert time.monotonic() - began >= 0.3
    assert not site.said("quiet ended")


def test_a_terminal_that_goes_away_stops_nothing(stage: Staging, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as terminal:
        site = stage(Program(name="web", command=python("print('written'); raise SystemExit(1)")), terminal=terminal)
        log = tmp_path / "log" / "web.log"
        site.until(lambda: log.exists() and log.read_text().count("written") >= 3)
    assert log.read_text().count("written") >= 3


def test_a_log_file_that_cannot_be_written_is_said_once_and_stops_nothing(stage: Staging, tmp_path: Path) -> None:
    (tmp_path / "log" / "web.log").mkdir(parents=True)
    site = stage(Program(name="web", command=python("print('one'); print('two')"), once=True))
    site.until_said("web finished")
    assert site.count("web.log cannot be written: [Errno 21] Is a directory") == 1
    assert [line for line in site.lines if line.startswith("web    | t")] == ["web    | two"]


def test_a_disk_that_takes_no_record_of_the_processes_stops_nothing(stage: Staging, tmp_path: Path) -> None:
    (tmp_path / "processes.draft").mkdir()
    (tmp_path / "log" / "guard.log").mkdir(parents=True)
    site = stage(Program(name="web", command=python(PRINTS_ITS_PID)))
    site.until_said("web    |")
    assert site.count("processes.json cannot be written: [Errno 21] Is a directory") == 1
    assert site.count("The guard cannot be started: [Errno 21] Is a directory") >= 1
    assert is_alive(site.pid_printed_by("web"))


def test_a_program_that_stops_answering_is_killed_and_started_again(stage: Staging) -> None:
    clock, health = Clock(), {"answers": True}
    policy = RestartPolicy(first=0.01, silence=20.0)
    site = stage(
        Program(name="web", command=python(PRINTS_ITS_PID), answers=lambda: health["answers"]),
        policy=policy,
        clock=clock,
    )
    site.until(lambda: any(line.startswith("web ") and line.split("|")[1].strip().isdigit() for line in site.lines))
    pid = site.pid_printed_by("web")
    site.supervisor.turn(0)
    health["answers"] = False
    clock.now += 1000.0
    site.supervisor.turn(0)
    assert is_alive(pid), "one question after a long sleep is not a long silence"
    for _ in range(3):
        clock.now += 5.1
        site.supervisor.turn(0)
    site.until_said("web has not answered for 20 s; it is killed and started again.")
    health["answers"] = True
    site.until_said("web ended")
    clock.now += 1.0
    site.until_said("web started", times=2)
    assert not is_alive(pid)


def test_a_program_that_is_reported_as_stuck_is_killed_and_started_again(stage: Staging) -> None:
    clock, reports = Clock(), [True, False, False]
    site = stage(
        Program(name="chroma", command=python(PRINTS_ITS_PID), answers=lambda: True, is_stuck=reports.pop),
        policy=RestartPolicy(first=0.01),
        clock=clock,
    )
    site.until(lambda: any(line.startswith("chroma ") and line.split("|")[1].strip().isdigit() for line in site.lines))
    pid = site.pid_printed_by("chroma")
    for _ in range(6):
        clock.now += 5.1
        site.supervisor.turn(0.02)
        if not reports:
            break
    site.until_said("chroma hangs; it is killed and started again.")
    site.until_said("chroma ended")
    clock.now += 1.0
    site.until_said("chroma started", times=2)
    assert not is_alive(pid)
