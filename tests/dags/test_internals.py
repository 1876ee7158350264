"""What Airflow does not promise, and `shotclock_airflow.internals` leans on: a test fails when an entry breaks, or may go.

Pools and what is a job are tried in `test_fairness.py`, what a task tells its callbacks in `test_notifiers.py`.
"""

import inspect
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def internals(_airflow):
    from shotclock_airflow import internals

    return internals


# The scheduler


def test_sqlites_now_has_a_fraction_once_it_is_asked_for_and_none_before():
    code = (
        "import sys; from sqlalchemy import create_engine, func, select;"
        "from shotclock_airflow import internals;"
        "ask = lambda: create_engine('sqlite://').connect().execute(select(func.current_timestamp(), func.now())).one();"
        "before = str(ask()[1]); internals.start_runs_at_once();"
        "from sqlalchemy.dialects import postgresql, sqlite;"
        "print('.' in before, select(func.now()).compile(dialect=sqlite.dialect()),"
        " select(func.now()).compile(dialect=postgresql.dialect()), sep='\\n')"
    )
    env = {"PYTHONPATH": str(ROOT / "plugins"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    before, on_sqlite, elsewhere = done.stdout.splitlines()[0], done.stdout, done.stdout.splitlines()[-1]
    assert before == "False"
    assert "strftime('%Y-%m-%d %H:%M:%f000', 'now')" in on_sqlite
    assert "now()" in elsewhere


def test_the_scheduler_still_starts_the_runs_that_are_due_by_the_databases_now(_airflow):
    """When it compares with a time of its own, `start_runs_at_once` goes."""
    from airflow.models.dagrun import DagRun

    assert "DagRun.run_after <= func.now()" in inspect.getsource(DagRun.get_queued_dag_runs_to_set_running)


@pytest.fixture
def due(bag, projects, monkeypatch):
    """`due(marked=True, active=0)`: whether the scheduler would start the retraining DAG, for which an event waits.

    `marked`: that it has as many runs as it may have, as its row says; `active`: how many it has.
    """
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.models.asset import AssetDagRunQueue, DagScheduleAssetReference
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import select

    name = "kobe_shots.retraining"
    monkeypatch.setattr(DagModel, "dags_needing_dagruns", DagModel.dags_needing_dagruns)
    sync_bag_to_db(bag(), "dags-folder", None)

    def ask(*, marked: bool, active: int) -> bool:
        with create_session() as session:
            row = session.get(DagModel, name)
            row.is_paused, row.exceeds_max_non_backfill = False, marked
            row.next_dagrun_create_after = None  # by its schedule it would be due as well
            asset = session.scalar(
                select(DagScheduleAssetReference.asset_id).where(DagScheduleAssetReference.dag_id == name)
            )
            session.add(AssetDagRunQueue(asset_id=asset, target_dag_id=name))
            for number in range(active):
                SerializedDagModel.get_dag(name, session=session).create_dagrun(
                    run_id=f"active_{number}",
                    logical_date=None,
                    data_interval=None,
                    run_after=datetime(2026, 1, 2, tzinfo=UTC),
                    run_type=DagRunType.ASSET_TRIGGERED,
                    triggered_by=DagRunTriggeredByType.ASSET,
                    state="running",
                    session=session,
                )
            session.flush()
            found = {dag.dag_id for dag in DagModel.dags_needing_dagruns(session)[0].all()}
            session.rollback()
            return name in found

    return ask


def test_an_event_starts_a_run_although_the_last_one_is_still_counted(internals, due):
    """When Airflow passes the first of these, `see_ended_runs` goes."""
    assert not due(marked=True, active=0)
    internals.see_ended_runs()
    assert due(marked=True, active=0)
    assert due(marked=False, active=0)
    assert not due(marked=True, active=1)
    assert not due(marked=False, active=1)


# Callbacks


@pytest.fixture
def supervisor(_airflow, monkeypatch):
    """A supervisor beside this process; answers with `supervisor.states`, and keeps what it was asked."""
    from airflow.sdk.execution_time import task_runner

    class Supervisor:
        def send(self, message):
            self.asked = message
            return SimpleNamespace(task_states=self.states)

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)
    return task_runner.SUPERVISOR_COMMS


DAG = SimpleNamespace(dag_id="d", task_dict=dict.fromkeys(("ingest", "train", "train_all", "gate")))


def test_failed_tasks_are_told_in_the_dags_order_and_mapped_ones_by_index(internals, supervisor):
    states = {
        "train_1": "failed",
        "gate": "upstream_failed",
        "train_all": "failed",
        "train_0": "failed",
        "ingest": "failed",
    }
    supervisor.states = {"r1": states}
    assert internals.failed_tasks(DAG, "r1") == [("ingest", -1), ("train", 0), ("train", 1), ("train_all", -1)]
    assert (supervisor.asked.dag_id, supervisor.asked.run_ids) == ("d", ["r1"])


def test_airflow_still_names_mapped_instances_so(_airflow):
    from airflow.api_fastapi.execution_api.routes import task_instances

    assert 'f"{task.task_id}_{task.map_index}"' in inspect.getsource(task_instances.get_task_instance_states)


def test_where_no_supervisor_stands_beside_the_process_nobody_can_be_asked(internals):
    assert internals.failed_tasks(DAG, "r1") is None
    assert internals.left_behind("d", "r1", "ingest", -1, "error") is None


def test_the_dag_processor_has_a_supervisor_in_the_same_place(_airflow):
    from airflow.dag_processing import processor

    assert "task_runner.SUPERVISOR_COMMS = " in inspect.getsource(processor)


def test_an_xcom_is_asked_for_by_its_whole_place(internals, supervisor):
    from airflow.sdk.execution_time.xcom import XCom

    with mock.patch.object(XCom, "get_one", autospec=True, return_value="it broke") as ask:
        assert internals.left_behind("d", "r1", "train", 2, "error") == "it broke"
    assert ask.call_args.kwargs == {"key": "error", "dag_id": "d", "run_id": "r1", "task_id": "train", "map_index": 2}


def test_what_airflow_knows_as_a_secret_is_masked(internals):
    from airflow.sdk.log import mask_secret

    mask_secret("hunter2hunter2")
    assert internals.without_secrets("no login with hunter2hunter2") == "no login with ***"


def test_a_notifier_still_cannot_render_with_the_dag_that_a_tried_run_is_given(bag, projects):
    """When it can (apache/airflow#64649), `_Notifier.render_template_fields` goes."""
    from airflow.sdk import BaseNotifier
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag().dags["kobe_shots.rollback"]))
    notifier = type("Theirs", (BaseNotifier,), {"notify": lambda self, context: None})()
    with pytest.raises(AttributeError, match="get_template_env"):
        notifier.render_template_fields({"dag": dag})


