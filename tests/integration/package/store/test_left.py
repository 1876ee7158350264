"""What a run that died left open is closed by the next run of its flow, and by no other."""

import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.steps import intake, monitoring, retraining, rollback
from shotclock.store import history, left, records, tracking
from shotclock.store.run import Run
from shotclock.store.server.client import experiment_id
from shotclock.store.versions import registry


def opened(flow, run_id="dead", kind=records.Drift):
    return tracking.open_run(Run("shots", flow, run_id), "it", kind).id


def ended(run_id):
    run = MlflowClient(settings().tracking_uri).get_run(run_id)
    return run.info.status, run.data.tags.get(left.CLOSED_BY)


def test_only_the_same_flows_other_runs_are_closed_and_say_by_whom(store):
    dead, own = opened("monitoring"), opened("monitoring", "next")
    elsewhere = opened("inference", kind=records.Application)
    left.take_up(Run("shots", "monitoring", "next"))
    assert ended(dead) == ("KILLED", "shots/monitoring/next")
    assert ended(own) == ended(elsewhere) == ("RUNNING", None)


def test_a_run_that_is_tried_again_after_all_goes_on_with_its_own(store):
    dead = opened("monitoring")
    left.take_up(Run("shots", "monitoring", "next"))
    with tracking.tracked(Run("shots", "monitoring", "dead"), "it", records.Drift) as again:
        assert again.id == dead
    assert ended(dead)[0] == "FINISHED"


def test_before_the_first_run_there_is_nothing_to_take_up_and_nothing_is_made(store):
    left.take_up(Run("unseen", "training", "t1"))
    assert store.get_experiment_by_name("unseen") is None


FIRST = {
    "training": lambda: intake.ingest(Run("shots", "training", "next"), "training"),
    "inference": lambda: intake.ingest_batches(Run("shots", "inference", "next")),
    "monitoring": lambda: monitoring.drift_check(Run("shots", "monitoring", "next")),
    "retraining": lambda: retraining.decide(Run("shots", "retraining", "next")),
    "rollback": lambda: rollback.rollback(Run("shots", "rollback", "next"), "complaints"),
}


@pytest.mark.parametrize("flow", FIRST)
def test_each_flow_begins_with_it(at, flow):
    at("rested")
    dead = opened(flow)
    FIRST[flow]()
    assert ended(dead) == ("KILLED", f"shots/{flow}/next")


def test_a_decision_that_had_moved_the_alias_stands_and_one_that_had_not_is_void(at):
    folder = at("rested")
    (newest, *_) = history.decisions("shots")
    client = MlflowClient(settings().tracking_uri)
    client.update_run(newest.id, status="RUNNING")  # killed after its last write but one
    void = tracking.open_run(Run("shots", "retraining", "void"), "decision", records.Decision)
    void.write(records.Decision(decision="promote", reason="so", before="2", after="3"))
    unsaid = tracking.open_run(Run("shots", "retraining", "unsaid"), "decision", records.Decision)
    (folder / "data" / "shots" / "champion").unlink()
    left.take_up(Run("shots", "retraining", "next"))
    assert [ended(run)[0] for run in (newest.id, void.id, unsaid.id)] == ["FINISHED", "KILLED", "KILLED"]
    assert next(done.id for done in history.decisions("shots")) == newest.id
    assert (folder / "data" / "shots" / "champion").resolve().name == "r1"
    assert registry.require_champion("shots").number == "2"
    assert {run.info.status for run in client.search_runs([experiment_id("shots")])} == {"FINISHED", "KILLED"}
