"""The whole loop in a real Airflow: scheduler, API server, DAG processor and triggerer, on the real data.

One stack runs all of it. `kobe_shots` is the project as it ships, PyCaret included, from a fresh start. The other projects
are small ones whose first champion has already scored the production rows, so that each test begins where its question
begins. They share one rule: whatever the test, the loop must come to rest by itself.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.judging import alerts as triggers
from shotclock.steps import monitoring
from shotclock.store import history, queries, records
from shotclock.store.run import Run
from shotclock.store.server import database
from shotclock.store.versions import registry, verify
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.readiness import wait_for_airflow, wait_for_dags
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.stack import Stack, running

ROOT = Path(__file__).parents[2]
FLOWS = ("training", "inference", "monitoring", "retraining", "rollback")
KINDS = ("drift", "degradation", "new_records")
ACTIVE = ("queued", "running")
PATIENCE = 900.0  # seconds for one thing to come about: test machines are slow
BETWEEN = 0.6  # seconds between two looks: who answers is the API server that the tasks need too, on the same cores
NEVER = 1_000_000  # rows

NO_DRIFT = {"drift": {"share": 1.0}}
NO_DEGRADATION = {"degradation": {"min_rows": NEVER}}
NO_NEW_RECORDS = {"retraining": {"every_new_records": NEVER}}
DRY = {"gate": {"mode": "dry_run"}}
SMALL = {"training": {"backend": "scikit-learn", "candidates": ["decision_tree"], "iterations": 2, "folds": 2}}
PREPARED = {
    "only_drift": NO_DEGRADATION | NO_NEW_RECORDS | DRY,
    "only_degradation": NO_DRIFT | NO_NEW_RECORDS | DRY,
    "only_new_records": NO_DRIFT | NO_DEGRADATION | DRY,
    "approving": NO_NEW_RECORDS | {"gate": {"mode": "approval", "max_churn": 0}},
    "lost": NO_NEW_RECORDS | DRY,
    "killed": NO_NEW_RECORDS | {"training": {"iterations": 20, "folds": 5}},
    "late": NO_NEW_RECORDS | DRY,
}

WATCH = """
from airflow.sdk import DAG, Asset
from shotclock_airflow.sensors import DriftSensor, NewRecordsSensor

with DAG("watch.until_drift", schedule=None):
    DriftSensor(task_id="sensor", project="lost", poke_interval=0.5, timeout=600, outlets=[Asset("watch/drifted")])

with DAG("watch.in_vain", schedule=None):
    NewRecordsSensor(task_id="fails", project="lost", poke_interval=0.5, timeout=1)
    NewRecordsSensor(task_id="is_skipped", project="lost", poke_interval=0.5, timeout=1, soft_fail=True)

with DAG("watch.never", schedule=None, is_paused_upon_creation=True):
    NewRecordsSensor(task_id="sensor", project="lost")
