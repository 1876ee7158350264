"""Shotclock keeps a tabular classification model fit for production. This package knows no Airflow."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shotclock.notebook import OpenProject


def open(name: str) -> "OpenProject":
    """A project at hand in a notebook or a script: its rules, champion, predictions, windows, record, decisions. It only reads.

    The store is the one that the command line uses: MLflow's file below `var/`, or what `MLFLOW_TRACKING_URI` names.

    Raises:
        ConfigError: there is no such project, or its file is wrong; the message names those that there are, or the fault.
        StoreError: MLflow's store gives no answer, or was made by another version.
    """
    from shotclock.notebook import open_project  # brings pandas and MLflow, which take seconds

    return open_project(name)
