"""A store that was written before there were records is read as it was.

`before_records.json`: the MLflow runs of one loop on the real data, and a rollback, as the code before this change left them.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.store import history, queries, records
from shotclock.store.intake import ledger
from shotclock.store.server import database
from shotclock.store.server.client import experiment_id
from shotclock.store.versions import registry
from shotclock.store.window import names_of

BEFORE = json.loads(Path(__file__).with_name("before_records.json").read_text("utf-8"))
NAME = "kobe_shots"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An MLflow store with the same runs and versions."""
    folder = tmp_path_factory.mktemp("before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("SHOTCLOCK_HOME", str(folder))
        patch.setenv("SHOTCLOCK_ARTIFACTS", str(folder / "artifacts"))
        database.prepare_store()
        client = MlflowClient(settings().tracking_uri)
        made = {run["id"]: _written(client, run) for run in BEFORE["runs"]}
        for run in BEFORE["runs"]:
            if parent := run["tags"].get("mlflow.parentRunId"):
                client.set_tag(made[run["id"]], "mlflow.parentRunId", made[parent])
        client.create_registered_model(NAME)
        for version in sorted(BEFORE["versions"], key=lambda version: int(version["number"])):
            client.create_model_version(NAME, "/nowhere", made[version["run"]], tags=version["tags"])
        for alias, number in BEFORE["aliases"].items():
            client.set_registered_model_alias(NAME, alias, number)
        yield made


def _written(client, run):
    tags = {name: value for name, value in run["tags"].items() if name != "mlflow.parentRunId"}
    made = client.create_run(experiment_id(NAME), start_time=run["start"], tags=tags, run_name=run["name"]).info.run_id
    for name, value in run["params"].items():
        client.log_param(made, name, value)
    for name, value in run["metrics"].items():
        client.log_metric(made, name, value, run["start"])
    client.set_terminated(made, run["status"], run["end"])
    return made


def test_every_run_of_every_kind_is_read(store):
    kinds = {kind.kind: kind for kind in records.KINDS}
    written = Counter(run["tags"]["shotclock.kind"] for run in BEFORE["runs"] if run["status"] == "FINISHED")
    assert set(kinds) - set(written) == {"passed_over", "refit", "shadow", "policies"}  # which nobody wrote then
    found = {name: len(queries.newest(NAME, kind, most=100)) for name, kind in kinds.items()}
    assert found == {**written, "passed_over": 0, "refit": 0, "shadow": 0, "policies": 0}


def test_the_decisions_are_what_they_were(store):
    told = [(done.outcome, done.flow, done.champion, done.by, done.gate) for done in history.decisions(NAME)]
    assert told == [
        ("rollback", "rollback", "1", "Ann", "rollback"),
        ("keep", "retraining", "2", "gate", "keep"),
        ("promote", "retraining", "2", "gate", "promote"),
        ("promote", "training", "1", "gate", "promote"),
    ]
    answered = history.decisions(NAME)[2].answers
    assert len(answered) == 3
    assert history.champion_on(NAME, datetime.now(UTC).date()).outcome == "rollback"


def test_a_gate_keeps_its_gain_and_its_opponent(store):
    second, first = queries.newest(NAME, records.Gate, most=3)[1:]
    assert (first.record.champion, first.record.outcome, first.record.regime) == (None, "promote", "training")
    assert (first.record.gain, first.record.gain_low, first.record.min_gain) == (0.018156, 0.012074, 0.001)
    assert (second.record.champion, second.record.rows, second.record.regime) == ("1", 1624, "production")


def test_alerts_findings_and_what_was_stopped_are_what_they_were(store):
    assert {alert.kind for alert in history.alerts(NAME)} == {"drift", "degradation", "new_records"}
    (drift,) = history.findings(NAME, "drift", "1", 5)
    assert (drift.verdict.status, round(drift.verdict.figures["drift_share"], 4)) == ("alert", 0.8333)
    (quality,) = history.findings(NAME, "degradation", "1", 5)
    assert (quality.verdict.status, quality.verdict.figures["log_loss_skill"]) == ("alert", -0.026336)
    (stopped,) = queries.newest(NAME, records.Stopped)
    assert (stopped.record.trigger, stopped.record.champion) == ("degradation", "1")


def test_batches_scorings_and_candidates_are_what_they_were(store):
    (batch,) = ledger.entries(NAME)
    assert (batch.number, batch.name) == (1, "dataset_kobe_prod.parquet")
    scorings = queries.newest(NAME, records.Application, most=5)
    assert [stored.record.scored for stored in scorings] == [6426, 6426]
    assert names_of([scorings[0].record]) == ("dataset_kobe_prod.parquet",)
    assert {stored.record.source_sha256 for stored in scorings} == {batch.sha256}
    (training,) = queries.newest(NAME, records.Training, most=5)[-1:]
    below = queries.newest(NAME, records.Candidate, parent=training.id, most=5)
    assert {stored.name for stored in below} == {"decision_tree", "logistic_regression"}
    assert all(stored.record.holdout["log_loss"] > 0.67 for stored in below)


def test_versions_say_what_they_said(store):
    champion, previous = registry.champion(NAME), registry.by_alias(NAME, registry.PREVIOUS)
    assert (champion.number, previous.number) == ("1", "2")
    assert (champion.origin.algorithm, champion.origin.flow) == ("decision_tree", "training")
    assert champion.digest == BEFORE["versions"][-1]["tags"]["shotclock.stored_sha256"]
    assert previous.origin.rows_path.endswith("base_train.parquet")
    assert history.referring(NAME, champion).record.decision == "promote"
