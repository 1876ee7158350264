"""Is everything up? Airflow's parts by their heartbeats, the DAGs by when they were last parsed."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx

from shotclock_launcher.console import say
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following.api import Api, ApiError
from shotclock_launcher.layout import LOOPBACK
from shotclock_launcher.running.stack import Stack

LIMIT = 300.0  # seconds for one part of the start
_PAUSE = 0.2
_MAKES_A_DAG = re.compile(r"\bDAG\(|@dag\b")
_SETTLED = 20.0  # seconds after which a file that only looks as if it made a DAG is not waited for any more


def wait_for_airflow(stack: Stack, api: Api) -> None:
    """Wait until the API answers and scheduler, DAG processor and triggerer of this very start have sent a heartbeat.

    Raises:
        LaunchError: a service died, or nothing came within the limit.
    """
    _wait(stack, "Airflow's API", lambda: _warm(api))
    _wait(stack, "Airflow", lambda: _beats(stack, api))


def wait_for_dags(stack: Stack, api: Api, project: str) -> list[str]:
    """Wait until this start has parsed every DAG file. Returns the ids of the project's DAGs, sorted.

    Raises:
        LaunchError: a DAG file cannot be imported (with its traceback), or the project has no DAG.
    """
    awaited = {path for path in stack.layout.dags.rglob("*.py") if _makes_a_dag(path)}
    if not awaited:
        raise LaunchError(f"{stack.layout.dags}: no file in it makes a DAG; name the right folder")
    began = time.monotonic()

    def all_parsed() -> bool:
        parsed = _parsed(stack, api)
        return awaited <= parsed or (bool(parsed) and time.monotonic() - began > _SETTLED)

    _wait(stack, "the DAGs", all_parsed)
    refuse_import_errors(api)
    found = sorted(str(dag["dag_id"]) for dag in api.listed("/dags", "dags", exclude_stale=True))
    mine = [dag for dag in found if dag.startswith(f"{project}.")]
    if not mine:
        raise LaunchError(
            f"project '{project}': no DAG is called '{project}.…'; found {', '.join(found) or 'none'} in "
            f"{stack.layout.dags}"
        )
    return mine


def wait_for_mlflow(stack: Stack) -> None:
    """Wait until the MLflow server answers."""
    _wait_for_answer(stack, "MLflow", f"http://{LOOPBACK}:{stack.layout.mlflow_port}/health")


def wait_for_dashboard(stack: Stack) -> None:
    """Wait until the dashboard's server answers."""
    _wait_for_answer(stack, "the dashboard", f"{stack.layout.dashboard_address}/_stcore/health")


def wait_for_endpoint(stack: Stack) -> None:
    """Wait until the endpoint answers, with or without a champion."""
    _wait_for_answer(stack, "the endpoint", f"{stack.layout.serving_address}/")


def _wait_for_answer(stack: Stack, what: str, address: str) -> None:
    with httpx.Client(timeout=5, trust_env=False) as client:
        _wait(stack, what, lambda: _answers(client, address))


def refuse_import_errors(api: Api) -> None:
    """Raises:
    LaunchError: a DAG file cannot be imported; the message holds each one's traceback.
    """
    errors = list(api.listed("/importErrors", "import_errors"))
    if errors:
        shown = "\n\n".join(f"{error['filename']}:\n{error['stack_trace'].rstrip()}" for error in errors)
        raise LaunchError(f"{len(errors)} DAG file(s) cannot be imported\n{shown}")


def _wait(stack: Stack, what: str, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT
    said = time.monotonic()
    while not holds():
        stack.check()
        if time.monotonic() > until:
            raise LaunchError(f"{what}: not there after {LIMIT:.0f} s; see the logs in {stack.layout.logs}")
        if time.monotonic() - said > 15:
            say(f"still waiting for {what}")
            said = time.monotonic()
        time.sleep(_PAUSE)


def _warm(api: Api) -> bool:
    try:
        api.warm_up()
    except ApiError:
        return False
    return True


def _beats(stack: Stack, api: Api) -> bool:
    try:
        health = api.health()
    except ApiError:
        return False
    parts = ("scheduler", "dag_processor", "triggerer")
    return all(_is_new(health[part].get(f"latest_{part}_heartbeat"), stack.started) for part in parts)


def _parsed(stack: Stack, api: Api) -> set[Path]:
    """The DAG files that have shown DAGs, or an error, since this start."""
    folder = stack.layout.dags
    dags = api.listed("/dags", "dags", exclude_stale=True)
    seen = {folder / dag["fileloc"] for dag in dags if _is_new(dag["last_parsed_time"], stack.started)}
    errors = api.listed("/importErrors", "import_errors")
    return seen | {folder / error["filename"] for error in errors if _is_new(error["timestamp"], stack.started)}


def _makes_a_dag(path: Path) -> bool:
    return bool(_MAKES_A_DAG.search(path.read_text(encoding="utf-8", errors="replace")))


def _is_new(moment: str | None, started: float) -> bool:
    return moment is not None and datetime.fromisoformat(moment).timestamp() >= started


def _answers(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
