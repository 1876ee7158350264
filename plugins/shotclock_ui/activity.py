"""What Airflow is at for each project, read from its database: runs under way, a question to a person, paused DAGs."""

from collections.abc import Iterable
from dataclasses import dataclass

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import DagRunState, TaskInstanceState
from sqlalchemy import select
from sqlalchemy.orm import Session

from shotclock.judging.fitness import Activity

_FLOWS: tuple[Activity, ...] = ("retraining", "training", "rollback")  # the first one under way is told


@dataclass(frozen=True)
class Live:
    """One project in Airflow now. `dag_id` and `run_id` are of the run that is told of, or empty."""

    activity: Activity | None = None
    dag_id: str = ""
    run_id: str = ""
    paused: bool = False


def of(session: Session, projects: Iterable[str]) -> dict[str, Live]:
    """Of each project: a promotion that waits for approval, else a run under way, else whether its retraining is paused."""
    names = set(projects)
    dags = [f"{name}.{flow}" for name in names for flow in _FLOWS]
    running = _running(session, dags)
    waiting = _waiting(session, dags)
    paused = set(session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(dags), DagModel.is_paused)))
    return {name: _live(name, running, waiting, paused) for name in names}


def _running(session: Session, dags: list[str]) -> dict[str, str]:
    states = (DagRunState.RUNNING, DagRunState.QUEUED)
    query = select(DagRun.dag_id, DagRun.run_id).where(DagRun.dag_id.in_(dags), DagRun.state.in_(states))
    return {dag: run for dag, run in session.execute(query.order_by(DagRun.id.desc()))}  # noqa: C416 (rows are no pairs)


def _waiting(session: Session, dags: list[str]) -> dict[str, str]:
    """By DAG, the oldest run whose task `approve` waits for a person."""
    query = select(TaskInstance.dag_id, TaskInstance.run_id).where(
        TaskInstance.dag_id.in_(dags),
        TaskInstance.task_id == "approve",
        TaskInstance.state == TaskInstanceState.AWAITING_INPUT,
    )
    return {dag: run for dag, run in session.execute(query)}  # noqa: C416


def _live(name: str, running: dict[str, str], waiting: dict[str, str], paused: set[str]) -> Live:
    stopped = f"{name}.retraining" in paused
    for flow in _FLOWS:
        dag = f"{name}.{flow}"
        if dag in waiting:
            return Live("approval", dag, waiting[dag], stopped)
        if dag in running and dag not in paused:
            return Live(flow, dag, running[dag], stopped)
    return Live("paused" if stopped else None, paused=stopped)
