"""The app behind the pages, tabs and links. Only who may read the XComs of the DAG or project at hand is answered."""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException as HTTPError

from shotclock.errors import StoreError
from shotclock_airflow import internals
from shotclock_ui import health, outputs, pages
from shotclock_ui.headers import REPORT_POLICY, headers
from shotclock_ui.links import health_address, mlflow_address, project_of, report_address
from shotclock_ui.login import to_the_login

TILES = (Path(__file__).parent / "templates" / "tiles.js").read_text("utf-8")
_FINISHED = {"success", "failed", "skipped", "upstream_failed", "removed"}

Asked = Annotated[Session, Depends(internals.session, scope="function")]

app = FastAPI(
    title="Shotclock",
    dependencies=[Depends(guard) for guard in internals.guards()],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    exception_handlers={HTTPError: to_the_login},
)

app.include_router(health.router)
health.warm_up()


@app.get("/tiles.js")
def tiles() -> Response:
    """What Airflow's first page loads to show `states`."""
    return Response(TILES, media_type="text/javascript", headers=headers("default-src 'none'"))


@app.get("/states")
def states(user: health.User, session: Asked) -> HTMLResponse:
    """The state of each model, for Airflow's first page."""
    return health.states(user, session)


@app.get("/dag/{dag_id}")
def dag(dag_id: str) -> Response:
    """The health of the model that a DAG belongs to."""
    project = project_of(dag_id)
    if not health.is_project(project):
        return _missing(f"{dag_id} belongs to no model.")
    return RedirectResponse(health_address(project), 307)


@app.get("/summary/{dag_id}/{run_id}")
def run_summary(dag_id: str, run_id: str, session: Asked) -> HTMLResponse:
    """All summaries of a DAG run, in the order of its tasks."""
    run = internals.find_run(session, dag_id, run_id)
    if run is None:
        return _missing(f"There is no run {run_id} of {dag_id}.")
    told = [output for output in outputs.of_run(session, run) if "summary" in output.values]
    finished = run.state in _FINISHED
    note = f"No task of this run wrote a summary; the run is {run.state}." if finished else "No task has finished yet."
    return _html(
        pages.page(f"{dag_id} {run_id}", [_part(dag_id, run_id, o) for o in told], note=note, refresh=not finished)
    )


@app.get("/summary/{dag_id}/{run_id}/{task_id}/{map_index}")
def task_summary(dag_id: str, run_id: str, task_id: str, map_index: str, session: Asked) -> HTMLResponse:
    """The summary of a task instance; for a mapped task without an index, those of all its instances."""
    run = internals.find_run(session, dag_id, run_id)
    found = outputs.of_task(session, run, task_id, _index(map_index)) if run else []
    if not found:
        return _missing(f"There is no task instance {task_id} [{map_index}] in run {run_id} of {dag_id}.")
    waiting = any(output.state not in _FINISHED for output in found)
    return _html(pages.page(task_id, [_part(dag_id, run_id, output) for output in found], refresh=waiting))


@app.get("/report/{dag_id}/{run_id}/{task_id}/{map_index}")
def report(dag_id: str, run_id: str, task_id: str, map_index: str, session: Asked) -> Response:
    """The drift report that a task made."""
    from shotclock.reading import reports  # not at the server's start, which does not wait for it

    left = outputs.values(session, dag_id, run_id, task_id, _index(map_index))
    try:
        page = reports.of_task(left.get("report", ""))
    except StoreError as error:
        return _html(pages.page("Not now", [], note=str(error)), status=503)
    if page is None:
        return _missing("This task made no drift report, or the file is no longer there.")
    return HTMLResponse(page, headers=headers(REPORT_POLICY))


def _index(text: str) -> int:
    """The map index in an address. Airflow's UI leaves the placeholder as it is where a task is not mapped."""
    if text == "{MAP_INDEX}":
        return -1
    try:
        return int(text)
    except ValueError:
        raise HTTPException(404, f"Found map index {text!r}, expected a whole number.") from None


def _part(dag_id: str, run_id: str, output: outputs.Output) -> pages.Part:
    left = output.values
    heading = output.task_id if output.map_index < 0 else f"{output.task_id} [{output.label}]"
    links = []
    if "report" in left:
        links.append(("Drift report", report_address(dag_id, run_id, output.task_id, output.map_index)))
    if "mlflow_run_id" in left:
        links.append(("MLflow run", mlflow_address(project_of(dag_id), left["mlflow_run_id"])))
    return pages.Part(heading, output.state or "waiting", left.get("summary", ""), _note(output.state), tuple(links))


def _note(state: str | None) -> str:
    if state not in _FINISHED:
        return "Nothing yet: the summary appears here as soon as the task has finished."
    if state in ("success", "removed"):
        return "This task wrote no summary."
    return f"This task is {state.replace('_', ' ')} and wrote no summary; its log says why."


def _missing(note: str) -> HTMLResponse:
    return _html(pages.page("Not found", [], note=note), status=404)


def _html(page: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(page, status, headers(pages.POLICY))