# A person's answer

MODEL = {"uri": "models:/m-1", "id": "m-1", "sha256": "ee"}


def answered(option, user=None, **fields):
    return {
        "chosen_options": [option],
        "params_input": fields,
        "responded_at": datetime(2026, 1, 2, tzinfo=UTC),
        "responded_by_user": user,
        "timedout": user is None,
    }


@pytest.fixture
def approval(_airflow):
    from shotclock_airflow.approval import PromotionApproval, form

    return PromotionApproval(
        task_id="approve", mode="approval", decision={}, verified={}, subject="promote?", params=form()
    )


@pytest.mark.parametrize("option", ("Approve", "Reject"))
def test_an_answer_tells_what_was_chosen_by_whom_and_why_and_skips_nothing(approval, option):
    with mock.patch.object(type(approval), "skip", side_effect=AssertionError("skipped")):
        told = approval.execute_complete({}, answered(option, {"id": "1", "name": "ann"}, why=" looks good "))
    word = {"Approve": "approved", "Reject": "rejected"}[option]
    assert told == {"approved": option == "Approve", "by": "ann", "because": f"{word} by ann (looks good)"}


@pytest.mark.parametrize(
    ("mode", "verified", "found"),
    [
        ("on", {"model": MODEL}, {"approved": True}),
        ("on", {"model": MODEL, "held": "too much changes"}, "asked"),
        ("on", {}, {"approved": True}),
        ("approval", {"model": MODEL}, "asked"),
        ("approval", {}, {"approved": True}),
        ("dry_run", {"model": MODEL, "held": "too much changes"}, {"approved": False, "because": "dry run"}),
    ],
)
def test_a_person_is_asked_in_that_mode_or_where_it_is_held_and_only_about_what_may_take_over(
    approval, mode, verified, found
):
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    approval.mode, approval.verified = mode, verified
    with mock.patch.object(ApprovalOperator, "execute", autospec=True, return_value="asked"):
        assert approval.execute({}) == found


@pytest.mark.parametrize("fields", [{}, {"why": None}, {"why": ""}, {"why": "  \n"}])
@pytest.mark.parametrize("option", ("Approve", "Reject"))
def test_an_answer_without_a_reason_is_none_and_the_question_is_asked_again(approval, option, fields):
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    with mock.patch.object(ApprovalOperator, "execute", autospec=True, return_value="asked"):
        found = approval.execute_complete({}, answered(option, {"id": "1", "name": "ann"}, **fields))
    assert found == "asked"


def test_airflows_page_insists_on_a_reason(approval):
    """It does so for what may not be null; and the task must be able to begin without one."""
    assert approval.serialized_params["why"]["schema"]["type"] == "string"
    assert approval.params.validate() == {"why": ""}


