"""What MLflow does not promise, and the store leans on: each test fails when an entry of `store.internals` breaks or may go."""

import click
import pytest
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, inspect, text

from shotclock.store.server import internals


@pytest.fixture
def engine(tmp_path):
    """An engine on a new file."""
    made = create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    yield made
    made.dispose()


def test_the_upgrade_command_is_a_function_with_the_address_as_its_one_argument(monkeypatch):
    from mlflow.db import upgrade

    assert isinstance(upgrade, click.Command)
    assert [parameter.name for parameter in upgrade.params] == ["url"]
    asked = []
    monkeypatch.setattr(upgrade, "callback", asked.append)
    internals.migrate("sqlite:///x.db")
    assert asked == ["sqlite:///x.db"]


def test_tables_of_another_version_are_told_without_the_advice_for_mlflows_own_command(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('451aebb31d03')"))
    said = internals.what_is_outdated(engine)
    assert said.startswith("Detected out-of-date database schema (found version 451aebb31d03, but expected ")
    assert said.endswith(").")
    assert inspect(engine).get_table_names() == ["alembic_version"]  # it only looks


def test_tables_of_this_version_are_right(at):
    from shotclock.config import settings

    at("trained")
    engine = create_engine(settings().tracking_uri)
    assert internals.what_is_outdated(engine) == ""
    engine.dispose()


def test_a_runs_files_are_deleted_through_its_address(tmp_path):
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "data.txt").write_text("x", "utf-8")
    internals.delete_files((tmp_path / "run").as_uri())
    assert not any(tmp_path.rglob("*.txt"))


def test_the_client_still_has_no_way_to_delete_artifacts():
    """When it has, `delete_files` goes."""
    from mlflow import MlflowClient

    assert not hasattr(MlflowClient, "delete_artifacts")


def test_the_names_of_the_files_that_mlflow_writes_are_what_mlflow_calls_them(tmp_path):
    from mlflow.models.utils import SERVING_INPUT_FILENAME
    from mlflow.store.artifact.models_artifact_repo import REGISTERED_MODEL_META_FILE_NAME

    assert {REGISTERED_MODEL_META_FILE_NAME} == internals.ADDED_LATER
    assert internals.example(tmp_path) is None
    (tmp_path / SERVING_INPUT_FILENAME).write_bytes(b"{}")
    assert internals.example(tmp_path) == b"{}"


@pytest.mark.parametrize("wanted", ["READY", "LOGGED_MODEL_READY"])
def test_a_whole_model_is_known_by_its_status_which_mlflows_filter_cannot_ask_for(at, wanted):
    """When it can, `is_whole` goes."""
    from shotclock.store.server.client import connect, experiment_id

    at("trained")
    client, experiment = connect(), [experiment_id("shots")]
    (model, *_) = client.search_logged_models(experiment)
    assert model.status == LoggedModelStatus.READY and internals.is_whole(model)
    half = client.create_logged_model(experiment[0], name="half")
    assert not internals.is_whole(half)
    try:
        found = client.search_logged_models(experiment, f"status = '{wanted}'")
    except MlflowException:
        return
    assert list(found) == []
