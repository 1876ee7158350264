"""The plugin: the page "Model health", its tab of each DAG, each model's state on the first page, two "Summary" tabs, two
links, the app behind them, what the API refuses; what the scheduler and the DAG processor are given as they start.

Every Airflow process loads this file, the workers included, so the app is imported only by the process that serves it.
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from shotclock_airflow import starting
from shotclock_airflow.paths import PREFIX
from shotclock_ui.links import DriftReportLink, MlflowRunLink

_RUN = f"{PREFIX}/summary/{{DAG_ID}}/{{RUN_ID}}"


def _icon(colour: str) -> str:
    """A pulse, drawn here: an address of a file would be one more that is served without a login."""
    drawn = "<path d='M2 12h5l3-8 4 16 3-8h5'/>"
    look = f"fill='none' stroke='{colour}' stroke-width='2' stroke-linecap='round' stroke-linejoin='round'"
    return f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' {look}>{drawn}</svg>"


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
        {
            "name": "Model health",
            "href": f"{PREFIX}/dag/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "dag-model-health",
        },
        {
            "name": "Model health",
            "href": f"{PREFIX}/health",
            "destination": "nav",
            "url_route": "model-health",
            "nav_top_level": True,
            "icon": _icon("%237d93bd"),
            "icon_dark_mode": _icon("%2394a9d4"),
        },
    ]
    react_apps = [  # noqa: RUF012
        {"name": "Model states", "bundle_url": f"{PREFIX}/tiles.js", "destination": "dashboard"}
    ]
    listeners = [starting]  # noqa: RUF012
    global_operator_extra_links = [DriftReportLink(), MlflowRunLink()]  # noqa: RUF012

    @property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        from shotclock_ui.refusals import RollbackReason

        return [{"middleware": RollbackReason, "args": [], "kwargs": {}, "name": "Reason of a rollback"}]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        from shotclock_ui.app import app

        return [{"app": app, "url_prefix": f"/{PREFIX}", "name": "Shotclock"}]
