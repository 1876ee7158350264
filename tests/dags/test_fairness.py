"""Many projects on one Airflow: what each may take, what goes first, and that nobody has to set it up."""

from datetime import UTC, datetime

import pytest

FLOWS = ("training", "inference", "monitoring", "retraining", "rollback", "policies")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def pool(_airflow):
    """`pool()`: the training pool's slots, None without one; there is none before and after the test."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    from shotclock_airflow.pools import TRAINING

    def look():
        found = Pool.get_pool(TRAINING)
        return found and found.slots

    def remove():
        with create_session() as session:
            session.execute(delete(Pool).where(Pool.pool == TRAINING))

    remove()
    yield look
    remove()


def test_candidates_share_a_pool_and_one_run_takes_a_few_of_its_slots(bag, projects):
    from shotclock_airflow.pools import CANDIDATES_AT_ONCE, TRAINING

    dags = bag().dags
    pooled = {f"{dag.dag_id}.{task.task_id}" for dag in dags.values() for task in dag.tasks if task.pool == TRAINING}
    shared = {f"kobe_shots.{flow}.{task}" for flow in ("training", "retraining") for task in ("compare", "train")}
    assert pooled == shared | {"kobe_shots.policies.tune", "kobe_shots.policies.fit"}
    for flow, task in (("training", "train"), ("policies", "fit")):
        assert dags[f"kobe_shots.{flow}"].get_task(task).max_active_tis_per_dagrun == CANDIDATES_AT_ONCE


def test_every_task_of_a_flow_has_its_priority_whatever_comes_after_it(bag, projects):
    priorities = {flow: {task.priority_weight for task in bag().dags[f"kobe_shots.{flow}"].tasks} for flow in FLOWS}
    trainings = {"retraining": {1}, "training": {1}, "policies": {0}}
    assert priorities == {"rollback": {4}, "inference": {3}, "monitoring": {2}} | trainings
    rules = {str(task.weight_rule) for dag in bag().dags.values() for task in dag.tasks}
    assert len(rules) == 1 and "absolute" in rules.pop().lower()


@pytest.mark.parametrize(("parallel", "training"), [(1, 1), (2, 1), (4, 3), (16, 12), (32, 24), (0, 24)])
def test_the_pool_leaves_a_quarter_of_the_tasks_that_may_run_at_once_and_at_least_one(_airflow, parallel, training):
    from shotclock_airflow import pools

    assert pools.slots(parallel) == training


def test_a_starting_scheduler_makes_the_pool_and_nobody_else_does(pool, monkeypatch):
    from airflow.jobs.job import Job
    from airflow.models.dag import DagModel

    monkeypatch.setattr(DagModel, "dags_needing_dagruns", DagModel.dags_needing_dagruns)
    for argv in (["airflow", "dag-processor"], ["airflow", "celery", "worker"], ["pytest"]):
        monkeypatch.setattr("sys.argv", argv)
        Job()
        assert pool() is None, argv
    monkeypatch.setattr("sys.argv", ["airflow", "scheduler"])
    Job()
    assert pool() == 24  # of Airflow's own default of 32


def test_a_pool_that_an_operator_has_sized_stays_as_it_is(pool):
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    from shotclock_airflow import pools

    pools.make()
    with create_session() as session:
        Pool.create_or_update_pool(pools.TRAINING, 2, "", include_deferred=False, session=session)
    pools.make()
    assert pool() == 2


@pytest.fixture
def waiting(bag, add_project):
    """`waiting("greedy.training", "train", 50)`: so many tasks of a new run that could start; gives the run."""
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import delete, update

    for name in ("greedy", "modest"):
        add_project(name)
    sync_bag_to_db(bag(), "dags-folder", None)
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=False))
    made = []

    def start(dag_id, task_id, count):
        with create_session() as session:
            dag = SerializedDagModel.get_dag(dag_id, session=session)
            run = dag.create_dagrun(
                run_id=f"waits_{task_id}",
                logical_date=NOW,
                data_interval=(NOW, NOW),
                run_after=NOW,
                run_type=DagRunType.MANUAL,
                state="running",
                triggered_by=DagRunTriggeredByType.TEST,
                session=session,
            )
            made.append(run)
            session.flush()
            (first,) = [ti for ti in run.task_instances if ti.task_id == task_id]
            task, version = dag.get_task(task_id), first.dag_version_id
            for index in range(count):
                ti = TaskInstance(task, run_id=run.run_id, map_index=index, dag_version_id=version)
                ti.state = "scheduled"
                session.add(ti)

    yield start
    with create_session() as session:
        for run in made:
            session.execute(delete(TaskInstance).where(TaskInstance.run_id == run.run_id))
            session.delete(session.merge(run))


def queued(slots):
    """What Airflow's scheduler starts when the executor has so many slots free, in its order: `dag task`."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.utils.session import create_session

    runner = SchedulerJobRunner(Job())
    with create_session() as session:
        found = runner._executable_task_instances_to_queued(max_tis=slots, session=session)
        return [f"{ti.dag_id} {ti.task_id}" for ti in found]


def test_fifty_candidates_of_one_project_hold_up_neither_inference_nor_training_of_another(pool, waiting):
    from shotclock_airflow import pools

    pools.make()
    waiting("greedy.training", "train", 50)
    waiting("modest.retraining", "train", 3)
    waiting("modest.inference", "score", 2)
    started = queued(32)
    assert started[:2] == ["modest.inference score"] * 2
    assert started.count("greedy.training train") == pools.CANDIDATES_AT_ONCE
    assert started.count("modest.retraining train") == 3


def test_trainings_of_many_projects_leave_slots_free(pool, waiting, monkeypatch):
    from shotclock_airflow import pools

    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "4")
    pools.make()
    waiting("greedy.training", "train", 50)
    waiting("modest.retraining", "train", 50)
    assert len(queued(4)) == pool() == 3
