"""What is made before anything starts: folders and both databases."""

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
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
        self.started: list[subprocess.Popen[bytes]] = []
        self._layout, self._code = layout, code

    def __call__(self, name: str, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        self.names.append(name)
        database = {"airflow": self._layout.database, "mlflow": self._layout.store}[name]
        assert database is not None
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database)) as made:
            made.execute("CREATE TABLE IF NOT EXISTS made (here TEXT)")
        (self._layout.logs / f"{name}.log").write_text("no space left on device\n")
        self.started.append(subprocess.Popen(["sh", "-c", f"exit {self._code}"]))
        return self.started[-1]


def prepare(layout: Layout, spawn: Spawned) -> None:
    """As `stack.running` does it, all of it."""
    try:
        for one in preparation.prepare(layout, spawn):
            one.finish()
    finally:
        for process in spawn.started:
            process.wait()


def test_databases_are_made_once_and_again_when_they_or_the_version_changed(layout: Layout) -> None:
    def due() -> list[str]:
        spawn = Spawned(layout)
        prepare(layout, spawn)
        return spawn.names

    assert due() == ["airflow", "mlflow"]
    assert due() == []
    layout.database.unlink()
    assert due() == ["airflow"]
    layout.store.with_suffix(".ready").write_text("mlflow 1.0")
    assert due() == ["mlflow"]


@pytest.fixture
def another(layout: Layout, tmp_path: Path) -> Callable[[str], Layout]:
    """`another("b")`: the layout of another folder of the same user."""

    def make(name: str) -> Layout:
        made = Layout.of({"SHOTCLOCK_HOME": str(tmp_path / name), "XDG_CACHE_HOME": str(tmp_path / "cache")})
        made.make_folders()
        return made

    return make


def made_by(layout: Layout) -> list[str]:
    spawn = Spawned(layout)
    prepare(layout, spawn)
    return spawn.names


def test_in_another_folder_airflows_database_begins_as_a_copy_of_the_first(another: Callable[[str], Layout]) -> None:
    first, second = another("a"), another("b")
    assert made_by(first) == ["airflow", "mlflow"]
    with closing(sqlite3.connect(first.database)) as used:  # what is written later is the first folder's own
        used.execute("INSERT INTO made VALUES ('a')")
        used.commit()
    assert made_by(second) == ["mlflow"]
    assert made_by(second) == []
    with closing(sqlite3.connect(second.database)) as database:
        assert database.execute("SELECT * FROM made").fetchall() == []


def test_a_database_that_was_in_use_before_is_no_template(another: Callable[[str], Layout]) -> None:
    first, second = another("a"), another("b")
    first.database.touch()
    assert made_by(first) == made_by(second) == ["airflow", "mlflow"]


def test_of_other_settings_another_template_is_made(another: Callable[[str], Layout], tmp_path: Path) -> None:
    assert made_by(another("a")) == ["airflow", "mlflow"]
    (tmp_path / "common.env").write_text("AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT=1\n")
    assert made_by(replace(another("b"), config=tmp_path)) == ["airflow", "mlflow"]


def test_where_nothing_can_be_kept_each_folder_makes_its_own_and_it_is_said(
    another: Callable[[str], Layout], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("a file")
    assert made_by(another("a")) == made_by(another("b")) == ["airflow", "mlflow"]
    assert "Airflow's database is kept for no other folder" in "".join(capsys.readouterr())


def test_only_a_new_store_may_be_made_while_airflow_starts(layout: Layout) -> None:
    (new,) = preparation.prepare(layout, Spawned(layout))
    assert (new.step.database, new.step.is_done()) == (layout.store, False)
    new.finish()
    assert new.step.is_done()
    new.step.stamp.write_text("mlflow 1.0")
    assert preparation.prepare(layout, Spawned(layout)) == []
    assert new.step.is_done()


def test_airflow_writes_no_settings_into_a_file(layout: Layout) -> None:
    prepare(layout, Spawned(layout))
    assert (layout.airflow / "airflow.cfg").read_text().startswith("# ")
    (layout.airflow / "airflow.cfg").write_text("[core]\n")
    prepare(layout, Spawned(layout))
    assert (layout.airflow / "airflow.cfg").read_text() == "[core]\n"


def test_a_failed_preparation_shows_its_log_and_is_tried_again(layout: Layout) -> None:
    with pytest.raises(
        LaunchError, match=r"Airflow's database could not be made ready:\nno space left on device\n.*airflow.log"
    ):
        prepare(layout, Spawned(layout, code=1))
    again = Spawned(layout)
    prepare(layout, again)
    assert again.names == ["airflow", "mlflow"]


def test_the_store_of_a_server_is_left_to_the_server(tmp_path: Path) -> None:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "http://mlflow:5000"})
    layout.make_folders()
    spawn = Spawned(layout)
    prepare(layout, spawn)
    assert spawn.names == ["airflow"]
