"""What Airflow loads in each of its processes: `config/airflow_local_settings.py`, and the plugin for SQLite."""

import gc
import importlib.util
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def local_settings(_airflow, monkeypatch):
    """The file as a process loads it that forks no tasks."""
    monkeypatch.setattr("sys.argv", ["airflow", "api-server"])
    return load()


def load():
    spec = importlib.util.spec_from_file_location("local_settings", ROOT / "config" / "airflow_local_settings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_airflow_asks_for_its_engine_as_the_hook_expects(local_settings):
    """Airflow's own function, whose place the hook takes."""
    from airflow import settings

    theirs, ours = (
        inspect.signature(module.create_metadata_engine).parameters for module in (settings, local_settings)
    )
    assert [one.kind for one in ours.values()] == [one.kind for one in theirs.values()]
    assert list(ours)[1:] == list(theirs)[1:] == ["engine_args", "connect_args"]


def test_on_sqlite_a_commit_waits_for_its_turn_and_for_no_disk(local_settings, tmp_path):
    uri = f"sqlite:///{tmp_path / 'airflow.db'}"
    engine = local_settings.create_metadata_engine(uri, engine_args={}, connect_args={})
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    engine.dispose()


def test_on_any_other_database_the_engine_is_as_airflow_makes_it(local_settings):
    options = {"engine_args": {"pool_size": 3}, "connect_args": {"connect_timeout": 2}}
    engine = local_settings.create_metadata_engine("postgresql+psycopg2://h/x", **options)
    assert (engine.dialect.name, engine.pool.size()) == ("postgresql", 3)


def test_no_process_looks_for_garbage_at_each_turn_while_it_imports(local_settings):
    assert gc.get_threshold()[0] == 50_000 and gc.isenabled()


def test_nothing_is_there_that_jsonschema_would_take_a_second_to_import():
    """Whatever asks for `jsonschema[format-nongpl]` brings it, and each of Airflow's processes imports jsonschema."""
    assert importlib.util.find_spec("rfc3987_syntax") is None


def test_all_that_is_loaded_before_the_fork_is_there(local_settings):
    """A name that is not would end the scheduler at its start."""
    missing = [name for name in local_settings._NEEDED if importlib.util.find_spec(name) is None]
    assert missing == []


@pytest.mark.parametrize("path", ["", "/airflow", "/a/b"])
def test_tasks_are_sent_below_the_path_of_airflows_own_address(_airflow, monkeypatch, path):
    """What Celery's workers and the LocalExecutor read."""
    from airflow.executors.base_executor import get_execution_api_server_url

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"https://host{path}")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://api-server:8080/execution/")
    for _ in range(2):  # what a process has set, those that it starts find
        load()
        assert get_execution_api_server_url() == f"http://api-server:8080{path}/execution/"


@pytest.mark.parametrize(("address", "middlewares"), [("sqlite:////x.db", 1), ("postgresql+psycopg2://h/x", 0)])
def test_one_writer_stands_before_sqlite_alone(_airflow, monkeypatch, address, middlewares):
    from shotclock_sqlite.airflow_plugin import SqlitePlugin

    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", address)
    assert len(SqlitePlugin().fastapi_root_middlewares) == middlewares
