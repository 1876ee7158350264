"""What Airflow is at for each project, runs under way, a question to a person, paused DAGs."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shotclock.judging.fitness import Activity
from shotclock_airflow import internals

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
    running = internals.under_way(session, dags)
    waiting = internals.awaiting(session, dags, "approve")
    paused = internals.paused(session, dags)
    return {name: _live(name, running, waiting, paused) for name in names}


def _live(name: str, running: dict[str, str], waiting: dict[str, str], paused: set[str]) -> Live:
    stopped = f"{name}.retraining" in paused
    for flow in _FLOWS:
        dag = f"{name}.{flow}"
        if dag in waiting:
            return Live("approval", dag, waiting[dag], stopped)
        if dag in running and dag not in paused:
            return Live(flow, dag, running[dag], stopped)
    return Live("paused" if stopped else None, paused=stopped)
