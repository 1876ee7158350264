"""The plugin: two "Summary" tabs, two links, the app behind them; and the pool that the scheduler makes when it starts.

Every Airflow process loads this file, the workers included, so the app is imported only by the process that serves it.
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from shotclock_airflow import pools
from shotclock_ui.links import PREFIX, DriftReportLink, MlflowRunLink

_RUN = f"{PREFIX}/summary/{{DAG_ID}}/{{RUN_ID}}"


class ShotclockPlugin(AirflowPlugin):
    """Airflow's UI replaces the names in braces; `href` has no leading slash, so it follows the UI's own base path."""

    name = "shotclock"
    external_views = [  # noqa: RUF012 - Airflow's own declaration
        {
            "name": "Summary",
            "href": f"{_RUN}/{{TASK_ID}}/{{MAP_INDEX}}",
            "destination": "task_instance",
            "url_route": "summary",
        },
        {"name": "Summary", "href": _RUN, "destination": "dag_run", "url_route": "run-summary"},
    ]
    listeners = [pools]  # noqa: RUF012
    global_operator_extra_links = [DriftReportLink(), MlflowRunLink()]  # noqa: RUF012

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        from shotclock_ui.app import app

        return [{"app": app, "url_prefix": f"/{PREFIX}", "name": "Shotclock"}]
