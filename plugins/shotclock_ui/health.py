"""The addresses of the Model health pages. A project is shown to whoever may read its monitoring DAG.

Nothing here changes anything: the buttons' script asks Airflow's own REST API, which knows what the user may do. The
user's cookie is `SameSite=Lax`, so no page of another site can press them.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock_airflow import internals
from shotclock_ui import activity
from shotclock_ui.headers import REPORT_POLICY, headers

if TYPE_CHECKING:
    from shotclock.reading.health import Overview, Projects

log = logging.getLogger(__name__)

_READ = threading.Event()
_LONGEST_WAIT = 5.0  # seconds
_LONG = 60.0  # seconds: until a first training may have ended

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")  # as `Project.name` has it
_RUN = re.compile(r"[0-9a-f]{32}")

router = APIRouter(prefix="/health")


User = Annotated[Any, Depends(internals.asker())]
Asked = Annotated[Session, Depends(internals.session, scope="function")]


def _may_read(project: str, user: User, session: Asked) -> str:
    """The project's name, once the user may read it and it is there."""
    if not _NAME.fullmatch(project):
        raise HTTPException(404, "Not found")
    if not _readable([project], user, session):
        raise HTTPException(403, "Forbidden")
    if not is_project(project):
        raise HTTPException(404, "Not found")
    return project


def is_project(name: str) -> bool:
    """Whether there is a project of that name, readable or not."""
    return bool(_NAME.fullmatch(name)) and (settings().projects / f"{name}.yaml").is_file()


Readable = Annotated[str, Depends(_may_read)]


def _readable(projects: list[str], user: User, session: Asked) -> set[str]:
    """Those of the projects that the user may read."""
    dags = {f"{name}.monitoring": name for name in projects}
    return {dags[dag] for dag in internals.readable(dags, user, session)}


@lru_cache(maxsize=1)
def _projects() -> "Projects":
    """What all requests share."""
    from shotclock.reading import health

    return health.Projects()


def warm_up() -> None:
    """Read everything once, and import what every page needs, so that no first reader waits for it.

    The server begins to answer when everything was read, or after a while; what few pages need is imported beside that.
    """
    threading.Thread(target=_warm_up, name="model-health", daemon=True).start()
    _READ.wait(_LONGEST_WAIT)


def _warm_up() -> None:
    there_was_some = False
    try:
        there_was_some = _read()
    finally:
        _READ.set()
    if not there_was_some:
        time.sleep(_LONG)  # the others that start here have more to do than to wait for what nobody can look at yet
    import_module("shotclock.reading.ahead")


def _read() -> bool:
    """Whether there was something to read."""
    from shotclock.reading import health
    from shotclock_ui import health_pages

    if not health.is_ready():
        log.info("no MLflow store yet: nothing to read for the Model health page")
        return False
    health_pages.overview(_projects().overview(), {})
    return True


@router.get("")
def overview(user: User, session: Asked) -> HTMLResponse:
    """Every project that the user may read."""
    from shotclock_ui import health_pages

    return _page(health_pages.overview(*_all(user, session)))


def states(user: User, session: Asked) -> HTMLResponse:
    """The state of each of them, for Airflow's first page."""
    from shotclock_ui import health_pages

    everything, _ = _all(user, session)
    return _page(health_pages.states(everything))


def _all(user: User, session: Asked) -> "tuple[Overview, dict[str, activity.Live]]":
    names = [path.stem for path in settings().projects.glob("*.yaml")]
    mine = _readable(names, user, session)
    live = activity.of(session, mine)
    return _projects().overview({name: state.activity for name, state in live.items() if state.activity}, mine), live


@router.get("/{project}")
def project(project: Readable, session: Asked) -> HTMLResponse:
    """One project."""
    from shotclock.reading import health
    from shotclock_ui import health_pages

    live = activity.of(session, [project])[project]
    return _page(health_pages.project(health.details(project, live.activity), live))


@router.get("/{project}/alerts/{run_id}")
def alert(project: Readable, run_id: str, session: Asked) -> HTMLResponse:
    """One alert: what it means, how sure that is, what is being done, what can be done. Notifications lead here."""
    from shotclock.reading import alert as reading
    from shotclock_ui import health_pages

    live = activity.of(session, [project])[project]
    with _found():
        told = reading.alert(project, run_id, live.activity)
    return _page(health_pages.alert(told, live))


