"""Pages that others wrote: drift reports, which a task has left or MLflow holds; cards; decisions; where MLflow shows a run."""

from urllib.parse import quote

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.store import queries
from shotclock.store.records import Decision, Drift, Gate
from shotclock.store.server import artifacts
from shotclock.store.server.client import find_experiment
from shotclock.store.versions import registry


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


def of_decision(project: str, run_id: str) -> str | None:
    """The page of a decision; None where the project has no such decision.

    Raises:
        StoreError: it has no page, as a rollback has none.
    """
    trace = queries.look_up(project, run_id)
    return artifacts.text(run_id, "decision.html") if trace and trace.kind == Decision.kind else None


def of_challenger(project: str, run_id: str) -> str | None:
    """The card of a gate's challenger, which the gate would promote; None where the project has no such gate.

    Raises:
        StoreError: it has no card: the gate would not promote it, or is of before there were any.
    """
    trace = queries.look_up(project, run_id)
    return artifacts.text(run_id, "challenger_card.html") if trace and trace.kind == Gate.kind else None


def card(project: str, number: str) -> str:
    """The card of a version.

    Raises:
        StoreError: there is no such version, or it has no card.
    """
    version = registry.version(project, number)
    place = version.origin.model_card.removeprefix("runs:/")
    run_id, _, name = place.partition("/")
    if not name:
        raise StoreError(f"{version.uri}: it was registered without a card")
    return artifacts.text(run_id, name)


def of_run(project: str, run_id: str) -> str:
    """Where MLflow shows a run, as the reader's browser reaches it (`SHOTCLOCK_MLFLOW_UI`).

    In its view of models: without the experiment and that word MLflow 3 begins with the one for prompts.
    """
    run, experiment = quote(run_id, safe=""), find_experiment(project)
    place = f"experiments/{experiment}/runs/{run}?workflowType=machine_learning" if experiment else f"runs/{run}"
    return f"{settings().mlflow_ui}/#/{place}"