"""


# The surroundings


class Airflow(Api):
    """What the tests ask of a running Airflow, and what they do to it."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.layout.address, stack.login)
        self._stack = stack

    def wait(self, what: str, look: Callable[[], Any], seconds: float = PATIENCE, between: float = BETWEEN) -> Any:
        """Look until there is something to see, and give it."""
        until = time.monotonic() + seconds
        while not (found := look()):
            self._stack.check()
            assert time.monotonic() < until, f"{what}: not after {seconds:.0f} s; {self.story()}"
            time.sleep(between)
        return found

    def pause(self, dag: str, paused: bool) -> None:
        self.patch(f"/dags/{dag}", {"is_paused": paused})

    def runs(self, dag: str) -> dict[str, dict[str, Any]]:
        """The runs of a DAG by their ids, in the order in which they were made."""
        found = sorted(self.listed(f"/dags/{dag}/dagRuns", "dag_runs"), key=lambda run: run["queued_at"] or "")
        return {run["dag_run_id"]: run for run in found}

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        return list(self.listed(f"{_place(dag, run)}/taskInstances", "task_instances"))

    def states(self, dag: str, run: str) -> dict[str, str]:
        """The state of each task; a mapped one by `task[name]`."""
        return {_label(task): str(task["state"]) for task in self.tasks(dag, run)}

    def said(self, dag: str, run: str, task: str) -> str:
        """The summary that a task has shown."""
        return str(self.get(f"{_place(dag, run)}/taskInstances/{task}/xcomEntries/summary")["value"])

    def ended(self, dag: str, run: str) -> str:
        """Wait for the end of a run; gives its state."""
        path = _place(dag, run)
        state = lambda: str(self.get(path)["state"])  # noqa: E731
        self.wait(f"the end of {dag} {run}", lambda: state() not in ACTIVE)
        return state()

    def rest(self, project: str) -> None:
        """Wait until no run of the project is active and no event waits to start one.

        A run's events are stored before it ends, and an event becomes a run in one transaction. So if no run is active,
        then no event waits, and then there is no run that the first look had not seen, nothing can come.
        """
        self.wait(f"{project} at rest", lambda: self._rests(project))

    def _rests(self, project: str) -> bool:
        first = self._all(project)
        if not first or any(state in ACTIVE for state in first.values()) or self._events_wait(project):
            return False
        return self._all(project) == first

    def _all(self, project: str) -> dict[tuple[str, str], str]:
        """In one request, since it is asked for often. Airflow leaves the dot at the end of a prefix out."""
        found = self.listed("/dags/~/dagRuns", "dag_runs", dag_id_prefix_pattern=f"{project}.")
        found = (run for run in found if run["dag_id"].startswith(f"{project}."))
        return {(run["dag_id"], run["dag_run_id"]): str(run["state"]) for run in found}

    def _events_wait(self, project: str) -> bool:
        hears = ("inference", "monitoring", "retraining")
        return any(self.get(f"/dags/{project}.{flow}/assets/queuedEvents")["total_entries"] for flow in hears)

    def has_handled(self, dag: str, run: str, task: str, times: int = 1) -> bool:
        """Whether the scheduler has seen so often that a worker has let go of the task; only its log tells."""
        log = (self._stack.layout.logs / "scheduler.log").read_text("utf-8", errors="replace")
        return log.count(f"TaskInstance Finished: dag_id={dag}, task_id={task}, run_id={run},") >= times

    def story(self) -> str:
        """What is still open, for a test that has waited in vain."""
        active = [run for run in self.listed("/dags/~/dagRuns", "dag_runs") if run["state"] in ACTIVE]
        open_ = {run["dag_id"]: self.states(run["dag_id"], run["dag_run_id"]) for run in active}
        return f"active: {open_}" if open_ else "no run is active"


def _place(dag: str, run: str) -> str:
    return f"/dags/{dag}/dagRuns/{quote(run, safe='')}"


def _label(task: dict[str, Any]) -> str:
    index = task["map_index"]
    return task["task_id"] if index < 0 else f"{task['task_id']}[{task['rendered_map_index'] or index}]"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, dev_path: Path, prod_path: Path) -> Iterator[Path]:
    """A home of its own: raw data, project files, a store in which each prepared project has a champion that has scored."""
    folder = tmp_path_factory.mktemp("loop")
    for name in ("projects", "data/raw", "var/mlflow"):
        (folder / name).mkdir(parents=True)
    for path in (dev_path, prod_path):
        (folder / "data" / "raw" / path.name).symlink_to(path.resolve())
    shutil.copytree(ROOT / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dags" / "watch.py").write_text(WATCH, "utf-8")
    _write_projects(folder / "projects")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SHOTCLOCK_DATA", "SHOTCLOCK_DATA_DIR", "SHOTCLOCK_ARTIFACTS", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        patch.setenv("SHOTCLOCK_HOME", str(folder))
        patch.setenv("SHOTCLOCK_PROJECTS", "projects")
        config.project.cache_clear()
        _prepare()
        yield folder
    config.project.cache_clear()


def _write_projects(folder: Path) -> None:
    shipped = ROOT / "include" / "projects" / "kobe_shots.yaml"
    shutil.copy(shipped, folder)
    (folder / "court").symlink_to(shipped.parent / "court")
    for name, rules in PREPARED.items():
        content = safe_load(shipped.read_text("utf-8"))
        for section, changed in (*SMALL.items(), *rules.items()):
            content[section] |= changed
        (folder / f"{name}.yaml").write_text(safe_dump(content | {"name": name}, sort_keys=False), "utf-8")


def _prepare() -> None:
    """A first champion for each small project, by plain calls; `late` was checked too, but its one decision is old."""
    database.prepare_store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "verify_apart", verify.verify)  # another process takes seconds
        for name in PREPARED:
            flows.train(name, "first")
            flows.score(name, "first")
    monitoring.drift_check(Run("late", "monitoring", "first"))
    monitoring.performance_check(Run("late", "monitoring", "first"))
    _age_decisions("late", days=40)


