"""Every service of docker-compose.yaml, started by its own command with its own environment, until its own health check is
content; then the whole loop on two Celery workers, in peace and with services killed on the way.
"""

import json
import urllib.request
from collections.abc import Callable

import httpx
import pyarrow.parquet as pq
import pytest
from loop import Loop, Outcome, kill

from shotclock.store import history, queries, records
from shotclock.store.versions import registry
from shotclock_deployment import keys
from shotclock_launcher.following.api import ApiError

ALERTS = [("degradation", "1"), ("drift", "1"), ("new_records", "1")]


def test_the_loop_on_two_workers_ends_with_the_second_champion_and_no_open_alert(
    stack: Loop, undisturbed: Outcome
) -> None:
    assert (undisturbed.champion, undisturbed.previous, undisturbed.promotions) == ("2", "1", 2)
    assert undisturbed.alerts == ALERTS
    assert (undisturbed.answered_twice, undisturbed.unanswered, undisturbed.keys) == ([], [], [])
    shown = pq.read_table(stack.predictions("kobe_shots"))
    assert (shown.num_rows, set(shown["model_version"].to_pylist())) == (6426, {"2"})
    ran_on = {ti["hostname"] for flow in ("training", "retraining") for ti in stack.tasks(f"kobe_shots.{flow}")}
    assert {"worker-1", "worker-2"} <= ran_on


def test_the_log_of_a_task_is_read_back_from_object_storage(stack: Loop, undisturbed: Outcome) -> None:
    (task,) = [ti for ti in stack.tasks("kobe_shots.training") if ti["task_id"] == "split"]
    for worker in ("worker-1", "worker-2"):  # no longer where it was written
        stack.engine.execute(worker, "rm", "-rf", "/opt/shotclock/var/log/tasks/dag_id=kobe_shots.training")
    assert "s3://shotclock/task-logs/dag_id=kobe_shots.training" in stack.log(task)


def test_the_endpoint_answers_with_the_champion_and_the_dashboard_is_there(stack: Loop, undisturbed: Outcome) -> None:
    health = lambda: json.loads(_page("http://endpoint:5001/projects/kobe_shots/health"))  # noqa: E731
    stack.wait("the new champion at the endpoint", lambda: health()["model_version"] == "2")
    assert "<title>Streamlit</title>" in _page("http://dashboard:8501/")


def _page(address: str) -> str:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=30) as answer:
        return answer.read().decode()


# Who may do what


MAY = {"viewer": (True, False, False), "user": (True, True, False), "op": (True, True, True)}


def test_a_viewer_looks_a_user_triggers_and_an_op_manages_connections(
    stack: Loop, undisturbed: Outcome, users: dict[str, str]
) -> None:
    found = {role: _allowed(stack, role, users[role]) for role in MAY}
    assert found == MAY


def _allowed(stack: Loop, name: str, password: str) -> tuple[bool, ...]:
    """Whether this user may read a DAG, start one, and add a connection."""
    api = stack.login(name, password)
    look = lambda: api.get("/dags/kobe_shots.training")  # noqa: E731
    ends_at_once = "/dags/raced.retraining/dagRuns"  # there is no champion yet
    start = lambda: api.post(ends_at_once, {"logical_date": None, "conf": {}})  # noqa: E731
    connect = lambda: api.post("/connections", {"connection_id": f"of_{name}", "conn_type": "http"})  # noqa: E731
    return tuple(_is_allowed(request) for request in (look, start, connect))


def _is_allowed(request: Callable[[], object]) -> bool:
    try:
        request()
    except ApiError as error:
        assert error.status == 403, error
        return False
    return True


PAGES = ("/shotclock/health", "/shotclock/health/kobe_shots", "/shotclock/summary/kobe_shots.training/x")


def test_our_pages_ask_for_a_login_behind_the_path_too(stack: Loop, undisturbed: Outcome) -> None:
    for page in PAGES:
        with httpx.Client(base_url=stack.api.address, timeout=60, trust_env=False) as client:
            assert client.get(page).status_code == 401
            assert client.post(page, json={}).status_code in (401, 405)
            opened = client.get(page, headers={"Accept": "text/html"})
            assert opened.status_code == 303


MOVE = """
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

client = MlflowClient()
assert client.get_model_version_by_alias("kobe_shots", "champion").version == "2"
for change in (
    lambda: client.set_registered_model_alias("kobe_shots", "champion", "1"),
    lambda: client.delete_registered_model_alias("kobe_shots", "champion"),
    lambda: client.create_experiment("planted", artifact_location="/proc/self"),
):
    try:
        change()
    except MlflowException as error:
        assert "may only read" in str(error), error
    else:
        raise AssertionError("it has changed something")
"""


