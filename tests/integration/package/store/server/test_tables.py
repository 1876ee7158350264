"""MLflow's tables say what its client says: each test fails where another MLflow keeps things otherwise."""

import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from shotclock.config import settings
from shotclock.store import history, queries, records
from shotclock.store.server import tables
from shotclock.store.server.client import experiments
from shotclock.store.versions import registry


def test_the_tables_that_are_known_are_those_of_the_mlflow_that_is_installed():
    """Where it fails: compare the tables, then name that version and revision in `KNOWN`."""
    import mlflow
    from mlflow.store.db.utils import _get_latest_schema_revision

    assert (mlflow.__version__, _get_latest_schema_revision()) == tables.KNOWN


def test_a_trained_store_is_told_as_the_client_tells_it(at, monkeypatch):
    def told():
        newest = [queries.newest("shots", kind, most=99) for kind in records.KINDS]
        versions = registry.versions("shots")
        alone = [registry.version("shots", each.number) for each in versions]
        named = (registry.champion("shots"), registry.by_alias("shots", "nobody"), registry.champions(["shots", "x"]))
        past = datetime(2020, 1, 1, tzinfo=UTC)
        runs = (list(queries.traces("shots")), queries.ended_since(["shots"], past), queries.pulse("shots"))
        return (
            newest,
            versions,
            alone,
            named,
            runs,
            experiments(["shots", "x"]),
            [each.training_ids() for each in versions],
        )

    at("trained")
    assert tables.are_known()
    direct = told()
    monkeypatch.setattr(tables, "KNOWN", ("another version", ""))
    assert not tables.are_known()
    assert direct == told()
    assert direct[1] and any(direct[0])


def test_the_files_of_a_version_and_of_its_stored_model_lie_where_the_client_finds_them(at):
    from mlflow import MlflowClient

    at("trained")
    client = MlflowClient(settings().tracking_uri)
    source = client.get_model_version("shots", "1").source
    with tables.opened() as direct:
        for uri in ("models:/shots/1", source):
            assert direct.model_files(uri) == client.get_logged_model(source.removeprefix("models:/")).artifact_location
        for uri in ("models:/shots/2", "models:/other/1", "models:/m-0", "runs:/1/model", "", "models:/shots/champion"):
            assert direct.model_files(uri) is None
    client.delete_logged_model(source.removeprefix("models:/"))
    with tables.opened() as direct:
        assert direct.model_files("models:/shots/1") is None


def test_a_model_is_the_same_whoever_finds_its_files(at, monkeypatch):
    at("trained")
    version = registry.require_champion("shots")
    rows = pd.read_parquet(history.reference("shots", version)).head(500)
    rows = rows[version.load().feature_names_in_]
    with monkeypatch.context() as patched:
        patched.setattr(registry, "_downloaded", None)
        direct = version.load().predict_proba(rows)
    monkeypatch.setattr(registry, "_copied", lambda *_: None)
    np.testing.assert_array_equal(direct, version.load().predict_proba(rows))


def test_a_figure_that_is_no_number_and_a_deleted_run_are_told_as_the_client_tells_them(store):
    kept, gone = (store.create_run("0", tags={"a": "1"}).info.run_id for _ in range(2))
    store.log_metric(kept, "nan", float("nan"))
    store.delete_run(gone)
    with tables.opened() as direct:
        (found,) = direct.runs(["0"], tables.Wanted({"a": "1"}, unfinished=True), 9)
        assert found.info.run_id == kept and math.isnan(found.data.metrics["nan"])
        assert direct.run(gone).info.run_id == gone
        assert direct.runs(["0"], tables.Wanted(others={"a": "1"}), 9) == []


@pytest.mark.parametrize("uri", ["sqlite:///{}/none.db", "sqlite:///{}/mlflow.db?timeout=1", "http://127.0.0.1:9"])
def test_where_there_is_no_such_file_the_client_is_asked(at, monkeypatch, uri):
    at("trained")
    folder, _, name = settings().tracking_uri.removeprefix("sqlite:///").rpartition("/")
    assert name == "mlflow.db" and tables.are_known()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(folder))
    assert not tables.are_known()


def test_tables_of_another_revision_are_left_to_the_client(store):
    assert store.search_experiments()
    with closing(sqlite3.connect(settings().tracking_uri.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'later'")
    assert not tables.are_known()


def test_what_is_read_is_never_written(store):
    assert store.search_experiments()
    with tables.opened() as direct, pytest.raises(sqlite3.OperationalError, match="readonly"):
        direct._ask("DELETE FROM runs")


def test_the_commands_that_read_import_no_mlflow(at):
    """Which takes longer than all that they do."""
    at("trained")
    looks = "from shotclock.cli import app; import sys; app(sys.argv[1:], standalone_mode=False)"
    code = f"{looks}; sys.exit(', '.join({{'mlflow', 'sqlalchemy', 'sklearn'}} & sys.modules.keys()) or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code, "status", "shots"], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
