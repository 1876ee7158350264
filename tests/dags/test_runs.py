"""Runs of the DAGs: what reaches the steps, what comes back, what a failed or repeated run leaves behind."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient

from shotclock import errors
from shotclock.handoff import Skipped
from shotclock.store import records

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
ALERTS = [f"shots/{kind}_alert" for kind in ("drift", "degradation", "new_records")]


def store():
    """MLflow's client for the store at hand."""
    from shotclock.config import settings

    return MlflowClient(settings().tracking_uri)


def others(states, *but):
    """The states of all tasks except those named."""
    return {state for task, state in states.items() if task not in but}


def published(folder):
    """What readers find: where the links of the project point, and the version in service."""
    from shotclock.store.versions import registry

    links = {link.name: str(link.readlink()) for link in sorted((folder / "data/shots").glob("*")) if link.is_symlink()}
    champion = registry.champion("shots")
    return links, champion and champion.number


def digests(folder):
    from shotclock.files import storage

    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): storage.digest(path) for path in files}


def test_parameters_reach_the_steps_of_a_training(at, run):
    folder = at("empty")
    found = run(
        "training", seed=7, candidates=["logistic_regression"], mode="dry_run", data_path="dataset_kobe_dev.parquet"
    )
    assert found.state == "success"
    assert "train[logistic_regression]" in found.states
    assert sum(task.startswith("train[") for task in found.states) == 1
    assert (found.states["promote"], others(found.states, "promote")) == ("skipped", {"success"})
    assert found.xcom("promote") is None
    assert found.xcom("promote", "summary").startswith("**keep**: dry run; ")
    assert found.events() == {}
    assert published(folder) == ({}, None)
    runs = {
        run.data.tags["shotclock.key"].rpartition(found.id + "/")[2]: run
        for run in store().search_runs([store().get_experiment_by_name("shots").experiment_id])
    }
    assert runs["prepare"].data.params["seed"] == "7"
    assert runs["train/logistic_regression"].data.params["seed"] == "7"
    assert {run.data.tags["airflow.run_id"] for run in runs.values()} == {found.id}


def test_the_same_run_executed_again_leaves_the_same_bytes_and_one_version(at, run):
    folder = at("empty")
    first = run("training", moment=MOMENT)
    assert others(first.states) == {"success"}
    assert first.events()["shots/champion"]["version"] == "1"
    files, visible = digests(folder / "data/shots"), published(folder)
    again = run("training", moment=MOMENT)
    assert (again.id, others(again.states)) == (first.id, {"success"})
    assert digests(folder / "data/shots") == files
    assert published(folder) == visible
    assert visible[1] == "1"
    assert len(store().search_model_versions("name = 'shots'")) == 1


@pytest.mark.parametrize(("flow", "task"), [("training", "validate"), ("inference", "validate")])
def test_a_file_without_a_column_fails_the_run_by_name_and_changes_nothing(at, run, dev, capsys, flow, task):
    folder = at("alerted")
    before = published(folder)
    dev.drop(columns="lat").to_parquet(folder / "data/raw/lacking.parquet")
    found = run(flow, data_path="lacking.parquet")
    assert found.state == "failed"
    assert found.states[task] == "failed"
    assert others(found.states, "ingest", task) == {"upstream_failed"}
    message = capsys.readouterr().out
    assert "lacking.parquet" in message
    assert "'lat'" in message
    assert published(folder) == before
    assert found.events() == {}


@pytest.mark.parametrize(
    "text",
    ["[1]", "2024", "{'a': 1}", "None", "../projects/shots.yaml", "http://127.0.0.1:9/x", "memory://x", "/etc/passwd"],
)
def test_a_file_that_may_not_be_named_or_is_not_there_fails_by_its_text_and_is_not_tried_again(at, run, capsys, text):
    folder = at("alerted")
    before = published(folder)
    found = run("inference", data_path=text)
    assert (found.state, found.states["ingest"]) == ("failed", "failed")
    message = capsys.readouterr().out
    assert f"data_path: found {text!r}, " in message or f"data/raw/{text}: no such file" in message
    assert "up_for_retry" not in message
    assert published(folder) == before


def test_without_a_champion_inference_fails_and_says_what_to_trigger(at, run, capsys):
    at("empty")
    found = run("inference")
    assert found.states["score[dataset_kobe_prod.parquet]"] == "failed"
    assert "project 'shots' has no champion yet; trigger shots.training first" in capsys.readouterr().out


