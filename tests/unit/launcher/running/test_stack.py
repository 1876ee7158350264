"""What is checked before anything starts: the ports of all that is wanted."""

import dataclasses
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials, ports
from shotclock_launcher.running.services import dashboard_service
from shotclock_launcher.running.stack import running


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


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
    command = dashboard_service(layout, credentials.Login("admin", "x")).command
    assert command[command.index("--server.address") + 1] == "127.0.0.1"
    assert command[command.index("--server.port") + 1] == "8501"
    assert Path(command[command.index("run") + 1]).is_file()
