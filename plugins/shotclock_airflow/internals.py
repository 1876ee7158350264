"""Whatever of Airflow is used outside its public interface stands in this file, and nothing else does.

Read in Airflow 3.3.2, Task SDK 1.3.2 and standard provider 1.21.0. Public is what Airflow's page "Public Interface for Airflow
3.0+" and its guides to plugins, listeners, notifiers and `airflow_local_settings` name. Each entry says what it does, where
Airflow's people talk of it, what breaks without it, and when it can go; `tests/dags/test_internals.py` fails then.

Imports stand in the functions: DAG files and all of Airflow's processes load this file, and few need what is behind it.

Two things lean on Airflow's inside from elsewhere, because they cannot import this file: `shotclock_sqlite.one_writer`, which
says so itself; and the launcher's `Api.warm_up`, which asks `/execution/health`, an address of the tasks' own API. Without
it the first task starts seconds later. It can go when Airflow builds that API's routes before it says that it is healthy.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

RETURNED = "return_value"

# The scheduler


def start_runs_at_once() -> None:
    """Make SQLite's `now` finer than a second; to be called in the scheduler, before it asks its database anything.

    It starts the runs whose `run_after` is at most the database's `now` (`DagRun.get_queued_dag_runs_to_set_running`), and
    SQLite's CURRENT_TIMESTAMP has no fraction. PostgreSQL's has one; this touches SQLite alone.

    Upstream: nothing found. Without it: each run waits for the next full second, half a second for each hop from DAG to DAG,
    an eighth of the loop. Goes: when the scheduler compares with a time of its own.
    """
    from sqlalchemy.ext.compiler import compiles
    from sqlalchemy.sql.functions import now

    compiles(now, "sqlite")(lambda *_, **__: "strftime('%Y-%m-%d %H:%M:%f000', 'now')")


def see_ended_runs() -> None:
    """Let an event start its DAG's next run as soon as the last one has ended; to be called in the scheduler, before it works.

    A DAG with as many active runs as it may have is marked in its row (`DagModel.exceeds_max_non_backfill`), and a marked one
    is passed over. The scheduler takes the mark off when it ends a run; but the DAG processor, which counts the runs whenever
    it reads the file, may write a count down that was true a moment ago. Where events wait, the runs are counted again.

    Upstream: apache/airflow#56050, and #71998, which asks the count alone; #73032 mends two kinds of run that leave the mark.
    Without it: now and then an alert's retraining starts up to half a minute late, when its file is read again. Goes: when
    `DagModel.dags_needing_dagruns` no longer asks the mark of a DAG that events start.
    """
    from airflow.models.dag import DagModel

    ask = DagModel.dags_needing_dagruns

    def ask_of_counted(session: "Session") -> Any:
        _count_runs_again(session)
        return ask(session)

    DagModel.dags_needing_dagruns = ask_of_counted


def _count_runs_again(session: "Session") -> None:
    from airflow.models.asset import AssetDagRunQueue
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    waiting = select(AssetDagRunQueue.target_dag_id)
    marked = session.scalars(
        select(DagModel).where(DagModel.exceeds_max_non_backfill, DagModel.dag_id.in_(waiting))
    ).all()
    if marked:
        active = DagRun.active_runs_of_dags(
            dag_ids=[dag.dag_id for dag in marked], exclude_backfill=True, session=session
        )
        for dag in marked:
            dag.exceeds_max_non_backfill = active.get(dag.dag_id, 0) >= (dag.max_active_runs or 0)
        session.flush()


def is_job(component: Any) -> bool:
    """Whether `on_starting` was called for one of Airflow's own processes, and not for a task.

    Upstream: nothing found; the listener's specification leaves open what it is given. Without it: each task's process makes
    the pool, or nobody does. Goes: when the specification says what a component is.
    """
    from airflow.jobs.job import Job

    return isinstance(component, Job)


def make_pool(name: str, slots: int, description: str) -> None:
    """Make a pool where there is none of this name.

    Upstream: nothing found; the REST API makes pools too, but a listener has no login there. Without it: trainings wait for a
    pool that an operator has to make. Goes: when a DAG or a plugin can declare a pool.
    """
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        if Pool.get_pool(name, session=session) is None:
            Pool.create_or_update_pool(name, slots, description, include_deferred=False, session=session)


# Callbacks


def tell(context: Any, said: Any) -> None:
    """Leave what a task said to its callbacks, which are given the very context that it ran with.

    Upstream: nothing found; that they get a context is documented, that it is this one is not. Without it: nobody is told of
    alerts and decisions. Goes: when a task's result is handed to its callbacks, also of a task that is skipped.
    """
    context["told"] = said


def told(context: Any) -> Any:
    """What the task has said, or None: see `tell`."""
    return context.get("told")


def drop_hopeless_callbacks() -> None:
    """Make the DAG processor drop, and say in its log, a callback that it cannot hand on; to be called in it, before it works.

    It sends a callback with its run's `conf` to the process that calls it, as MessagePack, which has no integer above 64 bits;
    and whoever may trigger a DAG may put one under a name that the DAG does not declare. Then, or where a kept one cannot be
    read, its loop ends (`DagFileProcessorManager._fetch_callbacks_from_db`, `DagFileProcessorProcess._on_child_started`), with
    every DAG's parsing, and a kept one ends the next start too. The run has failed all the same; nobody is told of it.

    Upstream: nothing found. Without it: one trigger stops the DAG processor. Goes: when that loop outlives such a callback.
    """
    from airflow.dag_processing.manager import DagFileProcessorManager, DbCallbackRequest

    read, fetch = DbCallbackRequest.get_callback_request, DagFileProcessorManager.fetch_callbacks

    def read_if_of_use(row: Any) -> Any:
        try:
            request = read(row)
            _as_sent(request)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as fault:
            log.error(
                "Dropped a callback that cannot be called: %s: %s; it was %.500s", type(fault).__name__, fault, row.data
            )
            return None
        return request

    DbCallbackRequest.get_callback_request = read_if_of_use
    DagFileProcessorManager.fetch_callbacks = lambda manager: [one for one in fetch(manager) if one is not None]


def _as_sent(request: Any) -> bytes:
    from airflow.sdk.execution_time.comms import _ResponseFrame

    return bytes(_ResponseFrame(id=0, body=request.model_dump()).as_bytes())


def failed_tasks(dag: Any, run_id: str) -> list[tuple[str, int]] | None:
    """Task and map index (-1 for none) of the tasks that failed, as the DAG file orders them; None where nobody can be asked.

    That is `dag.test()`, where no supervisor stands beside the process. Of a mapped task `train` Airflow calls the instances
    `train_0`, `train_1`, …

    Upstream: apache/airflow#61274, a task instance in the context of each DAG callback; #56465, where this did not answer.
    Without it: a failed run is told without its tasks. Goes: when that task instance is there in every case, and tells
    mapped instances apart.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    if not _supervised():
        return None
    tasks = list(dag.task_dict)
    states = RuntimeTaskInstance.get_task_states(dag_id=dag.dag_id, run_ids=[run_id]).get(run_id, {})
    found = [_place(name, tasks) for name, state in states.items() if state == "failed"]
    return sorted(found, key=lambda place: (tasks.index(place[0]), place[1]))