def test_where_nobody_has_answered_in_time_the_default_was_taken(approval):
    told = approval.execute_complete({}, answered("Reject"))
    assert told == {"approved": False, "by": "nobody in time", "because": "rejected by nobody in time"}


def test_airflows_own_operator_still_skips_what_follows_a_rejection(approval):
    """When it can be told to hand it on, `answer` goes."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    assert "self.skip(" in inspect.getsource(ApprovalOperator.execute_complete)
    assert set(inspect.signature(ApprovalOperator).parameters) == {
        "ignore_downstream_trigger_rules",
        "fail_on_reject",
        "kwargs",
    }


# The API server


def test_an_app_behind_the_guards_answers_nobody_who_has_not_logged_in(internals):
    from fastapi import Depends, FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI(dependencies=[Depends(guard) for guard in internals.guards()])
    app.get("/{dag_id}")(lambda dag_id: dag_id)
    assert TestClient(app).get("/kobe_shots.monitoring").status_code == 401


def test_who_may_read_which_dag_is_asked_of_the_auth_manager(internals, monkeypatch):
    from airflow.api_fastapi import app
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager

    manager = mock.create_autospec(BaseAuthManager, instance=True)
    manager.is_authorized_dag.side_effect = lambda *, method, access_entity, details, user: details.id == "a.monitoring"
    monkeypatch.setattr(app, "get_auth_manager", lambda: manager)
    with contextmanager(internals.session)() as session:
        assert internals.readable(["a.monitoring", "b.monitoring"], "ann", session) == {"a.monitoring"}
    asked = manager.is_authorized_dag.call_args.kwargs
    assert (asked["method"], asked["access_entity"].value, asked["user"]) == ("GET", "XCOM", "ann")
    assert inspect.iscoroutinefunction(internals.asker())


@pytest.fixture
def done(at, bag, run):
    """A run of `shots.monitoring`, whose DAG Airflow's database has."""
    from airflow.dag_processing.dagbag import sync_bag_to_db

    at("rested")
    found = bag()
    sync_bag_to_db(found, "dags-folder", None)
    return run("monitoring")


def test_what_stands_in_the_database_about_a_run_is_read(internals, done):
    with contextmanager(internals.session)() as session:
        found = internals.find_run(session, "shots.monitoring", done.id)
        assert (found.dag_id, found.run_id, found.state) == ("shots.monitoring", done.id, done.state)
        assert internals.find_run(session, "shots.monitoring", "another") is None
        upstream = internals.upstream(session, found)
        assert upstream["drift_sensor"] == {"drift_check", "performance_check"}
        states = {one.task_id: one.state for one in internals.instances(session, found)}
        assert states == done.states
        (check,) = internals.instances(session, found, "drift_check")
        assert check == internals.Instance("drift_check", -1, None, "success")
        left = internals.xcoms(session, "shots.monitoring", done.id, ["summary"])
        assert {"drift_check", "performance_check"} <= {task for task, *_ in left}
        (summary,) = internals.xcoms(session, "shots.monitoring", done.id, ["summary"], ("drift_check", -1))
        assert summary[:3] == ("drift_check", -1, "summary")
        assert done.xcom("drift_check", "summary") in (summary[3], summary[3].strip('"').replace("\\n", "\n"))


def test_what_is_under_way_what_waits_for_a_person_and_what_is_paused_is_told(internals, done):
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import update

    dags = ["shots.monitoring", "shots.training"]
    with contextmanager(internals.session)() as session:
        run = internals.find_run(session, "shots.monitoring", done.id)
        assert internals.under_way(session, dags) == internals.awaiting(session, dags, "drift_sensor") == {}
        here = (TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id)
        session.execute(
            update(TaskInstance).where(*here, TaskInstance.task_id == "drift_sensor").values(state="awaiting_input")
        )
        session.execute(update(DagModel).where(DagModel.dag_id == run.dag_id).values(is_paused=True))
        session.execute(update(type(run)).where(type(run).id == run.id).values(state="running"))
        assert internals.under_way(session, dags) == {"shots.monitoring": done.id}
        assert internals.awaiting(session, dags, "drift_sensor") == {"shots.monitoring": done.id}
        assert "shots.monitoring" in internals.paused(session, dags)
        session.rollback()


# What leans on Airflow's inside from elsewhere


def test_airflows_audit_record_is_still_written_on_the_event_loop(_airflow):
    """When it is not, `shotclock_sqlite` goes."""
    from airflow.api_fastapi.logging.decorators import action_logging

    assert inspect.iscoroutinefunction(action_logging())


def test_the_tasks_own_api_still_answers_for_its_health_where_the_launcher_asks(_airflow):
    from airflow.api_fastapi.execution_api.routes import health

    assert "/health" in {route.path for route in health.router.routes}