def _age_decisions(project: str, days: float) -> None:
    from mlflow.store.tracking.dbmodels.models import SqlRun

    store = _store()._tracking_client.store
    with store.ManagedSessionMaker(read_only=False) as session:
        for found in queries.newest(project, records.Decision, most=10):
            session.get(SqlRun, found.id).start_time -= int(timedelta(days=days).total_seconds() * 1000)


def _store() -> MlflowClient:
    return MlflowClient(config.settings().tracking_uri)


@pytest.fixture(scope="module")
def airflow(home: Path, free_tcp_port_factory) -> Iterator[Airflow]:
    """The running stack, with every DAG parsed."""
    environment = {**os.environ, "SHOTCLOCK_PORT": str(free_tcp_port_factory())}
    environment.pop("AIRFLOW_HOME", None)
    with running(Layout.of(environment, home / "dags")) as stack:
        api = Airflow(stack)
        wait_for_airflow(stack, api)
        wait_for_dags(stack, api, "kobe_shots")
        yield api


# What the store says


def alerts(project: str) -> set[str]:
    return {alert.kind for alert in history.alerts(project)}


def retrainings(project: str) -> list[triggers.Decision]:
    """The decisions of retrainings, oldest first."""
    return [done for done in reversed(history.decisions(project)) if done.flow == "retraining"]


def champion(project: str) -> str:
    return registry.require_champion(project).number


def unanswered(project: str) -> list[triggers.Alert]:
    return triggers.unanswered(history.alerts(project), history.decisions(project), champion(project))


def versions(project: str) -> list[str]:
    return sorted(str(found.version) for found in _store().search_model_versions(f"name = '{project}'"))


def went_on(airflow: Airflow, project: str) -> list[str]:
    """The runs of the retraining DAG that did not end with their first task."""
    dag = f"{project}.retraining"
    return [run for run in airflow.runs(dag) if airflow.states(dag, run)["decide"] == "success"]


# From a fresh start


@pytest.fixture(scope="module")
def rested(airflow: Airflow) -> Airflow:
    """`kobe_shots` after one trigger of its training, at rest."""
    airflow.wait("the schedule's first look", lambda: airflow.runs("kobe_shots.retraining"))
    airflow.rest("kobe_shots")
    airflow.trigger("kobe_shots.training")
    airflow.rest("kobe_shots")
    return airflow


def test_at_the_first_start_the_schedule_finds_no_champion_and_skips(rested: Airflow) -> None:
    run, data = next(iter(rested.runs("kobe_shots.retraining").items()))
    assert (data["run_type"], data["state"]) == ("scheduled", "success")
    assert set(rested.states("kobe_shots.retraining", run).values()) == {"skipped"}
    assert "has no champion yet; trigger kobe_shots.training first" in rested.said(
        "kobe_shots.retraining", run, "decide"
    )


def test_one_trigger_of_training_leads_by_itself_through_the_whole_loop_to_rest(rested: Airflow, home: Path) -> None:
    states = {run["state"] for flow in FLOWS for run in rested.runs(f"kobe_shots.{flow}").values()}
    assert states == {"success"}
    assert len(rested.runs("kobe_shots.training")) == 1
    assert len(rested.runs("kobe_shots.inference")) == 2

    assert [done.outcome for done in reversed(history.decisions("kobe_shots"))] == ["promote", "promote"]
    assert (champion("kobe_shots"), registry.by_alias("kobe_shots", "previous").number) == ("2", "1")
    assert versions("kobe_shots") == ["1", "2"]
    assert len(went_on(rested, "kobe_shots")) == 1
    started = [run["run_type"] for run in rested.runs("kobe_shots.retraining").values()]
    assert started in (["scheduled", "asset_triggered"], ["scheduled", "asset_triggered", "asset_triggered"])

    scored = [stored.record for stored in queries.newest("kobe_shots", records.Application, most=10)]
    assert [(application.champion, application.scored) for application in scored] == [("2", 6426), ("1", 6426)]
    shown = pq.read_table(home / "data" / "kobe_shots" / "predictions" / "resultado_pipeline.parquet")
    assert (shown.num_rows, set(shown["model_version"].to_pylist())) == (6426, {"2"})


