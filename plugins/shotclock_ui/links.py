"""The links that a task shows once it has made a drift report or an MLflow run."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

from shotclock_airflow import internals
from shotclock_airflow.paths import PREFIX, alert_path, gate_path

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


def report_address(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """The path, on Airflow's own host, under which the drift report of a task is served."""
    return _address(PREFIX, "report", dag_id, run_id, task_id, map_index)


def health_address(*place: str) -> str:
    """The path of the Model health page; of a project's page, when it is named."""
    return _address(PREFIX, "health", *place)


def alert_address(project: str, mlflow_run_id: str) -> str:
    """The path of an alert's own page."""
    return f"{_address()}{alert_path(project, mlflow_run_id)}"


def gate_address(project: str, mlflow_run_id: str) -> str:
    """The path of the page on which champion and challenger stand side by side."""
    return f"{_address()}{gate_path(project, mlflow_run_id)}"


def version_address(project: str, number: str) -> str:
    """The path of the page on which an earlier version stands beside the champion."""
    return health_address(project, "versions", number)


def window_address(project: str, champion: str, window: str) -> str:
    """The path of the page about one window, as this version's checks left it."""
    return health_address(project, "windows", champion, window)


def year_address(project: str, chosen: str) -> str:
    """The path of the page about a year."""
    return health_address(project, "years", chosen)


def card_address(project: str, number: str) -> str:
    """The path of a version's card, as MLflow holds it."""
    return health_address(project, "cards", number)


def challenger_card_address(project: str, mlflow_run_id: str) -> str:
    """The path of the card of a gate's challenger, as MLflow holds it."""
    return f"{gate_address(project, mlflow_run_id)}/card"


def decision_address(project: str, mlflow_run_id: str) -> str:
    """The path of a decision's own page, as MLflow holds it."""
    return health_address(project, "decisions", mlflow_run_id)


def window_report_address(project: str, mlflow_run_id: str) -> str:
    """The path of a window's drift report, as MLflow holds it."""
    return _address(PREFIX, "health", project, "report", mlflow_run_id)


def dag_run_address(dag_id: str, run_id: str) -> str:
    """The page of a DAG run in Airflow's UI."""
    return _address("dags", dag_id, "runs", run_id)


def home_address() -> str:
    """Airflow's first page; the path ends with a slash."""
    return _address("")


def api_address() -> str:
    """Airflow's public REST API."""
    return _address("api", "v2")


def _address(*place: object) -> str:
    base = urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")
    return "/".join([base, *(quote(str(part), safe="") for part in place)])


def project_of(dag_id: str) -> str:
    """The project that a DAG belongs to."""
    return dag_id.rpartition(".")[0]


def mlflow_address(project: str, run_id: str) -> str:
    """The page of an MLflow run. Only pages and the API server ask, and only they may read the store: hence the late import."""
    from shotclock.reading import reports

    return reports.of_run(project, run_id)


class DriftReportLink(BaseOperatorLink):
    name = "Drift report"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        if "report" not in _values(ti_key):
            return ""
        return report_address(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)


class MlflowRunLink(BaseOperatorLink):
    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:
        run_id = _values(ti_key).get("mlflow_run_id")
        return mlflow_address(project_of(ti_key.dag_id), run_id) if run_id else ""


def _values(ti_key: "TaskInstanceKey") -> dict[str, str]:
    """What the task left. Only the API server asks, and only it may read the database: hence the late import."""
    from shotclock_ui.outputs import values

    with contextmanager(internals.session)() as session:
        return values(session, ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
