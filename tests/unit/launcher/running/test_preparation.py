"""What is made before anything starts: folders and both databases."""

import subprocess
from pathlib import Path

import pytest

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import preparation


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
