"""What tasks left in XCom for a reader, read from Airflow's database."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from airflow.api_fastapi.common.dagbag import get_dag_for_run_or_latest_version
from airflow.models.dagbag import CachedDBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session

KEYS = ("summary", "report", "mlflow_run_id")
_RETURNED = "return_value"

_Place = tuple[str, int]
_dags = CachedDBDagBag(load_op_links=False, cache_size=32, cache_ttl=3600, stats_prefix="shotclock_ui.dag_bag")


@dataclass(frozen=True)
class Output:
    """One task instance and what it left, by XCom key or by key in what it returned. `map_index` is -1 for a task that is not
    mapped."""

    task_id: str
    map_index: int
    label: str | None
    state: str | None
    values: dict[str, str]


def find_run(session: Session, dag_id: str, run_id: str) -> DagRun | None:
    return session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))


def of_run(session: Session, run: DagRun) -> list[Output]:
    """Every task instance of a run, in the order of the flow; tasks that the DAG has lost since come last."""
    dag = get_dag_for_run_or_latest_version(_dags, run, run.dag_id, session)
    place = {task_id: number for number, task_id in enumerate(_in_order(dag.task_dict))}
    return sorted(_outputs(session, run), key=lambda output: place.get(output.task_id, len(place)))


def of_task(session: Session, run: DagRun, task_id: str, map_index: int) -> list[Output]:
    """The task instance asked for; for a mapped task without an index, all of them. Empty where there is none."""
    found = _outputs(session, run, TaskInstance.task_id == task_id)
    return [output for output in found if map_index in (-1, output.map_index)]


def values(session: Session, dag_id: str, run_id: str, task_id: str, map_index: int) -> dict[str, str]:
    """What one task instance left, by key; empty where it left nothing or does not exist."""
    here = (XComModel.task_id == task_id, XComModel.map_index == map_index)
    return _left(session, dag_id, run_id, *here)[task_id, map_index]


def _outputs(session: Session, run: DagRun, *conditions: Any) -> list[Output]:
    left = _left(session, run.dag_id, run.run_id)
    query = (
        select(
            TaskInstance.task_id,
            TaskInstance.map_index,
            TaskInstance.rendered_map_index,
            TaskInstance.state,
        )
        .where(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id, *conditions)
        .order_by(TaskInstance.task_id, TaskInstance.map_index)
    )
    return [
        Output(task_id, map_index, label, state, left[task_id, map_index])
        for task_id, map_index, label, state in session.execute(query)
    ]


def _left(session: Session, dag_id: str, run_id: str, *conditions: Any) -> defaultdict[_Place, dict[str, str]]:
    query = select(XComModel.task_id, XComModel.map_index, XComModel.key, XComModel.value).where(
        XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key.in_((*KEYS, _RETURNED)), *conditions
    )
    left: defaultdict[_Place, dict[str, str]] = defaultdict(dict)
    for task_id, map_index, key, value in session.execute(query):
        here = left[task_id, map_index]
        if key == _RETURNED:
            left[task_id, map_index] = _in_result(value) | here
        else:
            here[key] = _text(value)
    return left


def _in_result(value: Any) -> dict[str, str]:
    """What a reader looks for in a task's return value; what was pushed under a key of its own goes before it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    found = value if isinstance(value, dict) else {}
    return {key: found[key] for key in KEYS if isinstance(found.get(key), str)}


def _text(value: Any) -> str:
    """An XCom as text. Airflow's own decoder is not used: it makes objects of whatever class the value names."""
    if isinstance(value, str) and value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return str(value)


def _in_order(tasks: Mapping[str, Any]) -> Iterable[str]:
    """Task ids, each after what it waits for. Airflow's own sort keeps a group together, even before what it needs."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(tasks, ()))
    for task_id, task in tasks.items():
        sorter.add(task_id, *task.upstream_task_ids)
    return sorter.static_order()
