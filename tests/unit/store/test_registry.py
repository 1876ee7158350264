"""MLflow: runs that a second try goes on with, models, and the aliases that say which one serves."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
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
from shotclock.store import artifacts, queries, registry, tracking
from shotclock.store.client import experiment_id, experiments
from shotclock.store.run import Run

RUN = Run("shots", "training", "t9")
ROWS = pd.DataFrame({"near": [0.0, 1, 2, 3], "late": [1, 0, 1, 0]})


@pytest.fixture
def store(at):
    at("empty")
    return MlflowClient(settings().tracking_uri)


def runs(store, project="shots"):
    found = store.get_experiment_by_name(project)
    return [] if found is None else list(store.search_runs([found.experiment_id]))


def model():
    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(ROWS, [0, 0, 1, 1])


def registered(name="first"):
    """A version, as a candidate's run of its own registers it."""
    run = tracking.open_run(RUN, f"train/{name}", name, kind="candidate")
    return registry.register(RUN, run.id, model(), ROWS, tags={"algorithm": "logistic_regression"})


def aliases(store):
    found = (registry.by_alias("shots", alias) for alias in (registry.CHAMPION, registry.PREVIOUS))
    return tuple(version and version.number for version in found)


# Runs


def test_a_project_asked_for_by_many_at_once_has_one_experiment(store):
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: experiment_id("shots"), range(6)))
    assert len(found) == 1


def test_artifacts_lie_where_the_settings_say(store):
    found = store.get_experiment(experiment_id("shots"))
    assert found.artifact_location == f"file://{settings().artifacts}/shots"


def test_a_second_try_goes_on_with_the_first_ones_run(store):
    with tracking.tracked(RUN, "gate", "Gate", kind="gate") as first:
        first.record(params={"rows": 5}, metrics={"gain": 0.1}, tags={"outcome": "keep"})
    with tracking.tracked(RUN, "gate", "Gate", kind="gate") as second:
        second.record(params={"rows": 5}, metrics={"gain": 0.2}, tags={"outcome": "promote"})
    (found,) = runs(store)
    assert found.info.run_id == first.id == second.id
    assert (found.data.metrics["gain"], found.data.tags["shotclock.outcome"]) == (0.2, "promote")


def test_another_step_and_another_run_have_runs_of_their_own(store):
    for run, step in ((RUN, "gate"), (RUN, "decision"), (Run("shots", "training", "t10"), "gate")):
        tracking.open_run(run, step, step, kind=step)
    assert len(runs(store)) == 3


def test_what_made_a_run_stands_in_its_tags(store):
    tracking.open_run(Run("shots", "retraining", "r", "shots/drift_alert"), "gate", "Gate", kind="gate")
    (found,) = runs(store)
    assert {key: found.data.tags[key] for key in ("airflow.dag_id", "airflow.run_id", "shotclock.cause")} == {
        "airflow.dag_id": "shots.retraining",
        "airflow.run_id": "r",
        "shotclock.cause": "shots/drift_alert",
    }


def test_a_block_that_raises_leaves_a_failed_run_that_nobody_reads_as_a_result(store):
    with pytest.raises(KeyboardInterrupt), tracking.tracked(RUN, "gate", "Gate", kind="gate"):
        raise KeyboardInterrupt
    assert [run.info.status for run in runs(store)] == ["FAILED"]
    assert queries.newest("shots", "gate") == []


def test_a_parameter_that_differs_makes_room_for_a_new_run_with_the_same_key(store):
    first = tracking.open_run(RUN, "score", "PipelineAplicacao", kind="application")
    first.record(params={"model_version": "1", "threshold": 0.5}, metrics={"rows": 1})
    with tracking.tracked(RUN, "score", "PipelineAplicacao", kind="application") as second:
        second.record(params={"model_version": "2", "threshold": 0.5})
    (found,) = runs(store)
    assert found.info.run_id == second.id != first.id
    assert found.data.params == {"model_version": "2", "threshold": "0.5"}
    assert (found.info.status, found.info.run_name) == ("FINISHED", "PipelineAplicacao")
    assert tracking.find_run(RUN, "score").id == second.id


def test_the_candidates_move_along_when_the_run_above_them_makes_room(store):
    parent = tracking.open_run(RUN, "training", "Treinamento", kind="training")
    child = tracking.open_run(RUN, "train/tree", "tree", kind="candidate", parent=parent.id)
    parent.record(params={"winner": "tree"})
    parent.record(params={"winner": "line"})
    assert [run.info.run_id for run in queries.children(parent.id, parent.experiment)] == [child.id]