def test_monitoring_raises_each_alert_with_reason_figures_window_and_champion(at, run):
    from shotclock.store import history

    at("trained")
    scored = run("inference")
    assert scored.events()["shots/predictions"] == {"rows": 6426, "version": "1", "batches": [1]}
    found = run("monitoring")
    states = found.states
    assert states.pop("demotion_sensor") == "skipped"  # of a first champion there is no version before
    assert others(states) == {"success"}
    events = found.events()
    assert sorted(events) == sorted(ALERTS)
    for name, extra in events.items():
        assert {"reason", "figures", "window", "champion", "alert"} <= extra.keys(), name
        assert extra["champion"] == "1"
    assert "5 of 6" in events["shots/drift_alert"]["reason"]
    assert events["shots/degradation_alert"]["figures"]["log_loss_skill"] < 0
    assert events["shots/new_records_alert"]["figures"]["new_labelled_rows"] == 5412
    assert {alert.id for alert in history.alerts("shots")} == {extra["alert"] for extra in events.values()}


# Errors


@pytest.mark.parametrize(
    ("error", "at_once"),
    [
        (errors.ContractError("a column is missing"), True),
        (errors.ConfigError("no such algorithm"), True),
        (errors.SourceError("no such file"), True),
        (errors.ConflictError("somebody else was faster"), True),
        (errors.StoreError("the store is away"), False),
        (errors.SourceAwayError("was replaced while it was read"), False),
        (ValueError("nobody has foreseen it"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_second_try_can_mend_ends_its_task_for_good(at, run, monkeypatch, capsys, error, at_once):
    """`AirflowFailException` is what keeps Airflow from trying a task again; a DAG's `test()` tries nothing again by itself."""

    def ingest(run, role: str, path: str | None = None):
        raise error

    monkeypatch.setattr("shotclock.steps.intake.ingest", ingest)
    at("empty")
    assert run("training").states["ingest"] == "failed"
    said = capsys.readouterr().out
    assert str(error) in said
    assert ("AirflowFailException" in said) is at_once


# Why a retraining runs


@pytest.fixture
def decided(at, run, bag):
    """`decided("rested", by="scheduled")`: state, plan and summary of a retraining's first task, which alone is run.

    Without a stage the store stays as the test has made it.
    """

    def decide(stage, **options):
        if stage:
            at(stage)
        found = run("retraining", dag=bag().dags["shots.retraining"].partial_subset("decide"), **options)
        return found.states["decide"], found.xcom("decide"), found.xcom("decide", "summary")

    return decide


def age(kind, days):
    """Make the runs of this kind in the store older."""
    from mlflow.store.tracking.dbmodels.models import SqlRun

    from shotclock.store import queries

    with store()._tracking_client.store.ManagedSessionMaker(read_only=False) as session:
        for found in queries.newest("shots", kind, most=100):
            session.get(SqlRun, found.id).start_time -= int(timedelta(days=days).total_seconds() * 1000)


def forget(kind):
    """Delete the runs of this kind from the store."""
    from shotclock.store import queries

    for found in queries.newest("shots", kind, most=100):
        store().delete_run(found.id)


def test_without_a_champion_there_is_nothing_to_retrain_and_the_rest_is_skipped(at, run):
    at("empty")
    found = run("retraining", by="scheduled")
    assert (found.state, others(found.states)) == ("success", {"skipped"})
    assert "project 'shots' has no champion yet; trigger shots.training first" in found.xcom("decide", "summary")


def test_the_schedule_is_silent_where_a_decision_has_come_since_its_newest_point(decided):
    state, _, summary = decided("trained", by="scheduled")
    assert state == "skipped"
    assert "the schedule's point of " in summary and " is answered: the last decision is of " in summary


def test_the_schedule_retrains_at_its_next_point_once_labels_have_come(at, decided):
    at("alerted")
    forget(records.Alert)
    age(records.Decision, 40)
    state, plan, summary = decided(None, by="scheduled")
    cause = plan["cause"]
    assert (state, cause["by"], cause["why"], cause["alerts"]) == ("success", "scheduled", "scheduled", [])
    assert summary.startswith("**Goes on.**")


def test_the_schedule_has_nothing_to_do_where_no_label_has_come_since(at, decided):
    at("rested")
    age(records.Decision, 40)
    state, _, summary = decided(None, by="scheduled")
    assert state == "skipped"
    assert "no labelled row has come since the last decision" in summary


def test_the_schedule_answers_an_alert_whose_event_was_lost(decided):
    state, plan, _ = decided("alerted", by="scheduled")
    cause = plan["cause"]
    assert (state, cause["by"], len(cause["alerts"])) == ("success", "scheduled", 3)
    assert cause["why"].startswith("scheduled (open alerts: ")


def test_an_alert_starts_a_retraining_that_names_every_open_alert(at, run, bag, decided):
    at("trained")
    run("inference")
    run("monitoring")
    state, plan, summary = decided(None, by="asset_triggered", events=ALERTS)
    assert (state, plan["cause"]["by"]) == ("success", "alert")
    assert {alert["kind"] for alert in plan["cause"]["alerts"]} == {"drift", "degradation", "new_records"}
    assert "5 of 6" in summary
    cause = store().get_run(plan["mlflow_run_id"]).data.tags["shotclock.cause"]
    assert cause == ", ".join(sorted(ALERTS))


def test_an_alert_that_was_answered_starts_nothing(decided):
    state, _, summary = decided("rested", by="asset_triggered")
    assert state == "skipped"
    assert "every alert is answered already by the decision of " in summary


def test_a_person_retrains_at_any_time_and_gives_the_reason(decided):
    state, plan, _ = decided("rested", reason="new arena")
    assert (state, plan["cause"]["by"], plan["cause"]["why"]) == ("success", "manual", "new arena")


def test_a_retraining_runs_dry_with_the_candidates_asked_for_and_the_recalibrated_champion(at, run):
    folder = at("alerted")
    before = published(folder)
    found = run("retraining", mode="dry_run", candidates=["decision_tree"])
    names = {"decision_tree.older_and_recent", "decision_tree.recent", "recalibrated_champion"}
    assert {task for task in found.states if task.startswith("train[")} == {f"train[{name}]" for name in names}
    assert (found.states["promote"], others(found.states, "promote")) == ("skipped", {"success"})
    assert found.xcom("promote", "summary").startswith("**keep**: dry run; gain over the champion ")
    assert published(folder) == before


def test_policies_are_replayed_from_a_task_for_each_block_and_nothing_that_serves_changes(at, run, monkeypatch):
    from shotclock.reading import comparisons
    from shotclock.steps import policies

    folder = at("alerted")
    monkeypatch.setattr(policies, "MOST_ROWS", 1500)  # of 5,412: a few seasons
    before = published(folder)
    found = run("policies")
    told = comparisons.newest("shots")
    fits = [task for task in found.states if task.startswith("fit[block ")]
    assert (found.state, set(found.states.values())) == ("success", {"success"})
    assert len(fits) == told.comparison.blocks >= 4
    assert (told.dag_id, told.run_id) == ("shots.policies", found.id)
    assert found.xcom("replay", "summary").startswith("1,500 labelled rows from ")
    assert (found.events(), published(folder)) == ({}, before)


def test_a_rollback_needs_a_reason_and_moves_the_alias_back(at, run):
    folder = at("rested")
    assert run("rollback").states == {"rollback": "failed"}
    assert published(folder)[1] == "2"
    found = run("rollback", reason="the new one is too eager")
    assert found.state == "success"
    assert found.events()["shots/champion"]["version"] == "1"
    assert published(folder)[1] == "1"


@pytest.mark.parametrize(("user", "said"), [("ada", "ada"), ("alert", "user alert"), (None, "manual")])
def test_who_rolls_back_by_hand_is_named_in_the_record_the_history_and_the_message(at, run, caplog, user, said):
    from shotclock.reading import history

    caplog.set_level("INFO", "shotclock.notify")
    logging.getLogger("shotclock.notify").disabled = False
    at("rested")
    found = run("rollback", reason="the new one is too eager", user=user)
    assert found.xcom("rollback")["by"] == said
    assert history.decisions("shots")[0].decided_by == said
    assert f"\ndecided by: {said}\n" in caplog.records[-1].getMessage()


def test_of_a_run_by_hand_the_record_names_who_asked_for_it(at, run, stored_runs):
    at("rested")
    run("rollback", reason="the new one is too eager", user="ada")
    assert stored_runs("decision")[0].data.tags["shotclock.cause"] == "ada, by hand"


def test_a_rollback_that_was_asked_for_before_the_last_promotion_ends_as_skipped(at, run):
    folder = at("rested")
    before = published(folder)
    found = run("rollback", reason="the new one is too eager", moment=datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.state, found.states) == ("success", {"rollback": "skipped"})
    assert "v2 has come into service since" in found.xcom("rollback", "summary")
    assert (found.events(), published(folder)) == ({}, before)


@pytest.mark.parametrize(("by", "as_long_ago"), [("manual", True), ("asset_triggered", True), ("scheduled", False)])
def test_a_run_was_asked_for_when_it_was_triggered_and_on_schedule_when_it_starts(
    at, run, monkeypatch, by, as_long_ago
):
    """A schedule's point may be long past: what came after it and before the start was no answer to anybody."""
    asked = []

    def stop(run, by: str, reason: str | None):
        asked.append(run.asked)
        return Skipped(skip="seen enough")

    monkeypatch.setattr("shotclock.steps.retraining.decide", stop)
    at("empty")
    begun = datetime.now(UTC)
    run("retraining", by=by, moment=MOMENT)
    assert asked == [MOMENT] if as_long_ago else begun <= asked[0] <= datetime.now(UTC)