def test_the_first_champions_window_drifts_and_is_worse_than_its_base_rate_and_the_seconds_is_quiet(
    rested: Airflow,
) -> None:
    (drift,) = history.findings("kobe_shots", "drift", "1", 1)
    assert "5 of 6 columns drifted" in drift.verdict.reason
    (before,) = history.findings("kobe_shots", "degradation", "1", 1)
    assert before.verdict.figures["log_loss_skill_high"] < 0
    assert {(alert.kind, alert.champion) for alert in history.alerts("kobe_shots")} == {(kind, "1") for kind in KINDS}
    assert unanswered("kobe_shots") == []

    runs = list(rested.runs("kobe_shots.monitoring"))
    sensors = [f"{kind}_sensor" for kind in KINDS]
    seen = [rested.states("kobe_shots.monitoring", run) for run in runs]
    assert [[states[sensor] for sensor in sensors] for states in seen] == [["success"] * 3, ["skipped"] * 3]


def test_the_retraining_says_which_alerts_it_answers_and_with_what_gain(rested: Airflow) -> None:
    (run,) = went_on(rested, "kobe_shots")
    (done,) = retrainings("kobe_shots")
    known = {alert.id: alert.reason for alert in history.alerts("kobe_shots")}
    assert done.answers
    assert all(known[alert] in rested.said("kobe_shots.retraining", run, "decide") for alert in done.answers)
    assert "on 1,623 rows" in done.reason
    names = {task for task in rested.states("kobe_shots.retraining", run) if task.startswith("train[")}
    twice = {
        f"{name}.{rows}" for name in ("decision_tree", "logistic_regression") for rows in ("recent", "older_and_recent")
    }
    assert names == {f"train[{name}]" for name in (*twice, "recalibrated_champion")}


def test_a_rollback_puts_the_first_champion_back_and_the_loop_does_not_undo_it(rested: Airflow) -> None:
    before = set(rested.runs("kobe_shots.retraining"))
    run = rested.trigger("kobe_shots.rollback", reason="the arena's cameras were wrong")
    assert rested.ended("kobe_shots.rollback", run) == "success"
    rested.wait("scoring anew", lambda: len(rested.runs("kobe_shots.monitoring")) == 3)
    rested.rest("kobe_shots")
    assert (champion("kobe_shots"), registry.by_alias("kobe_shots", "previous").number) == ("1", "2")
    newest = queries.newest("kobe_shots", records.Application)[0].record
    assert newest.champion == "1"
    looked = list(rested.runs("kobe_shots.monitoring"))[-1]
    states = rested.states("kobe_shots.monitoring", looked)
    assert {states[f"{kind}_sensor"] for kind in KINDS} == {"skipped"}
    assert set(rested.runs("kobe_shots.retraining")) == before
    done = history.decisions("kobe_shots")[0]
    assert (done.outcome, done.reason, done.champion) == ("rollback", "the arena's cameras were wrong", "1")


# What starts a retraining


def test_the_schedule_alone_retrains_when_the_last_decision_is_older_than_its_period(airflow: Airflow) -> None:
    airflow.wait("the schedule's first look", lambda: airflow.runs("late.retraining"))
    airflow.rest("late")
    ((run, data),) = airflow.runs("late.retraining").items()
    assert data["run_type"] == "scheduled"
    assert airflow.said("late.retraining", run, "decide") == "**Goes on.**\n\nStarted because: scheduled"
    (done,) = retrainings("late")
    assert (done.outcome, done.answers) == ("keep", ())
    assert "dry run; gain over the champion" in done.reason
    assert alerts("late") == set()


def test_the_schedule_skips_a_point_that_a_decision_has_answered(airflow: Airflow) -> None:
    airflow.wait("the schedule's first look", lambda: airflow.runs("lost.retraining"))
    run, data = next(iter(airflow.runs("lost.retraining").items()))
    assert airflow.ended("lost.retraining", run) == "success"
    assert data["run_type"] == "scheduled"
    assert "is answered: the last decision is of" in airflow.said("lost.retraining", run, "decide")