def test_a_step_that_never_ran_is_named(store):
    with pytest.raises(StoreError, match="no run 'shots/training/t9/gate'; the task 'gate' must have run before"):
        tracking.find_run(RUN, "gate")


def test_the_newest_come_first_and_only_those_that_carry_the_tags(store):
    for number in range(4):
        with tracking.tracked(Run("shots", "monitoring", f"m{number}"), "drift", "Drift", kind="drift") as run:
            run.record(tags={"champion": number % 2, "number": number})
        time.sleep(0.002)  # MLflow knows milliseconds
    numbers = [run.data.tags["shotclock.number"] for run in queries.newest("shots", "drift", most=3)]
    assert numbers == ["3", "2", "1"]
    (found,) = queries.newest("shots", "drift", tags={"champion": "0"})
    assert found.data.tags["shotclock.number"] == "2"


def test_every_run_is_found_over_many_pages(store, monkeypatch):
    for number in range(5):
        with tracking.tracked(Run("shots", "inference", f"s{number}"), "batch", "Batch", kind="batch"):
            pass
    paged = MlflowClient.search_runs
    monkeypatch.setattr(MlflowClient, "search_runs", lambda self, *a, **kw: paged(self, *a, **kw | {"max_results": 2}))
    assert len(queries.every("shots", "batch", most=100)) == 5


def test_a_file_that_a_run_does_not_have_is_named(store):
    run = tracking.open_run(RUN, "gate", "Gate", kind="gate")
    with pytest.raises(StoreError, match=f"MLflow run {run.id} has no 'reference.parquet'; train and promote again"):
        artifacts.artifact(run.id, "reference.parquet")


def test_the_pulse_changes_whenever_a_run_ends_and_asking_for_it_makes_nothing(store):
    assert queries.pulse("shots") == ""
    assert runs(store) == []
    assert store.get_experiment_by_name("shots") is None
    seen = []
    for step in ("a", "b", "a"):
        with tracking.tracked(RUN, step, step, kind="drift"):
            pass
        seen.append(queries.pulse("shots"))
        time.sleep(0.002)  # the store's clock counts milliseconds
    assert len(set(seen)) == 3


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


def made(project, number, kind="drift", **tags):
    with tracking.tracked(Run(project, "monitoring", f"m{number}"), kind, kind, kind=kind) as record:
        record.record(tags={"number": number, **tags})
    time.sleep(0.002)  # MLflow knows milliseconds


def numbers(found):
    return {project: [run.data.tags["shotclock.number"] for run in runs] for project, runs in found.items()}


def test_the_newest_runs_of_several_projects_come_together_also_of_one_that_is_crowded_out(at):
    at("empty")
    made("quiet", 1)
    for number in range(2, 7):
        made("busy", number)
    found = queries.newest_of(["quiet", "busy", "unknown"], "drift", each=2)
    assert numbers(found) == {"quiet": ["1"], "busy": ["6", "5"], "unknown": []}


def test_runs_with_an_unwanted_tag_are_left_out(at):
    at("empty")
    made("one", 1, decision="keep")
    made("one", 2, decision="skip")
    assert numbers(queries.newest_of(["one"], "drift", each=5, unless={"decision": "skip"})) == {"one": ["1"]}


def test_what_has_finished_since_a_moment_is_found_of_every_kind(at):
    at("empty")
    made("one", 1)
    time.sleep(0.02)
    moment = datetime.now(UTC)
    made("one", 2)
    made("one", 3, kind="alert")
    assert numbers(queries.finished_since(["one", "unknown"], moment)) == {"one": ["3", "2"]}


def test_asking_about_a_project_makes_no_experiment(at):
    at("empty")
    queries.newest_of(["unknown"], "drift", each=1)
    queries.finished_since(["unknown"], datetime.now(UTC))
    assert experiments(["unknown"]) == {}


def test_the_versions_in_service_of_several_projects_are_told_at_once(at):
    at("rested")
    assert registry.champions(["shots", "unknown"]) == {"shots": "2"}
    assert [version.number for version in registry.versions("shots")] == ["2", "1"]


def test_a_runs_kind_is_told_to_its_own_project_only(at):
    at("alerted")
    (run,) = queries.newest("shots", "drift")
    assert queries.kind(run.info.run_id, "shots") == "drift"
    assert queries.kind(run.info.run_id, "other") is None
    assert queries.kind("0" * 32, "shots") is None
    assert "columns drifted" in artifacts.text(run.info.run_id, "drift_report.html")
    with pytest.raises(StoreError, match=r"has no 'nothing\.html'"):
        artifacts.text(run.info.run_id, "nothing.html")
