"""How everything ends: in order, whatever the programs think of it, and also when nobody is left to end it."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.vectorsite.stage import FOREVER, Clock, Stage, is_alive, python, wait_until
from vectorsite.supervisor import identity
from vectorsite.supervisor.exceptions import StartError
from vectorsite.supervisor.leftovers import end_leftovers
from vectorsite.supervisor.lock import site_lock
from vectorsite.supervisor.program import Program, StopStep

SAYS_GOODBYE = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit('goodbye'));"
    "print('up'); time.sleep(600)"
)
IGNORES = "import os, signal, time; signal.signal(signal.{0}, signal.SIG_IGN); print(os.getpid()); time.sleep(600)"


def test_a_signal_stops_the_last_started_first_and_the_exit_code_is_zero(tmp_path: Path) -> None:
    site = Stage(tmp_path, [Program(name=name, command=python(SAYS_GOODBYE)) for name in ("redis", "worker", "web")])
    site.until(lambda: site.count("| up") == 3)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert site.supervisor.run() == 0
    assert site.count("Stopping (SIGTERM); once more to kill at once.") == 1
    told = [line for line in site.lines if "goodbye" in line or "stopped" in line]
    assert told == [
        *("web    | goodbye", "site   | web stopped"),
        *("worker | goodbye", "site   | worker stopped"),
        *("redis  | goodbye", "site   | redis stopped"),
    ]
    assert not (tmp_path / "processes.json").exists()


def test_a_program_that_ignores_the_polite_signal_gets_the_firm_one_and_then_is_killed(tmp_path: Path) -> None:
    steps = (StopStep(signal.SIGTERM, 0.2), StopStep(signal.SIGQUIT, 0.2))
    site = Stage(
        tmp_path,
        [
            Program(name="deaf", command=python(IGNORES.format("SIGTERM")), stop=(StopStep(signal.SIGTERM, 0.2),)),
            Program(name="firm", command=python(IGNORES.format("SIGTERM")), stop=steps),
        ],
    )
    site.until(lambda: site.said("deaf   |") and site.said("firm   |"))
    pids = [site.pid_printed_by("deaf"), site.pid_printed_by("firm")]
    site.supervisor.request_stop("test")
    assert site.supervisor.run() == 0
    assert not any(map(is_alive, pids))


def test_asking_twice_kills_at_once_but_one_request_delivered_twice_does_not(tmp_path: Path) -> None:
    clock = Clock()
    patient = (StopStep(signal.SIGTERM, 3600),)
    site = Stage(tmp_path, [Program(name="deaf", command=python(IGNORES.format("SIGTERM")), stop=patient)], clock=clock)
    site.until_said("deaf   |")
    site.supervisor.request_stop("test")
    clock.now += 0.5
    site.supervisor.request_stop("test")
    for _ in range(10):
        site.supervisor.turn(0.02)
    assert is_alive(site.pid_printed_by("deaf"))
    clock.now += 1
    site.supervisor.request_stop("test")
    assert site.supervisor.run() == 1
    assert not is_alive(site.pid_printed_by("deaf"))


def test_nothing_is_restarted_while_stopping(tmp_path: Path) -> None:
    site = Stage(tmp_path, [Program(name="web", command=python("raise SystemExit(1)"))])
    site.until_said("web ended")
    starts = site.count("web started")
    site.supervisor.request_stop("test")
    assert site.supervisor.run() == 0
    assert site.count("web started") == starts


# A supervisor in a process of its own, so that it can be killed.
SUPERVISOR = """
import signal, sys
from pathlib import Path
from tests.vectorsite.stage import Stage, python
from vectorsite.supervisor.program import Program, StopStep
stop = (StopStep(signal.SIGTERM, 0.5),)
store, worker = (Program(name=n, command=python(c), stop=stop) for n, c in zip(("store", "worker"), sys.argv[2:]))
Stage(Path(sys.argv[1]), [store, worker]).supervisor.run()
"""
# It ignores what can be ignored, and its child has a session of its own.
STUBBORN_FAMILY = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "child = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)'],"
    " start_new_session=True); open('child', 'w').write(f'{child.pid}\\n'); time.sleep(600)"
)
WRITES_ON_SIGTERM = (
    "import pathlib, signal, sys, time;"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path('persisted').touch())); time.sleep(600)"
)


class Killed:
    """What a supervisor that was ended by SIGKILL has left behind."""

    def __init__(self, folder: Path, *, with_its_guard: bool) -> None:
        self.record = folder / "processes.json"
        supervisor = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(folder), WRITES_ON_SIGTERM, STUBBORN_FAMILY]
        )
        child = folder / "child"
        wait_until(lambda: child.exists() and child.read_text().endswith("\n"))
        processes = json.loads(self.record.read_text())["processes"]
        self.pids = [*(process["pid"] for process in processes), int(child.read_text())]
        guard = next(pid for pid in _children(supervisor.pid) if pid not in self.pids)
        for pid in [guard] * with_its_guard + [supervisor.pid]:
            os.kill(pid, signal.SIGKILL)
        supervisor.wait()


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def test_nothing_survives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    left = Killed(tmp_path, with_its_guard=False)
    wait_until(lambda: not any(map(is_alive, left.pids)))
    assert (tmp_path / "persisted").exists()
    assert "Ending what an earlier run left behind: store" in (tmp_path / "log" / "guard.log").read_text()


def test_what_survives_a_killed_supervisor_and_its_guard_is_ended_by_the_next_start(tmp_path: Path) -> None:
    left = Killed(tmp_path, with_its_guard=True)
    assert all(map(is_alive, left.pids))
    said: list[str] = []
    end_leftovers(left.record, say=said.append)
    assert not any(map(is_alive, left.pids))
    assert said == [
        f"Ending what an earlier run left behind: store (pid {left.pids[0]}), worker (pid {left.pids[1]}), 1 other"
    ]


def test_a_process_that_has_merely_got_a_recorded_pid_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(python(FOREVER)) as stranger:
        record = tmp_path / "processes.json"
        recorded = {"name": "redis", "pid": stranger.pid, "started": "another boot/1", "signal": 15, "patience": 1}
        record.write_text(json.dumps({"mark": "0123456789abcdef", "processes": [recorded]}))
        end_leftovers(record, say=pytest.fail)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("content", ["", "[]", '{"mark": "x", "processes": [1]}'])
def test_a_damaged_record_is_said_and_ignored(tmp_path: Path, content: str) -> None:
    record = tmp_path / "processes.json"
    record.write_text(content)
    said: list[str] = []
    end_leftovers(record, say=said.append)
    assert len(said) == 1
    assert said[0].startswith(f"{record} is damaged and is ignored: ")


def test_a_process_is_known_by_pid_and_start_and_gone_when_it_is_dead() -> None:
    with subprocess.Popen(python(FOREVER)) as process:
        stamp = identity.started(process.pid)
        assert stamp
        assert stamp == identity.started(process.pid)
        assert stamp != identity.started(os.getpid())
        process.kill()
        wait_until(lambda: identity.started(process.pid) is None)  # a zombie until the end of the block
    assert identity.started(process.pid) is None


@pytest.mark.slow
def test_a_second_site_on_the_same_folder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with site_lock(tmp_path), pytest.raises(StartError) as refusal, site_lock(tmp_path):
        pytest.fail("two sites hold one folder")
    assert str(refusal.value) == (
        f"The site in {tmp_path} already runs as process {os.getpid()}. "
        "Stop it first, or set VAR_DIR to another folder for a second site."
    )
    with site_lock(tmp_path):
        pass  # free again
