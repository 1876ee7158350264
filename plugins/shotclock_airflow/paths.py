"""Where the plugin's pages lie below Airflow's address: notifications lead there too."""

from urllib.parse import quote

PREFIX = "shotclock"


def address(path: str) -> str:
    """The whole address of a path, as Airflow says where it lies itself."""
    from airflow.sdk.configuration import conf

    return f"{str(conf.get('api', 'base_url', fallback='')).rstrip('/')}{path}"


def alert_path(project: str, mlflow_run_id: str) -> str:
    """The path of an alert's page."""
    return f"/{PREFIX}/health/{quote(project, safe='')}/alerts/{quote(mlflow_run_id, safe='')}"


def gate_path(project: str, mlflow_run_id: str) -> str:
    """The path of the page on which champion and challenger stand side by side."""
    return f"/{PREFIX}/health/{quote(project, safe='')}/gates/{quote(mlflow_run_id, safe='')}"
