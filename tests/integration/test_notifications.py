"""A real scheduler, its workers and its DAG processor tell of a failure: who runs which callback, and what it can see there."""

import os
import shutil
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shotclock_launcher.following.api import Api
from shotclock_launcher.following.readiness import wait_for_airflow, wait_for_dags
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.stack import running

ROOT = Path(__file__).parents[2]
DAGS = """
    import os, signal

    from airflow.sdk import DAG, get_current_context, task
    from shotclock_airflow.notifiers import tell_decisions, tell_failures

    with DAG("kobe_shots.training", schedule=None, **tell_failures("kobe_shots")):
        @task(doc_md="Trains.\\n\\n**If it fails**, look at the rows.")
        def train(number):
            if number:
                raise ValueError(f"candidate {number}: postgresql://bob:hunter2@db/x is gone\\nand more")

        @task
        def gate():
            os.kill(os.getpid(), signal.SIGKILL)

        @task
        def promote(trained, killed):
            pass

        promote(train.expand(number=[0, 1, 2]), gate())

    with DAG("kobe_shots.rollback", schedule=None, **tell_failures("kobe_shots")):
        @task(**tell_decisions("kobe_shots"))
        def undo():
            from shotclock.handoff import Done  # where it is needed: it takes a second, which each task would wait for

            get_current_context()["told"] = Done(decision="rollback", version="1", reason="complaints")

        undo()
"""


def eventually(holds: Callable[[], bool], seconds: float = 300) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.2)
    return holds()


@pytest.fixture
def layout(tmp_path: Path, mailbox, webhook, monkeypatch, free_tcp_port_factory) -> Layout:
    """A home with one project that names both connections, which stand in the environment, and two small DAGs."""
    for folder in ("projects", "dags"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "include" / "projects" / "kobe_shots.yaml", tmp_path / "projects")
    (tmp_path / "projects" / "court").symlink_to(ROOT / "include" / "projects" / "court")
    with (tmp_path / "projects" / "kobe_shots.yaml").open("a") as file:
        file.write("\nnotify: {slack: team, smtp: post, mail_to: [a@example.org]}\n")
    (tmp_path / "dags" / "toys.py").write_text(textwrap.dedent(DAGS))
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", webhook.connection)
    monkeypatch.setenv("AIRFLOW_CONN_POST", mailbox.connection)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    ports = {"SHOTCLOCK_PORT": str(free_tcp_port_factory()), "SHOTCLOCK_MLFLOW_PORT": str(free_tcp_port_factory())}
    home = {"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_PROJECTS": "projects"}
    return Layout.of({**kept, **ports, **home}, tmp_path / "dags")


def test_a_failure_is_told_by_the_dag_processor_and_a_decision_by_its_task(layout: Layout, mailbox, webhook) -> None:
    with running(layout) as stack:
        api = Api(stack.layout.address, stack.login)
        wait_for_airflow(stack, api)
        wait_for_dags(stack, api, "kobe_shots")
        for flow in ("training", "rollback"):
            body = {"logical_date": None, "dag_run_id": "run:1", "conf": {"reason": "to be told"}}
            api.post(f"/dags/kobe_shots.{flow}/dagRuns", body)
        assert eventually(lambda: len(mailbox.mails) == len(webhook.texts) == 2)

    told = {text.partition("\n")[0]: text.partition("\n")[2] for text in webhook.texts}
    assert sorted(told) == [
        "*kobe_shots: rollback, v1 is the champion again*",
        "*kobe_shots: training failed at train[1], train[2], gate*",
    ]
    assert told["*kobe_shots: training failed at train[1], train[2], gate*"] == (
        "train[1]: ValueError: candidate 1: postgresql://bob:***@db/x is gone\n"
        "train[2]: ValueError: candidate 2: postgresql://bob:***@db/x is gone\n"
        "gate: no error was recorded, see its log\n\n"
        "Look at the rows.\n"
        "The champion in service and everything that was published are as they were. Read the task's log, put the cause "
        "right, then clear the failed task.\n\n"
        "run: kobe_shots.training, run:1\n"
        f"{layout.address}/dags/kobe_shots.training/runs/run%3A1"
    )
    assert sorted(f"*{mail['Subject']}*" for mail in mailbox.mails) == sorted(told)
    written = [path for path in layout.var.rglob("*") if path.is_file() and b"-secret" in path.read_bytes()]
    assert written == []
    log = "".join(path.read_text() for path in (layout.logs / "dag_processor").rglob("*.log"))
    assert "kobe_shots: training failed at train[1], train[2], gate" in log
