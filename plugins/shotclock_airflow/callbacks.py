"""A callback that cannot be called is dropped by the DAG processor, when it starts and later on: it would end at each one."""

import sys
from typing import Any

from airflow.listeners import hookimpl

from shotclock_airflow import internals


@hookimpl
def on_starting(component: Any) -> None:
    """Called in every component; what the DAG processor has forked to parse a file is no job."""
    if sys.argv[1:2] == ["dag-processor"] and internals.is_job(component):
        internals.drop_hopeless_callbacks()
