"""MLflow runs, as steps write them: a second try goes on with the run of the first."""

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from shotclock.errors import StoreError
from shotclock.store import queries, records, tracking
from shotclock.store.run import Run

RUN = Run("shots", "training", "t9")


def gate(outcome, gain, champion=None, min_gain=0.001):
    return records.Gate(
        champion=champion,
        challenger="tree",
        min_gain=min_gain,
        rules={"min_rows": 5},
        rows=10,
        gain=gain,
        outcome=outcome,
        reason="so",
        regime="training",
    )


def test_a_second_try_goes_on_with_the_first_ones_run(runs):
    with tracking.tracked(RUN, "gate", records.Gate) as first:
        first.write(gate("keep", 0.1))
    with tracking.tracked(RUN, "gate", records.Gate) as second:
        second.write(gate("promote", 0.2))
    (found,) = runs()
    assert found.info.run_id == first.id == second.id
    assert (found.data.metrics["gate_gain"], found.data.tags["shotclock.outcome"]) == (0.2, "promote")


def test_another_step_and_another_run_have_runs_of_their_own(runs):
    for run, step in ((RUN, "gate"), (RUN, "decision"), (Run("shots", "training", "t10"), "gate")):
        tracking.open_run(run, step, records.Gate)
    assert len(runs()) == 3


def test_what_made_a_run_stands_in_its_tags(runs):
    tracking.open_run(Run("shots", "retraining", "r", "shots/drift_alert"), "gate", records.Gate)
    (found,) = runs()
    wanted = ("airflow.dag_id", "airflow.run_id", "shotclock.cause", "shotclock.project", "shotclock.kind")
    assert {key: found.data.tags[key] for key in (*wanted, "shotclock.key")} == {
        "airflow.dag_id": "shots.retraining",
        "airflow.run_id": "r",
        "shotclock.cause": "shots/drift_alert",
        "shotclock.project": "shots",
        "shotclock.kind": "gate",
        "shotclock.key": "shots/retraining/r/gate",
    }


def test_a_run_is_called_as_its_kind_says_or_as_the_step_says(runs):
    tracking.open_run(RUN, "training", records.Training)
    tracking.open_run(RUN, "train/tree", records.Candidate, name="tree")
    assert {run.info.run_name for run in runs()} == {"Treinamento", "tree"}


def test_a_block_that_raises_leaves_a_failed_run_that_nobody_reads_as_a_result(runs):
    with pytest.raises(KeyboardInterrupt), tracking.tracked(RUN, "gate", records.Gate):
        raise KeyboardInterrupt
    assert [run.info.status for run in runs()] == ["FAILED"]
    assert queries.newest("shots", records.Gate) == []


def test_a_parameter_that_differs_makes_room_for_a_new_run_with_the_same_key(runs):
    first = tracking.open_run(RUN, "gate", records.Gate)
    first.write(gate("keep", 0.1, champion="1"))
    with tracking.tracked(RUN, "gate", records.Gate) as second:
        second.write(gate("keep", None, champion="2"))
    (found,) = runs()
    assert found.info.run_id == second.id != first.id
    assert found.data.params == {"champion": "2", "challenger": "tree", "min_gain": "0.001", "min_rows": "5"}
    assert "gate_gain" not in found.data.metrics
    assert (found.info.status, found.info.run_name) == ("FINISHED", "Gate")
    assert tracking.find_run(RUN, "gate").id == second.id


def test_the_candidates_move_along_when_the_run_above_them_makes_room(store, runs):
    parent = tracking.open_run(RUN, "training", records.Training)
    child = tracking.open_run(RUN, "train/tree", records.Candidate, name="tree", parent=parent.id)
    first = parent.id
    parent.write(records.Training(winner="tree"))
    parent.write(records.Training(winner="line"))
    assert parent.id != first
    below = [run.info.run_id for run in runs() if run.data.tags.get("mlflow.parentRunId") == parent.id]
    assert below == [child.id]


def test_a_step_that_never_ran_is_named(store):
    with pytest.raises(StoreError, match="no run 'shots/training/t9/gate'; the task 'gate' must have run before"):
        tracking.find_run(RUN, "gate")


def test_what_an_earlier_try_has_written_is_read_back_once_it_is_whole(store):
    opened = tracking.open_run(RUN, "rollback", records.Decision)
    assert opened.written(records.Change) is None
    opened.write(records.Change(before="2", after="1"))
    assert opened.written(records.Change) == records.Change(before="2", after="1")
    assert opened.written(records.Decision) is None, "it says not yet what was decided"


@pytest.fixture
def beaten(monkeypatch):
    """`beaten(said)`: the next look of MLflow at a run's data fails with these words."""
    real = MlflowClient.log_inputs

    def fails_once(said):
        def fails(*given):
            monkeypatch.setattr(MlflowClient, "log_inputs", real)
            raise MlflowException(said)

        monkeypatch.setattr(MlflowClient, "log_inputs", fails)

    return fails_once


@pytest.mark.parametrize("said", ["UNIQUE constraint failed: datasets.name", 'violates unique constraint "dataset_pk"'])
def test_data_that_a_fit_beside_this_one_names_at_the_same_moment_are_named_all_the_same(runs, beaten, said):
    opened = tracking.open_run(RUN, "prepare", records.Preparation)
    beaten(said)
    opened.dataset("raw", "/data/raw.parquet", "f" * 64, "raw")
    (found,) = runs()
    assert len(found.inputs.dataset_inputs) == 1


def test_data_that_cannot_be_named_are_an_error(runs, beaten):
    opened = tracking.open_run(RUN, "prepare", records.Preparation)
    beaten("the store is away")
    with pytest.raises(MlflowException, match="away"):
        opened.dataset("raw", "/data/raw.parquet", "f" * 64, "raw")


def test_a_data_set_is_named_with_its_address_and_digest(runs):
    tracking.open_run(RUN, "prepare", records.Preparation).dataset("raw", "/data/raw.parquet", "f" * 64, "raw")
    (found,) = runs()
    assert found.data.tags["shotclock.sha256.raw"] == "f" * 64
    (given,) = found.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.source) == ("raw", "/data/raw.parquet")
