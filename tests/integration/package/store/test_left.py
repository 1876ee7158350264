"""What a run that died left open is closed by the next run of its flow, and by no other."""

import socket
import subprocess
import sys

import psutil
import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.steps import intake, monitoring, retraining, rollback
from shotclock.store import history, left, opener, records, tracking
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


AT_WORK = """
import sys
from shotclock.store import records, tracking
from shotclock.store.run import Run
print(tracking.open_run(Run("shots", "inference", "alive"), "it", records.Application).id, flush=True)
sys.stdin.readline()
"""


def test_what_another_process_is_at_work_on_is_left_to_it_until_it_dies(store):
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        run_id = process.stdout.readline().strip()
        left.take_up(Run("shots", "inference", "next"))
        assert ended(run_id) == ("RUNNING", None)
        process.kill()
        process.wait()
        left.take_up(Run("shots", "inference", "next"))
    assert ended(run_id) == ("KILLED", "shots/inference/next")


@pytest.mark.parametrize("change", ["another_host", "another_start", "no_tag", "garbage"])
def test_a_process_that_cannot_be_told_to_be_that_one_counts_as_dead(store, change):
    init = psutil.Process(1)
    name = f"{socket.gethostname()} 1 {init.create_time():.2f}"
    told = {
        "another_host": f"elsewhere{name}",
        "another_start": f"{socket.gethostname()} 1 12.00",
        "no_tag": "",
        "garbage": f"{socket.gethostname()} ../1",
    }
    assert opener.is_at_work(name)
    assert not opener.is_at_work(told[change])


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
    client.set_tag(
        newest.id, opener.OPENED_BY, f"{socket.gethostname()} 1 12.00"
    )  # another worker of pytest may have made it
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
