"""MLflow's registry: models, and the aliases that say which one serves."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from shotclock.config import settings
from shotclock.errors import ConflictError, StoreError
from shotclock.models.candidates.algorithms import SPACES, Plan
from shotclock.rows.values import Input
from shotclock.store import records, tracking
from shotclock.store.run import Run
from shotclock.store.server.client import experiment_id
from shotclock.store.versions import registry

RUN = Run("shots", "training", "t9")
ROWS = pd.DataFrame({"near": [0.0, 1, 2, 3], "late": [1, 0, 1, 0]})
INPUTS = [Input("near"), Input("late")]


def model():
    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(ROWS, [0, 0, 1, 1])


def registered(name="first"):
    """A version, as a candidate's run of its own registers it."""
    run = tracking.open_run(RUN, f"train/{name}", records.Candidate, name=name)
    stored = registry.store(RUN, run.id, model(), ROWS, INPUTS)
    return registry.register(RUN, run.id, stored, records.Origin(algorithm="logistic_regression"))


def aliases(store):
    found = (registry.by_alias("shots", alias) for alias in (registry.CHAMPION, registry.PREVIOUS))
    return tuple(version and version.number for version in found)


# Models


def test_a_registered_model_is_the_bare_pipeline_with_signature_example_and_requirements(store):
    version = registered()
    assert isinstance(version.load(), Pipeline)
    stored = mlflow.models.get_model_info(version.uri)
    assert [(column.name, column.type.name) for column in stored.signature.inputs] == [
        ("near", "double"),
        ("late", "double"),
    ]
    assert stored.saved_input_example_info is not None
    needs = Path(download_artifacts(f"{version.uri}/requirements.txt")).read_text("utf-8").split()
    assert {line.split("==")[0] for line in needs} == {"mlflow", *registry.REQUIREMENTS}
    np.testing.assert_array_equal(version.load().predict_proba(ROWS), model().predict_proba(ROWS))


@pytest.mark.parametrize("algorithm", SPACES)
def test_a_model_of_every_algorithm_is_stored_and_read_back(store, algorithm):
    rows = pd.concat([ROWS] * 30, ignore_index=True)
    fitted = Plan(algorithm, folds=2, iterations=1, seed=1).pipeline({}).fit(rows, (rows["near"] > 1).astype(int))
    run = tracking.open_run(RUN, f"train/{algorithm}", records.Candidate, name=algorithm)
    stored = registry.store(RUN, run.id, fitted, rows, [Input(name) for name in rows])
    read = registry.load_model(stored.uri, stored.sha256)
    np.testing.assert_array_equal(read.predict_proba(rows), fitted.predict_proba(rows))


def test_what_a_version_says_of_itself_stands_in_its_tags_with_the_digest_of_its_files(store):
    version = registered()
    assert (version.origin.algorithm, version.origin.synthetic) == ("logistic_regression", False)
    tags = store.get_model_version("shots", version.number).tags
    assert (tags["shotclock.algorithm"], tags["shotclock.synthetic"]) == ("logistic_regression", "False")
    assert len(tags["shotclock.stored_sha256"]) == 64 and tags["shotclock.stored_sha256"] == version.digest


def test_registering_again_finds_the_first_version(store):
    assert registered() == registered()
    assert len(store.search_model_versions("name = 'shots'")) == 1


