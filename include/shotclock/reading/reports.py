"""Drift reports, as pages show them: one that a task has left, and one that MLflow holds about a window."""

from shotclock.config import settings
from shotclock.files import storage
from shotclock.store import queries
from shotclock.store.records import Drift
from shotclock.store.server import artifacts


def of_task(address: str) -> bytes | None:
    """The page at the address that a task has left; None where no report of ours lies there, or no longer.

    Raises:
        StoreError: it cannot be reached now.
    """
    file = storage.inside(address, settings().data)
    return None if file is None or file.suffix != ".html" else storage.read(file)


def of_window(project: str, run_id: str) -> str | None:
    """The page that the MLflow run of a drift check holds; None where the project has no such run.

    Raises:
        StoreError: the run no longer has it.
    """
    trace = queries.look_up(project, run_id)
    return artifacts.text(run_id, "drift_report.html") if trace and trace.kind == Drift.kind else None