@pytest.fixture(scope="module")
def monitored(airflow: Airflow) -> Airflow:
    """The three projects of which only one rule each can fire, after one look of monitoring, at rest."""
    for kind in KINDS:
        airflow.trigger(f"only_{kind}.monitoring")
    for kind in KINDS:
        airflow.rest(f"only_{kind}")
    return airflow


@pytest.mark.parametrize("kind", KINDS)
def test_each_alert_alone_starts_a_retraining(monitored: Airflow, kind: str) -> None:
    project = f"only_{kind}"
    (looked,) = monitored.runs(f"{project}.monitoring")
    states = monitored.states(f"{project}.monitoring", looked)
    assert {other: states[f"{other}_sensor"] for other in KINDS} == dict.fromkeys(KINDS, "skipped") | {kind: "success"}

    (event,) = monitored.listed("/assets/events", "asset_events", source_dag_id=f"{project}.monitoring")
    assert event["name"] == f"{project}/{kind}_alert"
    assert event["extra"].keys() >= {"reason", "figures", "window", "champion", "alert"}
    (run,) = went_on(monitored, project)
    assert monitored.runs(f"{project}.retraining")[run]["run_type"] == "asset_triggered"
    assert [started["run_id"] for started in event["created_dagruns"]] == [run]
    (done,) = retrainings(project)
    assert done.answers == (event["extra"]["alert"],)
    assert event["extra"]["reason"] in monitored.said(f"{project}.retraining", run, "decide")


# A person decides


def test_in_approval_mode_a_person_rejects_and_later_approves_and_is_named(airflow: Airflow) -> None:
    airflow.trigger("approving.monitoring")
    run = airflow.wait("a retraining", lambda: next(iter(_waiting(airflow)), None))
    assert champion("approving") == "1"
    _answer(airflow, run, "Reject", "not before the finals")
    assert airflow.ended("approving.retraining", run) == "success"
    airflow.rest("approving")
    (first,) = retrainings("approving")
    assert (first.outcome, champion("approving"), versions("approving")) == ("keep", "1", ["1"])
    assert first.reason.startswith("rejected by admin (not before the finals); gain over the champion ")
    assert airflow.states("approving.retraining", run)["promote"] == "skipped"

    run = airflow.trigger("approving.retraining", reason="looked again", mode="on")  # held all the same: gate.max_churn
    airflow.wait("the question", lambda: run in _waiting(airflow))
    _answer(airflow, run, "Approve", "")
    airflow.wait("the question once more", lambda: airflow.has_handled("approving.retraining", run, "approve", 2))
    assert (run in _waiting(airflow), champion("approving")) == (True, "1")
    _answer(airflow, run, "Approve", "looks right", asked=2)
    assert airflow.ended("approving.retraining", run) == "success"
    airflow.rest("approving")
    second = retrainings("approving")[-1]
    assert (second.outcome, champion("approving"), versions("approving")) == ("promote", "2", ["1", "2"])
    assert second.reason.startswith("approved by admin (looks right); gain over the champion ")
    assert "**Held**: " in airflow.said("approving.retraining", run, "verify")
    assert [done.by for done in (first, second)] == ["admin", "admin"]
    assert queries.newest("approving", records.Application)[0].record.champion == "2"


def _waiting(airflow: Airflow) -> list[str]:
    """The retrainings that wait for an answer; the question shows the gate's figures."""
    dag = "approving.retraining"
    runs = [run for run in airflow.runs(dag) if airflow.states(dag, run).get("approve") == "awaiting_input"]
    for run in runs:
        asked = airflow.get(f"{_place(dag, run)}/taskInstances/approve/-1/hitlDetails")
        assert "**promote**: decision_tree" in asked["body"]
        assert "are predicted otherwise than by v1" in asked["body"]
    return runs


def _answer(airflow: Airflow, run: str, option: str, why: str, asked: int = 1) -> None:
    """Answer as a person does, which is not before the scheduler knows that the task has asked: Airflow would fail it."""
    dag = "approving.retraining"
    airflow.wait("the scheduler to know", lambda: airflow.has_handled(dag, run, "approve", asked))
    body = {"chosen_options": [option], "params_input": {"why": why} if why else {}}
    airflow.patch(f"{_place(dag, run)}/taskInstances/approve/-1/hitlDetails", body)


