"""MLflow's client, the names under which Shotclock keeps things there, and a project's experiment."""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from shotclock.config import settings
from shotclock.store.server import tables

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG = "shotclock."
PARENT = "mlflow.parentRunId"
NOT_THERE = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
MOST_EXPERIMENTS = 1000


def connect() -> "MlflowClient":
    """MLflow's client, which takes a second to be imported: whoever only reads asks the tables first, where they are here."""
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(settings().tracking_uri)
    return MlflowClient(settings().tracking_uri)


def experiment_id(project: str) -> str:
    """The project's experiment, made if it is not there, also when two processes ask at once."""
    found = find_experiment(project)
    if found is None:
        from mlflow.exceptions import MlflowException

        try:
            connect().create_experiment(project, artifact_location=_artifacts(project), tags=_described(project))
        except MlflowException:  # somebody else has just made it
            if find_experiment(project) is None:
                raise
        found = find_experiment(project)
    return str(found)


def find_experiment(project: str) -> str | None:
    """The project's experiment; None where nothing was written yet. Who may only read makes none."""
    try:
        return _experiment_id(settings().tracking_uri, project)
    except LookupError:
        return None


@cache  # it never changes, and every question to the store needs it; one that is not there is no answer, and is not kept
def _experiment_id(store: str, project: str) -> str:
    with tables.opened() as direct:
        if direct:
            known = direct.experiment(project)
        else:
            found = connect().get_experiment_by_name(project)
            known = found and str(found.experiment_id)
    if known is None:
        raise LookupError(project)
    return known


def _described(project: str) -> dict[str, str]:
    """What MLflow's UI shows above the runs, and which of its views it begins with: that of models, not of prompts."""
    told = (
        f"What happened to the project `{project}`, each a run: data, trainings with their candidates, gates, scored batches, "
        f"checks, alerts and decisions. The tag `{TAG}kind` says which, `{TAG}cause` what started it. The model is registered "
        f"as [{project}](#/models/{project})."
    )
    return {"mlflow.note.content": told, "mlflow.experimentKind": "custom_model_development"}


def _artifacts(project: str) -> str:
    root = settings().artifacts
    return f"{root}/{project}" if "://" in root else (Path(root) / project).as_uri()


def experiments(projects: Iterable[str]) -> dict[str, str]:
    """The ids of the projects' experiments, by name; a project that has none yet is left out."""
    wanted = set(projects)
    with tables.opened() as direct:
        if direct:
            return {name: number for name, number in direct.experiments().items() if name in wanted}
    found = connect().search_experiments(max_results=MOST_EXPERIMENTS)
    return {experiment.name: str(experiment.experiment_id) for experiment in found if experiment.name in wanted}
