"""Where the plugin's pages lie below Airflow's address: notifications lead there too."""

from urllib.parse import quote

PREFIX = "shotclock"


def alert_path(project: str, mlflow_run_id: str) -> str:
    """The path of an alert's page."""
    return f"/{PREFIX}/health/{quote(project, safe='')}/alerts/{quote(mlflow_run_id, safe='')}"
