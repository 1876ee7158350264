"""What Airflow's scheduler and DAG processor are given as they start."""

import sys
from typing import Any

from airflow.listeners import hookimpl

from shotclock_airflow import internals, pools


@hookimpl
def on_starting(component: Any) -> None:
    """Called in every component; what one of them has forked, for a task or to parse a file, is no job."""
    if not internals.is_job(component):
        return
    if sys.argv[1:2] == ["scheduler"]:
        pools.make()
        internals.see_ended_runs()
    elif sys.argv[1:2] == ["dag-processor"]:
        internals.drop_hopeless_callbacks()