def _supervised() -> bool:
    from airflow.sdk.execution_time import task_runner

    return hasattr(task_runner, "SUPERVISOR_COMMS")


def _place(name: str, tasks: Sequence[str]) -> tuple[str, int]:
    if name in tasks:
        return name, -1
    task, _, index = name.rpartition("_")
    return task, int(index)


def left_behind(dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> Any:
    """An XCom, asked for outside of its DAG's tasks; None where it is not there, or where nobody can be asked.

    Upstream: apache/airflow#68789, the SDK's XCom works beside a supervisor only. Without it: `dag.test()` of a run that fails
    ends in the callback's error. Goes: with that pull request.
    """
    from airflow.sdk.execution_time.xcom import XCom

    place = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    return XCom.get_one(key=key, **place) if _supervised() else None


def without_secrets(text: str) -> str:
    """The text with what Airflow knows as a secret masked, as in its logs.

    Upstream: nothing found; `mask_secret` is public, what applies it is not. Without it: a password may stand in an error that
    is logged. Goes: when logging masks the text of exceptions by itself, in every process.
    """
    from airflow.sdk.log import redact

    return str(redact(text))


# A person's answer


@dataclass(frozen=True)
class Answer:
    """What came of asking a person: nobody (`by` is None) has answered in time where the default was taken."""

    approved: bool
    by: str | None
    fields: Mapping[str, Any]


def answer(operator: Any, context: Any, event: Mapping[str, object]) -> Answer:
    """Read the answer to an `ApprovalOperator`, without the skipping of what follows that a rejection means to it.

    Operators are public in what they do, not in their methods: this calls the one of its base class.

    Upstream: nothing found. Without it: a rejection is not written down as a decision. Goes: when the operator can be told to
    hand a rejection on.
    """
    from airflow.providers.standard.operators.hitl import HITLOperator

    found = HITLOperator.execute_complete(operator, context, event)
    by = found["responded_by_user"]
    approved = found["chosen_options"] == [operator.APPROVE]
    return Answer(approved, by["name"] if by else None, found["params_input"])


# The API server: who may see what


def guards() -> list[Callable[..., Any]]:
    """FastAPI dependencies: a login, and the right to read the XComs of the DAG in the address (`dag_id`), if there is one.

    Upstream: apache/airflow#72655 and #72935, merged, which document these two for plugins. Without it: the pages answer
    whoever asks. Goes from this file: with the first release that has their documentation.
    """
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag, requires_authenticated

    return [requires_authenticated(), requires_access_dag("GET", DagAccessEntity.XCOM)]


def asker() -> Callable[..., Any]:
    """A FastAPI dependency: the user who asks. See `guards`."""
    from airflow.api_fastapi.core_api.security import get_user

    return get_user  # type: ignore[no-any-return]


def readable(dags: Iterable[str], user: Any, session: "Session") -> set[str]:
    """Those of the DAGs whose XComs the user may read. See `guards`; here the DAGs are not in the address."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.models.dag import DagModel

    wanted = list(dags)
    teams = DagModel.get_dag_id_to_team_name_mapping(wanted, session=session)
    may = get_auth_manager().is_authorized_dag
    details = {dag: DagDetails(id=dag, team_name=teams.get(dag)) for dag in wanted}
    entity = DagAccessEntity.XCOM
    return {dag for dag in wanted if may(method="GET", access_entity=entity, details=details[dag], user=user)}


# The API server: what stands in Airflow's database
#
# Only the API server asks: no task and no DAG file may. The REST API tells the same, in some twenty requests a page that need
# the reader's own login. Upstream: apache/airflow#68789 (reading XComs in the API server; #59093 is the need). Without it: no
# summaries, no links, no "retraining is running". Goes: when a plugin can ask the REST API from inside, for its reader.


def session() -> Iterator["Session"]:
    """A FastAPI dependency: a session with Airflow's database."""
    from airflow.utils.session import create_session

    with create_session(scoped=False) as opened:
        yield opened


@dataclass(frozen=True)
class Instance:
    """One instance of a task in a run. `map_index` is -1 for a task that is not mapped; `label` names a mapped one."""

    task_id: str
    map_index: int
    label: str | None
    state: str | None


def find_run(session: "Session", dag_id: str, run_id: str) -> Any:
    """The run, with its `dag_id`, `run_id` and `state`; None where there is none."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))


@cache
def _dags() -> Any:
    from airflow.models.dagbag import CachedDBDagBag

    return CachedDBDagBag(load_op_links=False, cache_size=32, cache_ttl=3600, stats_prefix="shotclock_ui.dag_bag")


def upstream(session: "Session", run: Any) -> dict[str, set[str]]:
    """What each task of a run waits for, as its DAG was then."""
    from airflow.api_fastapi.common.dagbag import get_dag_for_run_or_latest_version

    dag = get_dag_for_run_or_latest_version(_dags(), run, run.dag_id, session)
    return {task_id: set(task.upstream_task_ids) for task_id, task in dag.task_dict.items()}


def instances(session: "Session", run: Any, task_id: str | None = None) -> list[Instance]:
    """Every task instance of a run, or of one of its tasks, by name and map index."""
    from airflow.models.taskinstance import TaskInstance as Task
    from sqlalchemy import select

    wanted = [Task.dag_id == run.dag_id, Task.run_id == run.run_id]
    wanted += [Task.task_id == task_id] if task_id else []
    query = select(Task.task_id, Task.map_index, Task.rendered_map_index, Task.state)
    return [Instance(*row) for row in session.execute(query.where(*wanted).order_by(Task.task_id, Task.map_index))]


Left = tuple[str, int, str, Any]
"""Task, map index, key and value as it is stored."""


def xcoms(
    session: "Session", dag_id: str, run_id: str, keys: Iterable[str], place: tuple[str, int] | None = None
) -> list[Left]:
    """What the tasks of a run left under these keys; or one of them, at its name and map index."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    query = select(XComModel.task_id, XComModel.map_index, XComModel.key, XComModel.value)
    here = [XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key.in_(list(keys))]
    here += [XComModel.task_id == place[0], XComModel.map_index == place[1]] if place else []
    return [(task, index, key, value) for task, index, key, value in session.execute(query.where(*here))]


def under_way(session: "Session", dags: Iterable[str]) -> dict[str, str]:
    """By DAG, the oldest run that is queued or running."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    states = (DagRunState.RUNNING, DagRunState.QUEUED)
    query = select(DagRun.dag_id, DagRun.run_id).where(DagRun.dag_id.in_(list(dags)), DagRun.state.in_(states))
    return dict(map(tuple, session.execute(query.order_by(DagRun.id.desc()))))


def awaiting(session: "Session", dags: Iterable[str], task_id: str) -> dict[str, str]:
    """By DAG, a run whose task of this name waits for a person."""
    from airflow.models.taskinstance import TaskInstance as Task
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    here = (Task.dag_id.in_(list(dags)), Task.task_id == task_id, Task.state == TaskInstanceState.AWAITING_INPUT)
    return dict(map(tuple, session.execute(select(Task.dag_id, Task.run_id).where(*here))))


def paused(session: "Session", dags: Iterable[str]) -> set[str]:
    """Those of the DAGs that are paused."""
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    return set(session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(list(dags)), DagModel.is_paused)))
