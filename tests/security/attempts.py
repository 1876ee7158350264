"""What is tried on Airflow's API and on our pages, by every role and by nobody: each write with the least role that may."""

import re
from collections.abc import Mapping
from typing import Any

API = "/api/v2"
ROLES = ("viewer", "user", "op", "admin")
OPEN = {"/api/v2/monitor/health", "/api/v2/version"}  # no more than that it runs, and which release
REDIRECTS = {"/api/v2/auth/login", "/api/v2/auth/logout"}
FLOWS = ("training", "inference", "monitoring", "retraining", "rollback", "policies")
POOL = {"name": "planted", "slots": 1}
CONNECTION = {"connection_id": "planted", "conn_type": "http"}
VARIABLE = {"key": "planted", "value": "1"}
Write = tuple[str, str, Any, str | None]
"""Method, path below `API`, a body that would do it, and the least role that may; None where nobody may."""


def pages(project: str) -> list[str]:
    return [
        "/shotclock/states",
        "/shotclock/tiles.js",
        "/shotclock/health",
        f"/shotclock/health/{project}",
        f"/shotclock/health/{project}/report/x",
        f"/shotclock/health/{project}/gates/x/card",
        f"/shotclock/summary/{project}.training/x",
        f"/shotclock/summary/{project}.training/x/split/-1",
        f"/shotclock/report/{project}.training/x/split/-1",
    ]


def writes(project: str) -> list[Write]:
    return [
        *[
            ("POST", f"/dags/{project}.{flow}/dagRuns", {"logical_date": None, "conf": {"reason": "planted"}}, "user")
            for flow in FLOWS
        ],
        *[("PATCH", f"/dags/{project}.{flow}", {"is_paused": True}, "user") for flow in FLOWS],
        *[("DELETE", f"/dags/{project}.{flow}", None, "user") for flow in FLOWS],
        ("PATCH", "/dags?dag_id_pattern=%25", {"is_paused": True}, "user"),
        ("POST", f"/dags/{project}.training/clearTaskInstances", {"dry_run": False, "only_failed": False}, "user"),
        (
            "POST",
            "/backfills",
            {"dag_id": f"{project}.retraining", "from_date": "2026-01-01", "to_date": "2026-03-01"},
            "user",
        ),
        ("POST", "/connections", CONNECTION, "op"),
        ("PATCH", "/connections", {"actions": [{"action": "create", "entities": [CONNECTION]}]}, "op"),
        ("POST", "/connections/defaults", None, "op"),
        ("POST", "/connections/test", CONNECTION, "op"),
        ("GET", "/connections", None, "op"),
        ("POST", "/variables", VARIABLE, "op"),
        ("PATCH", "/variables", {"actions": [{"action": "create", "entities": [VARIABLE]}]}, "op"),
        ("GET", "/variables", None, "op"),
        ("POST", "/pools", POOL, "op"),
        ("PATCH", "/pools", {"actions": [{"action": "create", "entities": [POOL]}]}, "op"),
        ("PATCH", "/pools/training", {"slots": 0, "pool": "training"}, "op"),
        ("DELETE", "/pools/training", None, "op"),
        ("POST", "/assets/events", {"asset_id": 1, "extra": {}}, "op"),
        ("POST", "/assets/1/materialize", {}, "op"),
        ("GET", "/config", None, None),
        ("GET", "/config/section/api/option/secret_key", None, None),
    ]


def routes(described: Mapping[str, Any], project: str) -> list[tuple[str, str]]:
    """By Airflow's own description, so that a route of a newer version is tried too."""
    paths = described["paths"]
    filled = {path: re.sub(r"\{[^}]+\}", "1", path.replace("{dag_id}", f"{project}.training")) for path in paths}
    return sorted((method.upper(), filled[path]) for path, methods in paths.items() for method in methods)