# Many who write at once


def test_no_write_fails_however_many_come_at_once(airflow: Airflow) -> None:
    """SQLite has one write lock, and Airflow's audit record must not wait for it on the event loop: see `OneWriter`."""

    def write(_: int) -> None:
        airflow._call("PATCH", "/dags/watch.never", {"is_paused": True})
        airflow._call("POST", "/dags/watch.never/dagRuns", {"logical_date": None})

    with ThreadPoolExecutor(4) as many:
        list(many.map(write, range(20)))
    assert len(airflow.runs("watch.never")) == 20


# Sensors that wait, and events that are lost


def test_a_wait_in_vain_fails_in_time_or_with_soft_fail_is_skipped(airflow: Airflow) -> None:
    run = airflow.trigger("watch.in_vain")
    assert airflow.ended("watch.in_vain", run) == "failed"
    assert airflow.states("watch.in_vain", run) == {"fails": "failed", "is_skipped": "skipped"}


def test_an_alert_whose_event_is_lost_is_answered_once_and_a_sensor_elsewhere_sees_it(airflow: Airflow) -> None:
    airflow.rest("lost")  # the schedule's first look
    airflow.pause("lost.retraining", True)
    watch = airflow.trigger("watch.until_drift")
    airflow.wait("the deferral", lambda: airflow.states("watch.until_drift", watch) == {"sensor": "deferred"})
    looked = airflow.trigger("lost.monitoring")
    assert airflow.ended("lost.monitoring", looked) == "success"
    assert airflow.ended("watch.until_drift", watch) == "success"
    raised = {alert.id for alert in history.alerts("lost")}
    assert alerts("lost") == {"drift", "degradation"}
    assert {alert.id for alert in unanswered("lost")} == raised

    airflow.pause("lost.retraining", False)
    run = airflow.trigger("lost.retraining", reason="its event was lost")
    assert airflow.ended("lost.retraining", run) == "success"
    airflow.rest("lost")
    (done,) = retrainings("lost")
    assert set(done.answers) == raised
    assert unanswered("lost") == []
    assert len(went_on(airflow, "lost")) == 1
    again = airflow.trigger("lost.monitoring")
    airflow.ended("lost.monitoring", again)
    airflow.rest("lost")
    assert {alert.id for alert in history.alerts("lost")} == raised
    assert len(went_on(airflow, "lost")) == 1


# Kill -9


def test_killed_while_it_trains_and_again_at_its_gate_a_retraining_ends_with_one_version(
    airflow: Airflow,
) -> None:
    dag = "killed.retraining"
    airflow.rest("killed")  # the schedule's first look
    airflow.trigger("killed.monitoring")
    run = airflow.wait("a retraining", lambda: next(iter(went_on(airflow, "killed")), None))
    _kill(airflow, dag, run, "train")
    assert (champion("killed"), versions("killed")) == ("1", ["1"])
    _kill(airflow, dag, run, "gate")
    assert (champion("killed"), versions("killed")) == ("1", ["1"])
    assert airflow.ended(dag, run) == "success"
    tries = {_label(task): task["try_number"] for task in airflow.tasks(dag, run) if task["try_number"] > 1}
    assert len(tries) == 2
    assert tries["gate"] == 2
    airflow.rest("killed")
    assert (champion("killed"), versions("killed")) == ("2", ["1", "2"])
    assert [done.outcome for done in retrainings("killed")] == ["promote"]
    assert unanswered("killed") == []


def _kill(airflow: Airflow, dag: str, run: str, name: str) -> None:
    """Kill the process of a task in the midst of its work."""

    def process() -> psutil.Process | None:
        running = [task for task in airflow.tasks(dag, run) if task["task_id"] == name and task["state"] == "running"]
        return next((psutil.Process(task["pid"]) for task in running if task["pid"]), None)

    found = airflow.wait(f"{name} at work", process, between=0.1)
    found.send_signal(signal.SIGKILL)
    over = lambda: any(  # noqa: E731
        task["task_id"] == name and task["state"] == "up_for_retry" for task in airflow.tasks(dag, run)
    )
    airflow.wait(f"{name} to be tried again", over)
