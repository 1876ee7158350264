"""Airflow imports this file in each of its processes. Here: what tasks need is loaded once, before they are forked.

With the LocalExecutor the scheduler forks its workers, with the CeleryExecutor a Celery worker does, and each forks one
process per task: what stands in their common parent's memory costs a task nothing: 0.1 s instead of some seconds. No
thread may run and no connection be open when a fork happens: what is opened here is closed here.
"""

import gc
import os
import sys
from importlib import import_module
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url

from shotclock_deployment.health import as_tasks_ask

__all__ = ["create_metadata_engine"]  # Airflow would take every other name here for a setting of its own

gc.set_threshold(
    50_000
)  # not 700: modules are no garbage, and looking for it takes a seventh of the time they are imported in

_PATIENCE = 30.0  # seconds; SQLite's 5 are too few where a busy machine stops whoever holds the one write lock

_NEEDED = (
    "shotclock.steps.intake",  # the steps, and all that they import
    "shotclock.steps.training",
    "shotclock.steps.inference",
    "shotclock.steps.monitoring",
    "shotclock.steps.retraining",
    "shotclock.steps.sensing",
    "shotclock_airflow.approval",  # what a DAG file imports
    "shotclock_airflow.notifiers",
    "shotclock_airflow.sensors",
    "shotclock.judging.drift.evidently_backend",  # and what they import late, when it is first used
    "git",
    "shotclock.store.versions.portable",
    "pyarrow.pandas_compat",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.sklearn",
    "shotclock.models.predictor",
)


def create_metadata_engine(url: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]) -> Engine:
    """Airflow's own hook: the engine of its database. On SQLite, one that waits for its turn and commits without an fsync.

    Airflow keeps a write-ahead log, so what was committed survives the end of every process all the same; after a power cut
    the last transactions may be missing, and the database is sound. An fsync costs some milliseconds, and a chain of ten
    tasks commits some hundred times.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, connect_args=connect_args, **engine_args)
    engine = create_engine(url, connect_args={"timeout": _PATIENCE} | connect_args, **engine_args)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return engine


_ASKED = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
if _ASKED in os.environ:  # docker-compose.yaml names the host, and cannot take a path out of AIRFLOW_URL
    os.environ[_ASKED] = as_tasks_ask(os.environ[_ASKED], os.environ.get("AIRFLOW__API__BASE_URL", ""))

_program = sys.argv[1] if len(sys.argv) > 1 else ""
_forks_tasks = _program == "celery" or (
    _program == "scheduler" and os.environ.get("AIRFLOW__CORE__EXECUTOR") == "LocalExecutor"
)

if _program == "scheduler":
    from shotclock_airflow.internals import start_runs_at_once as _start_runs_at_once

    _start_runs_at_once()

if _forks_tasks:
    gc.disable()  # what is imported stays: to look through it again and again takes a tenth of the time
    for _module in _NEEDED:
        import_module(_module)
    gc.enable()
