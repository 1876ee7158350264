"""The launcher's part of `shotclock doctor`, beside a stack that runs, that has ended, and that left something behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shotclock_launcher.doctor import checks
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import lock, processes
from shotclock_launcher.running.preparation import preparations


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """An empty home with two ports that are free."""
    with socket.socket() as first, socket.socket() as second:
        for listener in (first, second):
            listener.bind(("127.0.0.1", 0))
        ports = [str(listener.getsockname()[1]) for listener in (first, second)]
    monkeypatch.setenv("SHOTCLOCK_HOME", str(tmp_path))
    monkeypatch.setenv("SHOTCLOCK_PORT", ports[0])
    monkeypatch.setenv("SHOTCLOCK_MLFLOW_PORT", ports[1])
    return Layout.of()


def states() -> dict[str, str]:
    return {finding.what: finding.state for finding in checks()}


def test_before_the_first_start_all_is_well_and_nothing_is_made(layout: Layout) -> None:
    found = states()
    assert set(found.values()) == {"ok"}
    assert list(found) == ["stack", f"port {layout.port}", f"port {layout.mlflow_port}", "Airflow's database"]
    assert list(layout.settings.home.iterdir()) == []


def test_a_port_in_use_is_broken_with_the_setting_that_changes_it(layout: Layout) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", layout.port))
        listener.listen()
        found = next(finding for finding in checks() if finding.what == f"port {layout.port}")
    assert found.state == "broken"
    assert f"(pid {os.getpid()})" in found.found
    assert "SHOTCLOCK_PORT" in found.remedy


def test_a_port_that_is_none_is_broken(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOTCLOCK_PORT", "80")
    (found,) = checks()
    assert (found.state, found.what) == ("broken", "ports")


def test_a_stack_that_runs_may_hold_its_ports_and_keeps_its_lock(layout: Layout) -> None:
    command = [sys.executable, "-m", "shotclock_launcher.running.lock", str(layout.lock)]
    with lock.only_one(layout.lock, "mine"), socket.socket() as listener:
        listener.bind(("127.0.0.1", layout.port))
        listener.listen()
        assert states() == {"stack": "ok", "Airflow's database": "ok"}
        assert f"running (pid {os.getpid()})" in next(iter(checks())).found
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    assert states()["stack"] == "ok"


def test_processes_that_a_start_left_behind_are_named(layout: Layout) -> None:
    with lock.only_one(layout.lock, "crashed-one"):
        pass
    sleeper = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    environment = os.environ | {processes.MARKER: "crashed-one"}
    with subprocess.Popen(sleeper, env=environment, stdout=subprocess.PIPE) as left:
        try:
            assert left.stdout and left.stdout.readline()
            found = next(iter(checks()))
        finally:
            left.kill()
    assert found.state == "warning"
    assert f"1 processes of an ended start: {left.pid}" in found.found
    assert f"kill {left.pid}" in found.remedy


def test_a_database_of_another_version_is_a_warning(layout: Layout) -> None:
    layout.make_folders()
    layout.database.write_text("")
    assert states()["Airflow's database"] == "warning"
    preparations(layout)[0].mark_done()
    assert states()["Airflow's database"] == "ok"
