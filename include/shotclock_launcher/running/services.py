"""The programs that make up a stack, each with its command."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from shotclock_launcher.layout import LOOPBACK, Layout
from shotclock_launcher.running.credentials import Login


@dataclass(frozen=True)
class Service:
    """A program of the stack, and what it finds in its environment beside what all of them do."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def airflow_services() -> list[Service]:
    """Airflow's four parts. Logs are read from the shared folder, so nobody opens a port to serve them."""
    return [
        _airflow("api-server"),
        _airflow("scheduler", "--skip-serve-logs"),
        _airflow("dag-processor"),
        _airflow("triggerer", "--skip-serve-logs"),
    ]


def mlflow_service(layout: Layout, login: Mapping[str, str]) -> Service:
    """MLflow's UI on the same store that the tasks write to; one worker, and (see `environment`) no job runner.

    Nobody gets in without the login (see `mlflow_login`), and no file through the proxy: the tasks write theirs themselves.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(layout.mlflow_port)]
    store = ["--backend-store-uri", layout.settings.tracking_uri, "--workers", "1"]
    door = ["--app-name", "basic-auth", "--no-serve-artifacts", "--default-artifact-root", layout.settings.artifacts]
    return Service("mlflow", (*command, *store, *door), login)


def dashboard_service(layout: Layout, login: Login) -> Service:
    """The Streamlit dashboard; it asks for its own password, or that of the login, unless the settings say that it is alone.

    Without telemetry, prompts and file watchers: `dashboard/.streamlit` says so.
    """
    command = [sys.executable, "-m", "streamlit", "run", str(layout.dashboard)]
    place = ("--server.address", LOOPBACK, "--server.port", str(layout.dashboard_port))
    return Service(
        "dashboard",
        (*command, *place),
        {"SHOTCLOCK_DASHBOARD_PASSWORD": layout.settings.dashboard_password or login.password},
    )


def serving_service(layout: Layout) -> Service:
    """The endpoint: each project's champion, exchanged while it answers."""
    return Service("serving", (sys.executable, "-m", "shotclock.serving", "--port", str(layout.serving_port)))


def _airflow(name: str, *options: str) -> Service:
    return Service(name, (sys.executable, "-m", "airflow", name, *options))
