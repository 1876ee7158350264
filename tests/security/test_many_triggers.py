"""Many triggers at once, drained to the end: none is lost, none runs twice, and few run side by side."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from doors import PROJECT, Doors

MANY = int(os.environ.get("TRIGGERS", "12"))  # `make test-chaos` asks for 1,000
AT_ONCE = 2  # runs of one project's retraining
SENDERS = 20
PATIENCE = 300.0 + 30 * MANY  # seconds; on a quiet machine a run takes one
RETRAINING = f"{PROJECT}.retraining"


def drained(doors: Doors, before: int) -> list[dict]:
    """All runs, once none is left. Only their number is asked for until then: to list a thousand takes as long as a run."""
    until = time.monotonic() + PATIENCE
    left = MANY
    while left:
        time.sleep(1)
        doors.stack.check()
        left = sum(_count(doors, state=state) for state in ("queued", "running"))
        assert time.monotonic() < until, f"{left} of {MANY} are left"
    assert _count(doors) >= before + MANY
    return list(doors.api.listed(f"/dags/{RETRAINING}/dagRuns", "dag_runs"))


def _count(doors: Doors, **query: str) -> int:
    return doors.api.get(f"/dags/{RETRAINING}/dagRuns", limit=1, **query)["total_entries"]


def most_at_once(runs: list[dict]) -> int:
    """By Airflow's own records of when each began and ended; one that begins as another ends is not beside it."""
    moment = datetime.fromisoformat
    edges = [(moment(run["start_date"]), 1) for run in runs] + [(moment(run["end_date"]), -1) for run in runs]
    side_by_side = most = 0
    for _, change in sorted(edges):
        side_by_side += change
        most = max(most, side_by_side)
    return most


def test_of_many_triggers_at_once_each_runs_once_and_few_side_by_side(doors: Doors) -> None:
    before = _count(doors)

    def trigger(number: int) -> str:
        body = {"dag_run_id": f"many-{number}", "logical_date": None, "conf": {"reason": f"trigger {number}"}}
        answer = doors.ask("POST", f"/api/v2/dags/{RETRAINING}/dagRuns", "user", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["dag_run_id"]

    with ThreadPoolExecutor(SENDERS) as senders:
        asked = list(senders.map(trigger, range(MANY)))
    runs = {run["dag_run_id"]: run for run in drained(doors, before)}
    many = [runs[name] for name in asked]
    assert [run["dag_run_id"] for run in many] == asked
    assert {run["state"] for run in many} == {"success"}
    assert {run["conf"]["reason"] for run in many} == {f"trigger {number}" for number in range(MANY)}
    assert most_at_once(many) <= AT_ONCE
    tasks = list(doors.api.listed(f"/dags/{RETRAINING}/dagRuns/~/taskInstances", "task_instances", task_id="decide"))
    tries = {task["dag_run_id"]: task["try_number"] for task in tasks if task["task_id"] == "decide"}
    assert {tries[name] for name in asked} == {1}
    again = {"dag_run_id": "many-0", "logical_date": None}
    assert doors.ask("POST", f"/api/v2/dags/{RETRAINING}/dagRuns", "user", json=again).status_code == 409