@router.get("/{project}/windows/{champion}/{window}")
def window(project: Readable, champion: str, window: str, session: Asked) -> HTMLResponse:
    """One window: why its quality is what it is, by slice, by feature, row by row."""
    from shotclock.reading.model import worsening
    from shotclock_ui import health_pages

    live = activity.of(session, [project])[project]
    with _found():
        told = worsening.window(project, champion, window, live.activity)
    return _page(health_pages.window(told, live))


@router.get("/{project}/gates/{run_id}")
def gate(project: Readable, run_id: str, session: Asked) -> HTMLResponse:
    """Champion and challenger side by side, and, while a person is asked, the answer."""
    from shotclock.reading.model import side_by_side
    from shotclock_ui import health_pages

    live = activity.of(session, [project])[project]
    with _found():
        told = side_by_side.gate(project, run_id, live.activity)
    return _page(health_pages.comparison(told, live))


@router.get("/{project}/versions/{number}")
def version(project: Readable, number: str, session: Asked) -> HTMLResponse:
    """An earlier version beside the champion, before a rollback."""
    from shotclock.reading.model import side_by_side
    from shotclock_ui import health_pages

    live = activity.of(session, [project])[project]
    with _found():
        told = side_by_side.rollback(project, number, live.activity)
    return _page(health_pages.comparison(told, live))


@router.get("/{project}/years/{chosen}")
def year(project: Readable, chosen: str, session: Asked) -> HTMLResponse:
    """A year at a glance, on the data's own time."""
    from shotclock.reading import health
    from shotclock.reading.model import year
    from shotclock_ui import health_pages

    live = activity.of(session, [project])[project]
    with _found():
        shown = year.year(project, chosen)
    return _page(health_pages.year(shown, health.details(project, live.activity), live))


@contextmanager
def _found() -> Iterator[None]:
    """What the store does not have is not found."""
    try:
        yield
    except StoreError as error:
        raise HTTPException(404, str(error)) from error


@router.get("/{project}/cards/{number}")
def card(project: Readable, number: str) -> HTMLResponse:
    """The card of a version, as MLflow holds it."""
    from shotclock.reading import reports

    with _found():
        page = reports.card(project, number)
    return HTMLResponse(page, headers=headers(REPORT_POLICY))


@router.get("/{project}/gates/{run_id}/card")
def challenger_card(project: Readable, run_id: str) -> HTMLResponse:
    """The card of a gate's challenger, as MLflow holds it: for who decides whether it takes over."""
    from shotclock.reading import reports

    return _of_run(reports.of_challenger, project, run_id, "gate")


@router.get("/{project}/decisions/{run_id}")
def decision(project: Readable, run_id: str) -> HTMLResponse:
    """The page of a decision, as MLflow holds it."""
    from shotclock.reading import reports

    return _of_run(reports.of_decision, project, run_id, "decision")


def _of_run(look: Callable[[str, str], str | None], project: str, run_id: str, what: str) -> HTMLResponse:
    """The page that a run of the project holds."""
    with _found():
        page = look(project, run_id) if _RUN.fullmatch(run_id) else None
    if page is None:
        raise HTTPException(404, f"This project has no such {what}.")
    return HTMLResponse(page, headers=headers(REPORT_POLICY))


@router.get("/{project}/report/{run_id}")
def report(project: Readable, run_id: str) -> HTMLResponse:
    """The drift report of one window, as MLflow holds it."""
    from shotclock.reading import reports

    try:
        page = reports.of_window(project, run_id) if _RUN.fullmatch(run_id) else None
    except StoreError as error:
        raise HTTPException(404, "The report of this window is no longer in MLflow.") from error
    if page is None:
        raise HTTPException(404, "This project has no such drift report.")
    return HTMLResponse(page, headers=headers(REPORT_POLICY))


def _page(html: str) -> HTMLResponse:
    from shotclock_ui import health_pages

    return HTMLResponse(html, headers=headers(health_pages.POLICY))
