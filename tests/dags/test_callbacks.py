"""Callbacks that are kept in Airflow's database, and a real DAG processor that starts: what it cannot call does not end it."""

import json
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
DAG = """
    from airflow.sdk import DAG, task

    def told(context):
        with open({told!r}, "a") as file:
            file.write(context["run_id"] + "\\n")

    with DAG("sound", schedule=None, on_failure_callback=told):
        @task
        def nothing():
            pass

        nothing()
"""
POISON = {
    "above 64 bits": {"x": 2**64},
    "far above": {"x": 10**4000},
    "below": {"x": -(2**63) - 1},
    "in a list": {"x": [1, {"y": [10**30]}]},
    "of a name that the DAG has": {"seed": 18446744073709551616},
}
SOUND = {"greatest": {"x": 2**64 - 1}, "least": {"x": -(2**63)}, "float": {"x": 1e300}, "text": {"x": str(10**30)}}


def request(run: str, conf: dict) -> dict:
    asked = {"dag_id": "sound", "run_id": run, "logical_date": None, "run_after": NOW, "start_date": NOW, "conf": conf}
    asked |= {"run_type": "manual", "state": "failed", "consumed_asset_events": []}
    asked |= dict.fromkeys(("data_interval_start", "data_interval_end", "end_date", "partition_key"))
    place = {"filepath": "sound.py", "bundle_name": "dags-folder", "bundle_version": None}
    return place | {"dag_id": "sound", "run_id": run, "context_from_server": {"dag_run": asked}}


def keep(data: dict) -> None:
    """A row as the scheduler writes it."""
    from airflow.callbacks.callback_requests import DagCallbackRequest
    from airflow.models.db_callback_request import DbCallbackRequest
    from airflow.utils.session import create_session

    some = DagCallbackRequest(
        filepath="sound.py", bundle_name="dags-folder", bundle_version=None, dag_id="d", run_id="r"
    )
    row = DbCallbackRequest(priority_weight=1, callback=some)
    row.data = data
    with create_session() as session:
        session.add(row)


def kept() -> int:
    from airflow.models.db_callback_request import DbCallbackRequest
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        return session.scalar(select(func.count()).select_from(DbCallbackRequest))


@pytest.fixture
def processed(_airflow, tmp_path: Path):
    """`processed()`: a DAG processor goes four times over a folder with one DAG; gives it, and the runs that were told of."""
    told, dags = tmp_path / "told", tmp_path / "dags"
    dags.mkdir()
    (dags / "sound.py").write_text(textwrap.dedent(DAG).format(told=str(told)))

    def run() -> tuple[subprocess.CompletedProcess, set[str]]:
        env = os.environ | {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"}
        env |= {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0"}
        command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "4"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        return done, set(told.read_text().splitlines()) if told.exists() else set()

    return run


def test_kept_callbacks_that_cannot_be_called_are_dropped_and_said_and_the_others_are_called(processed) -> None:
    for name, conf in (POISON | SOUND).items():
        data = json.dumps(request(name, conf))
        keep({"req_class": "DagCallbackRequest", "req_data": data})
    unreadable = [
        {"req_class": "DagCallbackRequest", "req_data": "{"},
        {"req_class": "DagCallbackRequest", "req_data": '{"filepath": 1}'},
        {"req_class": "NoSuchRequest", "req_data": "{}"},
        {"req_class": "log", "req_data": "{}"},
        {"req_class": "DagCallbackRequest"},
        {},
    ]
    for data in unreadable:
        keep(data)
    done, told = processed()
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert kept() == 0
    assert told == SOUND.keys()
    assert said.count("Dropped a callback that cannot be called") == len(POISON) + len(unreadable)
    assert "above 64 bits" in said  # the run's name
