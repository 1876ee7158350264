"""Processes of a stack: found by the mark that they carry, all of them ended, nobody else touched."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials, processes
from shotclock_launcher.running.environment import airflow_environment

FORKS = """
    import os, time
    from setproctitle import setproctitle
    for generation in range(2):
        if os.fork() == 0 and generation == 0:
            os.setsid()
    setproctitle("a worker with a title that is much longer than the command it was started with " * 20)
    time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.fixture
def stack() -> Iterator[str]:
    name = uuid.uuid4().hex
    yield name
    processes.end(name, patience=0)


@pytest.fixture
def start(stack: str, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path)})
    env = airflow_environment(layout, credentials.Keys("j", "a", "f"))
    started = []

    def run(code: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", textwrap.dedent(code)]
        started.append(processes.spawn(command, env, tmp_path / "out.log", stack, tmp_path))
        return started[-1]

    yield run
    processes.end(stack, patience=0)
    for process in started:
        process.wait()


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def test_forked_and_renamed_processes_in_other_sessions_are_found_and_ended(stack, start) -> None:
    leader = start(FORKS)
    titled = lambda: [p for p in processes.members(stack) if "a worker with a title" in " ".join(p.cmdline())]  # noqa: E731
    assert eventually(lambda: len(titled()) == 4)
    assert len({os.getsid(process.pid) for process in titled()}) == 2
    assert processes.end(stack) == 4
    assert processes.members(stack) == []
    leader.wait()


def test_a_process_that_ignores_sigterm_is_killed_when_patience_ends(stack, start) -> None:
    process = start(STUBBORN)
    assert eventually(lambda: "signal.SIG_IGN" in " ".join(psutil.Process(process.pid).cmdline()))
    time.sleep(0.5)  # until it ignores the signal
    processes.end(stack, patience=0.3)
    assert process.wait() == -signal.SIGKILL


def test_other_processes_are_not_touched(stack, start) -> None:
    with subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARKER: "another stack"}) as other:
        start("import time; time.sleep(60)")
        processes.end(stack)
        assert other.poll() is None
        other.kill()


def test_ending_a_stack_without_processes_is_no_error() -> None:
    assert processes.end(uuid.uuid4().hex) == 0


def test_the_guardian_ends_the_stack_of_a_launcher_that_was_killed(stack: str, tmp_path: Path) -> None:
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
            import sys, time
            from pathlib import Path
            from shotclock_launcher.running import processes
            from shotclock_launcher.running.guardian import Guardian
            guardian = Guardian("{stack}", Path("{tmp_path}/guardian.log"))
            for _ in range(2):
                processes.spawn(["sleep", "60"], {{}}, Path("{tmp_path}/out.log"), "{stack}", Path("/"))
            print("started", flush=True)
            time.sleep(60)
        """),
        ],
        stdout=subprocess.PIPE,
    )
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"started\n"
    assert eventually(lambda: len(processes.members(stack)) == 2)
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    assert eventually(lambda: processes.members(stack) == [])
