"""What is checked and made before anything starts: ports, the lock, both databases. And how a task's log is shown."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotclock_launcher import lock, ports, preparation, task_log
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.follow import Task
from shotclock_launcher.layout import Layout
from shotclock_launcher.services import dashboard_service
from shotclock_launcher.stack import running


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout.of({"SHOTCLOCK_HOME": str(tmp_path)})
    found.make_folders()
    return found


def test_a_port_in_use_is_named_with_its_holder_and_the_remedy(taken: int) -> None:
    with pytest.raises(LaunchError) as error:
        ports.check_free("Airflow UI", taken, "SHOTCLOCK_PORT")
    for part in (f"port {taken}", "Airflow UI", f"(pid {os.getpid()})", "SHOTCLOCK_PORT="):
        assert part in str(error.value)


def test_a_port_that_was_just_left_is_free(taken: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    ports.check_free("Airflow UI", port, "SHOTCLOCK_PORT")


def test_a_dashboards_port_in_use_is_named_before_anything_starts(taken: int, tmp_path: Path) -> None:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_DASHBOARD_PORT": str(taken)})
    with (
        pytest.raises(
            LaunchError, match=rf"port {taken}, which the dashboard needs.*SHOTCLOCK_DASHBOARD_PORT="
        ) as error,
        running(dataclasses.replace(layout, port=free()), dashboard=True),
    ):
        pytest.fail("it must not start")
    assert f"(pid {os.getpid()})" in str(error.value)


def free() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_dashboard_listens_on_this_machine_only_and_starts_from_a_script_that_is_there(layout: Layout) -> None:
    command = dashboard_service(layout).command
    assert command[command.index("--server.address") + 1] == "127.0.0.1"
    assert command[command.index("--server.port") + 1] == "8501"
    assert Path(command[command.index("run") + 1]).is_file()


def test_a_second_stack_is_refused_by_the_first_ones_pid(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"
    with lock.only_one(file, "first"):
        command = [sys.executable, "-m", "shotclock_launcher.lock", str(file)]
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"already running in this folder (pid {os.getpid()})" in second.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_the_next_stack_learns_which_one_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "var" / "stack.lock"
    for before, name in [(None, "first"), ("first", "second"), ("second", "third")]:
        with lock.only_one(file, name) as found:
            assert found == before


def test_a_damaged_lock_file_stops_nobody(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"
    file.write_text("{")
    with lock.only_one(file, "first") as before:
        assert before is None


def test_only_the_owner_may_look_into_airflows_folder(layout: Layout) -> None:
    assert layout.airflow.stat().st_mode & 0o077 == 0


class Spawned:
    """Notes what is spawned, makes its database, and ends with `code`."""

    def __init__(self, layout: Layout, code: int = 0) -> None:
        self.names: list[str] = []
        self._layout, self._code = layout, code

    def __call__(self, name: str, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        self.names.append(name)
        database = {"airflow": self._layout.database, "mlflow": self._layout.store}[name]
        assert database is not None
        database.parent.mkdir(parents=True, exist_ok=True)
        database.touch()
        (self._layout.logs / f"{name}.log").write_text("no space left on device\n")
        return subprocess.Popen(["sh", "-c", f"exit {self._code}"])


def test_databases_are_made_once_and_again_when_they_or_the_version_changed(layout: Layout) -> None:
    def due() -> list[str]:
        spawn = Spawned(layout)
        preparation.prepare(layout, spawn)
        return spawn.names

    assert due() == ["airflow", "mlflow"]
    assert due() == []
    layout.database.unlink()
    assert due() == ["airflow"]
    layout.store.with_suffix(".ready").write_text("mlflow 1.0")
    assert due() == ["mlflow"]


def test_a_failed_preparation_shows_its_log_and_is_tried_again(layout: Layout) -> None:
    with pytest.raises(
        LaunchError, match=r"Airflow's database could not be made ready:\nno space left on device\n.*airflow.log"
    ):
        preparation.prepare(layout, Spawned(layout, code=1))
    again = Spawned(layout)
    preparation.prepare(layout, again)
    assert again.names == ["airflow", "mlflow"]


def test_the_store_of_a_server_is_left_to_the_server(tmp_path: Path) -> None:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "http://mlflow:5000"})
    layout.make_folders()
    spawn = Spawned(layout)
    preparation.prepare(layout, spawn)
    assert spawn.names == ["airflow"]


def failed(map_index: int = -1) -> Task:
    return Task("toy.training", "manual__1", "split", map_index, "split", "failed", 2, 1.0)


def test_a_failed_tasks_log_ends_with_its_error_and_its_address(layout: Layout) -> None:
    log = task_log.path(layout, failed(map_index=3))
    assert log.relative_to(layout.task_logs).as_posix() == (
        "dag_id=toy.training/run_id=manual__1/task_id=split/map_index=3/attempt=2.log"
    )
    log.parent.mkdir(parents=True)
    error = {"exc_type": "ContractError", "exc_value": "dev.parquet: column 'lat'\nis missing", "frames": []}
    entries = [{"level": "info", "event": f"line {i}"} for i in range(99)]
    entries.append({"level": "error", "event": "Task failed", "error_detail": [error]})
    log.write_text("\n".join([*(json.dumps(entry) for entry in entries), "not JSON"]))
    lines = task_log.tail(layout, failed(map_index=3), lines=5).splitlines()
    assert lines == [
        "[info] line 98",
        "[error] Task failed",
        "ContractError: dev.parquet: column 'lat'",
        "is missing",
        "not JSON",
        f"all of it: {log}",
    ]


def test_a_task_without_a_log_says_where_it_was_looked_for(layout: Layout) -> None:
    assert str(task_log.path(layout, failed())) in task_log.tail(layout, failed())