def test_who_is_no_worker_reads_in_mlflow_and_moves_no_champion(stack: Loop, undisturbed: Outcome) -> None:
    for service in ("endpoint-1", "dashboard-1", "api-server-1", "scheduler-1", "triggerer-1", "dag-processor-1"):
        done = stack.engine.execute(service, "python", "-c", MOVE)
        assert done.returncode == 0, (service, done.stderr)
    assert registry.champion("kobe_shots").number == "2"
    without = stack.engine.execute("endpoint-1", "env", "-u", "MLFLOW_TRACKING_PASSWORD", "python", "-c", MOVE)
    assert "401" in without.stderr


def test_no_service_runs_as_root(stack: Loop) -> None:
    """But for the object store, whose place a program of this machine takes."""
    names = [name for name, c in stack.engine.containers.items() if c.service.name not in ("init", "s3")]
    users = {name: stack.engine.containers[name].init.uids().effective for name in names}
    assert [name for name, user in users.items() if user == 0] == []


# Kill -9

KILLS = [("training", "train", "worker"), ("inference", "score", "postgres"), ("retraining", "train", "scheduler")]


@pytest.fixture(scope="module")
def shaken(stack: Loop) -> Outcome:
    stack.parsed("shaken")
    follower = stack.follower("shaken")
    stack.trigger("shaken.training")
    for flow, task, service in KILLS:
        kill(stack, f"shaken.{flow}", task, service)
    stack.rest(follower)
    return stack.outcome("shaken")


def test_killed_thrice_the_loop_ends_as_one_that_was_left_in_peace(undisturbed: Outcome, shaken: Outcome) -> None:
    assert shaken == undisturbed


# Two at once


def test_of_two_trainings_started_in_the_same_second_one_wins_and_the_other_says_why_not(
    stack: Loop, undisturbed: Outcome
) -> None:
    stack.parsed("raced")
    for flow in ("inference", "monitoring", "retraining"):
        stack.pause(f"raced.{flow}")
    follower = stack.follower("raced")
    runs = [stack.trigger("raced.training") for _ in range(2)]
    assert set(stack.rest(follower).values()) == {"success"}
    second, first = history.decisions("raced")
    assert (first.outcome, second.outcome) == ("promote", "keep")
    assert {first.run, second.run} == set(runs)
    assert "gain over the champion 0.0000" in second.reason
    assert registry.champion("raced").number == "1"


def test_of_a_retraining_and_a_rollback_started_in_the_same_second_one_wins_and_the_other_says_why_not(
    stack: Loop, shaken: Outcome
) -> None:
    follower, served = stack.follower("shaken"), set()
    retraining = stack.trigger("shaken.retraining", reason="a new season")
    rollback = stack.trigger("shaken.rollback", reason="complaints from Boston")
    ended = stack.rest(follower, lambda: served.add(registry.require_champion("shaken").number))
    assert (ended["shaken.retraining", retraining], ended["shaken.rollback", rollback]) == ("success", "success")
    second, first = history.decisions("shaken", 2)
    assert (first.run, first.outcome, first.champion) == (rollback, "rollback", shaken.previous)
    assert (second.run, second.outcome, second.champion) == (retraining, "keep", shaken.previous)
    assert f"(rollback `{rollback}`: complaints from Boston), and stays" in second.reason
    assert registry.champion("shaken").number == shaken.previous
    assert served <= {shaken.champion, shaken.previous}, "and at no time was there none"


def test_of_two_rollbacks_started_in_the_same_second_the_second_does_not_undo_the_first_and_says_why(
    stack: Loop, shaken: Outcome
) -> None:
    before = [registry.by_alias("shaken", alias).number for alias in (registry.PREVIOUS, registry.CHAMPION)]
    follower = stack.follower("shaken")
    runs = [stack.trigger("shaken.rollback", reason=reason) for reason in ("complaints", "the same complaints")]
    assert set(stack.rest(follower).values()) == {"success"}
    assert [registry.by_alias("shaken", alias).number for alias in (registry.CHAMPION, registry.PREVIOUS)] == before
    done = history.decisions("shaken")[0]
    (skipped,) = queries.newest("shaken", records.Decision, where={"decision": "skip"})
    assert {done.run, skipped.run_id} == set(runs)
    assert f"(rollback `{done.run}`: {done.reason}): nothing was rolled back" in skipped.record.reason


# Secrets


def test_no_secret_of_the_environment_appears_in_logs_rendered_templates_or_mlflow(
    stack: Loop, undisturbed: Outcome
) -> None:
    secrets = [stack.settings[name].encode() for name in keys.SECRETS]
    places = list(stack.everything_written())
    found = {kind for kind, _, text in places if b"kobe_shots" in text}
    assert {"task log", "service log", "rendered template", "XCom", "MLflow", "artefact"} <= found, "what is no secret"
    leaks = [(kind, name) for kind, name, text in places for secret in secrets if secret in text]
    assert leaks == []