def test_a_model_that_was_stored_before_a_kill_is_registered_and_not_stored_again(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_model_version", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            registered()
    version = registered()
    (stored,) = store.search_logged_models([experiment_id("shots")])
    assert version.number == "1"
    assert store.get_model_version("shots", "1").source == stored.model_uri


def test_a_model_that_was_stored_by_half_is_stored_again(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "finalize_logged_model", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            registered()
    version = registered()
    (stored,) = store.search_logged_models([experiment_id("shots")])
    assert store.get_model_version("shots", version.number).source == stored.model_uri
    np.testing.assert_array_equal(version.load().predict(ROWS), model().predict(ROWS))


def test_a_model_whose_files_are_not_those_that_were_registered_is_not_loaded(store):
    version = registered()
    source = store.get_model_version("shots", version.number).source
    location = store.get_logged_model(source.removeprefix("models:/")).artifact_location
    folder = Path(location.removeprefix("file://"))
    for path in sorted(folder.iterdir()):
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        with pytest.raises(StoreError, match=r"models:/shots/1: the stored files have sha256 \w{64}, registered were"):
            version.load()
        path.write_bytes(before)
    version.load()
    (folder / "more.py").write_text("")
    with pytest.raises(StoreError, match="the model is not loaded"):
        version.load()


def test_a_version_that_somebody_else_registered_is_loaded_with_a_warning(store, caplog):
    source = registered()
    made = store.create_model_version("shots", store.get_model_version("shots", source.number).source)
    other = registry.version("shots", made.version)
    np.testing.assert_array_equal(other.load().predict(ROWS), model().predict(ROWS))
    assert "models:/shots/2 was registered without a digest" in caplog.text


def test_the_input_example_is_a_request_to_the_endpoint(store):
    found = json.loads(registered().example())
    assert found == {"dataframe_split": {"columns": ["near", "late"], "data": ROWS.astype(float).values.tolist()}}


def test_a_version_whose_files_are_gone_is_named(store):
    version = registered()
    shutil.rmtree(settings().artifacts)
    with pytest.raises(StoreError, match="models:/shots/1: its files are gone from MLflow"):
        version.load()


def test_without_a_promotion_there_is_no_champion(store):
    registered()
    assert registry.champion("shots") is None
    with pytest.raises(StoreError, match=r"'shots' has no champion yet; trigger shots\.training first"):
        registry.require_champion("shots")


def test_a_version_that_does_not_exist_is_named(store):
    registered()
    with pytest.raises(StoreError, match="models:/shots/7: no such version"):
        registry.version("shots", "7")


# Promotion


@pytest.fixture
def versions(store):
    """Three versions with no model behind them: aliases do not ask."""
    store.create_registered_model("shots")
    return [registry.version("shots", store.create_model_version("shots", "file:///nowhere").version) for _ in range(3)]


def test_the_first_promotion_has_no_previous_and_the_second_keeps_the_first(store, versions):
    first, second, _ = versions
    registry.promote(first, expected=None)
    assert aliases(store) == ("1", None)
    registry.promote(second, expected="1")
    assert aliases(store) == ("2", "1")


def test_promoting_again_changes_nothing(store, versions):
    first, second, _ = versions
    registry.promote(first, expected=None)
    registry.promote(second, expected="1")
    registry.promote(second, expected="1")
    assert aliases(store) == ("2", "1")


@pytest.mark.parametrize("expected", [None, "1"])
def test_a_champion_that_the_gate_did_not_measure_stays(store, versions, expected):
    first, second, third = versions
    registry.promote(first, expected=None)
    registry.promote(second, expected="1")
    with pytest.raises(ConflictError, match=f"measured against champion {expected or 'none'}, but now it is 2"):
        registry.promote(third, expected=expected)
    assert aliases(store) == ("2", "1")


@pytest.mark.parametrize("moved", [0, 1])
def test_a_promotion_that_broke_off_between_the_aliases_is_finished_by_the_next_try(
    store, versions, monkeypatch, moved
):
    first, second, third = versions
    registry.promote(first, expected=None)
    registry.promote(second, expected="1")
    with monkeypatch.context() as patch:
        calls, move = [], MlflowClient.set_registered_model_alias

        def break_off(self, *args):
            calls.append(args)
            return move(self, *args) if len(calls) <= moved else 1 / 0

        patch.setattr(MlflowClient, "set_registered_model_alias", break_off)
        with pytest.raises(ZeroDivisionError):
            registry.promote(third, expected="2")
    assert aliases(store)[0] == "2"
    registry.promote(third, expected="2")
    assert aliases(store) == ("3", "2")


def test_of_two_who_promote_at_the_same_time_exactly_one_wins(store, versions, monkeypatch):
    first, *rivals = versions
    registry.promote(first, expected=None)
    start, move = threading.Barrier(2), MlflowClient.set_registered_model_alias

    def slowly(self, *args):
        time.sleep(0.1)  # long enough for the other one to look at the champion in between
        return move(self, *args)

    def attempt(version):
        start.wait()
        try:
            registry.promote(version, expected="1")
        except ConflictError:
            return None
        return version.number

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", slowly)
    with ThreadPoolExecutor(2) as pool:
        winners = [number for number in pool.map(attempt, rivals) if number]
    assert len(winners) == 1
    assert aliases(store) == (winners[0], "1")


def test_the_versions_in_service_of_several_projects_are_told_at_once(at):
    at("rested")
    assert registry.champions(["shots", "unknown"]) == {"shots": "2"}
    assert [version.number for version in registry.versions("shots")] == ["2", "1"]
