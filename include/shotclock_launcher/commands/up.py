"""`up`: Airflow and MLflow with their web pages, the dashboard and the endpoint, until Ctrl-C."""

import sys
import time

from shotclock_launcher.console import say, show
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.readiness import (
    wait_for_airflow,
    wait_for_dashboard,
    wait_for_endpoint,
    wait_for_mlflow,
)
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials
from shotclock_launcher.running.environment import RESTING_PAUSE
from shotclock_launcher.running.stack import Stack, running

_PAUSE = 0.5


def up(layout: Layout) -> None:
    """Start everything, say where it is, and watch it. Only an exception ends it.

    Raises:
        LaunchError: something did not start, or died.
    """
    own_store = layout.store is not None  # a server elsewhere has pages of its own
    with running(layout, mlflow=own_store, serving=True, dashboard=True, pause=RESTING_PAUSE) as stack:
        wait_for_airflow(stack, Api(layout.address, stack.login))
        say("Airflow is up")
        if own_store:
            wait_for_mlflow(stack)
        wait_for_dashboard(stack)
        wait_for_endpoint(stack)
        show(_welcome(stack))
        while True:
            stack.check()
            time.sleep(_PAUSE)


def _password(stack: Stack) -> str:
    """For a terminal alone: what is printed into a file may be read by others, and is kept."""
    return stack.login.password if sys.stdout.isatty() else f"in {credentials.passwords_file(stack.layout.airflow)}"


def _welcome(stack: Stack) -> str:
    layout = stack.layout
    mlflow = f"{layout.mlflow_address}, with the same login" if layout.store else layout.settings.tracking_uri
    word = "a password of its own" if layout.settings.dashboard_password else "the same password"
    return f"""
  Airflow   {layout.address}
            user {stack.login.user}, password {_password(stack)}
  MLflow    {mlflow}
  dashboard {layout.dashboard_address}, with {word}
  endpoint  {layout.serving_address}
  data      {layout.settings.data}
  logs      {layout.logs}

  Ctrl-C stops all of it.
"""
