"""What `python -m shotclock.sources` and `make data` do: bring every raw file in place, with a line in the log for each."""

import logging
from typing import get_args

from shotclock.config import Project, Role, load_project, projects, settings
from shotclock.errors import ShotclockError, SourceError
from shotclock.files import storage
from shotclock.sources.find import Source, find

log = logging.getLogger(__name__)


def fetch(name: str | None = None) -> bool:
    """Bring every raw file of the project, or of all projects, in place. Returns whether all of them are."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        done = [_fetched(project, role) for project in _chosen(name) for role in get_args(Role)]
    except ShotclockError as error:
        log.error("%s", _one_line(error))
        return False
    return all(done)


def _chosen(name: str | None) -> list[Project]:
    folder = settings().projects
    chosen = [load_project(folder / f"{name}.yaml")] if name else projects(folder)
    if not chosen:
        raise SourceError(f"{folder}: found no project file, expected at least one; set SHOTCLOCK_PROJECTS")
    return chosen


def _fetched(project: Project, role: Role) -> bool:
    try:
        _report(project, role, find(project, role, settings()))
    except ShotclockError as error:
        log.error("%s, %s: %s", project.name, role, _one_line(error))
        return False
    return True


def _report(project: Project, role: Role, source: Source) -> None:
    with storage.open_parquet(source.path) as file:
        rows = file.metadata.num_rows
    listed = source.path.name in project.data.sha256
    verdict = "SYNTHETIC SAMPLE" if source.synthetic else "sha256 ok" if listed else "sha256 not listed"
    level = logging.WARNING if source.synthetic else logging.INFO
    figures = f"{rows:,} rows, {storage.size(source.path):,} bytes"
    log.log(level, "%s, %s: %s (%s): %s, %s", project.name, role, source.path, source.origin, figures, verdict)


def _one_line(error: ShotclockError) -> str:
    return "; ".join(str(error).splitlines())
