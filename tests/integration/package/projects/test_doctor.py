"""What the doctor finds of a project, its files and the store: each fault has a remedy, and looking changes nothing."""

import sqlite3
from contextlib import closing

import pytest

from shotclock import config
from shotclock.config import settings
from shotclock.projects import doctor
from shotclock.store.server import database


def by_state(found):
    return {finding.what: finding.state for finding in found}


def test_little_room_is_a_warning_and_none_is_broken(at, monkeypatch):
    at("empty")
    usage = type("Usage", (), {})()
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    for free, state in ((1e10, "ok"), (1e9, "warning"), (1e8, "broken")):
        usage.free = free
        assert set(by_state(doctor.space()).values()) == {state}


def test_code_that_nobody_may_write_to_is_sound_as_long_as_runs_may_write(at, monkeypatch):
    folder = at("empty")
    (folder / "var").mkdir(exist_ok=True)
    may = {folder / "var", folder / "data"}
    monkeypatch.setattr("os.access", lambda path, _: path in may)
    assert by_state(doctor.space()) == {"var": "ok", "data": "ok"}
    may.clear()
    assert set(by_state(doctor.space()).values()) == {"broken"}


def test_a_data_folder_that_is_not_there_is_broken(at, monkeypatch):
    at("empty")
    monkeypatch.setenv("SHOTCLOCK_DATA_DIR", "nowhere")
    assert by_state(doctor.space())["SHOTCLOCK_DATA_DIR"] == "broken"


def test_each_fault_of_a_project_file_is_a_finding(at):
    at("empty")
    (settings().projects / "wrong.yaml").write_text("name: wrong\ntitle: Wrong\n", "utf-8")
    found = list(doctor.project_files())
    assert [finding.state for finding in found] == ["broken", "broken", "ok"]
    assert "field 'data': missing" in found[0].found
    assert found[-1].found == "shots"


def test_no_project_at_all_is_broken(at, monkeypatch):
    at("empty")
    monkeypatch.setenv("SHOTCLOCK_PROJECTS", "nowhere")
    assert [finding.state for finding in doctor.project_files()] == ["broken"]


def test_raw_files_are_there_missing_or_damaged(at):
    folder = at("empty") / "data" / "raw"
    assert set(by_state(doctor.raw_files()).values()) == {"ok"}
    (folder / "dataset_kobe_dev.parquet").unlink()
    (folder / "dataset_kobe_prod.parquet").unlink()
    (folder / "dataset_kobe_prod.parquet").write_bytes(b"PAR1")
    found = list(doctor.raw_files())
    assert [finding.state for finding in found] == ["warning", "broken"]
    assert all(finding.remedy for finding in found)


# The store


def test_a_store_that_is_ready_is_ok_and_one_that_is_not_made_yet_is_a_warning(at, monkeypatch, tmp_path):
    at("empty")
    assert by_state(doctor.store()) == {"MLflow store": "ok"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert by_state(doctor.store()) == {"MLflow store": "warning"}
    assert not (tmp_path / "none.db").exists()


def test_a_store_of_another_version_is_broken_with_the_command_that_migrates_it(at):
    at("empty")
    with closing(sqlite3.connect(settings().tracking_uri.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE alembic_version SET version_num = 'f5a4f2784254'")
        database.commit()
    (found,) = doctor.store()
    assert found.state == "broken"
    assert "found version f5a4f2784254" in found.found
    assert f"mlflow db upgrade {settings().tracking_uri}" in found.remedy


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql+psycopg2://127.0.0.1:9/mlflow"])
def test_a_store_that_does_not_answer_is_broken(at, monkeypatch, uri):
    at("empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert database.look_at_store()[1] == "unreachable"


def test_a_file_that_is_no_store_is_broken(at, monkeypatch, tmp_path):
    at("empty")
    (tmp_path / "text.db").write_text("not a database, but long enough to be taken for one " * 20)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/text.db")
    assert by_state(doctor.store()) == {"MLflow store": "broken"}


# All of it


def test_checks_of_other_distributions_are_asked_too(at):
    at("empty")
    names = [finding.what for finding in doctor.examine()]
    assert "stack" in names and "Airflow's database" in names
    config.project.cache_clear()


def test_pycarets_environment_is_looked_for_only_where_a_project_asks_for_it(at, monkeypatch):
    folder = at("empty")
    assert list(doctor.pycaret()) == []
    path = folder / "projects" / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("backend: scikit-learn", "backend: pycaret"), "utf-8")
    config.project.cache_clear()
    monkeypatch.setenv("SHOTCLOCK_PYCARET_PYTHON", "nowhere/python")
    (found,) = doctor.pycaret()
    assert (found.what, found.state) == ("PyCaret, for shots", "broken")
    assert (
        found.found
        == f"PyCaret's Python, {folder}/nowhere/python: No such file or directory, expected one with PyCaret"
    )
    assert found.remedy.startswith("make env")
