"""What tasks left in XCom for a reader."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from sqlalchemy.orm import Session

from shotclock_airflow import internals

KEYS = ("summary", "report", "mlflow_run_id")
_LOOKED_AT = (*KEYS, internals.RETURNED)

_Place = tuple[str, int]


@dataclass(frozen=True)
class Output:
    """One task instance and what it left, by XCom key or by key in what it returned. `map_index` is -1 for a task that is not
    mapped."""

    task_id: str
    map_index: int
    label: str | None
    state: str | None
    values: dict[str, str]


def of_run(session: Session, run: Any) -> list[Output]:
    """Every task instance of a run, in the order of the flow; tasks that the DAG has lost since come last."""
    place = {task_id: number for number, task_id in enumerate(_in_order(internals.upstream(session, run)))}
    return sorted(_outputs(session, run), key=lambda output: place.get(output.task_id, len(place)))


def of_task(session: Session, run: Any, task_id: str, map_index: int) -> list[Output]:
    """The task instance asked for; for a mapped task without an index, all of them. Empty where there is none."""
    found = _outputs(session, run, task_id)
    return [output for output in found if map_index in (-1, output.map_index)]


def values(session: Session, dag_id: str, run_id: str, task_id: str, map_index: int) -> dict[str, str]:
    """What one task instance left, by key; empty where it left nothing or does not exist."""
    place = task_id, map_index
    return _left(internals.xcoms(session, dag_id, run_id, _LOOKED_AT, place))[place]


def _outputs(session: Session, run: Any, task_id: str | None = None) -> list[Output]:
    left = _left(internals.xcoms(session, run.dag_id, run.run_id, _LOOKED_AT))
    found = internals.instances(session, run, task_id)
    return [Output(one.task_id, one.map_index, one.label, one.state, left[one.task_id, one.map_index]) for one in found]


def _left(found: Iterable[internals.Left]) -> defaultdict[_Place, dict[str, str]]:
    left: defaultdict[_Place, dict[str, str]] = defaultdict(dict)
    for task_id, map_index, key, value in found:
        here = left[task_id, map_index]
        if key == internals.RETURNED:
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


def _in_order(upstream: Mapping[str, set[str]]) -> Iterable[str]:
    """Task ids, each after what it waits for. Airflow's own sort keeps a group together, even before what it needs."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(upstream, ()))
    for task_id, before in upstream.items():
        sorter.add(task_id, *before)
    return sorter.static_order()
