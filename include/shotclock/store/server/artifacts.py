"""Files that were stored with MLflow runs."""

from pathlib import Path

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.store.server import internals, tables
from shotclock.store.server.client import connect

_SERVED = "mlflow-artifacts:"  # where only MLflow's server can reach a run's files


def artifact(run_id: str, name: str) -> Address:
    """The address of a file that was stored with an MLflow run; of a copy, where only MLflow's server can reach it.

    Raises:
        StoreError: the run has no such file.
    """
    missing = f"MLflow run {run_id} has no '{name}'; train and promote again"
    folder = _folder(run_id, missing)
    return _downloaded(run_id, name, missing) if folder.startswith(_SERVED) else _lying(folder, name, missing)


def _lying(folder: str, name: str, missing: str) -> Address:
    """The file of that name below the run's folder: a name may be from a tag, which whoever can write to the store has set."""
    below = storage.at(folder)
    found = storage.inside(str(below / name), below)
    if found is None:
        raise StoreError(missing)
    return found


def _folder(run_id: str, missing: str) -> str:
    """Where a run's files lie."""
    with tables.opened() as direct:
        if direct and (known := direct.run(run_id)):
            return known.info.artifact_uri
    from mlflow.exceptions import MlflowException

    try:
        return str(connect().get_run(run_id).info.artifact_uri)
    except MlflowException as error:
        raise StoreError(missing) from error


def _downloaded(run_id: str, name: str, missing: str) -> Path:
    from mlflow.exceptions import MlflowException

    try:
        return Path(connect().download_artifacts(run_id, name))
    except (MlflowException, OSError) as error:
        raise StoreError(missing) from error


def text(run_id: str, name: str) -> str:
    """The content of a text file that was stored with an MLflow run.

    Raises:
        StoreError: the run has no such file.
    """
    missing = f"MLflow run {run_id} has no '{name}'"
    folder = _folder(run_id, missing)
    if folder.startswith(_SERVED):
        return _served(run_id, name, missing)
    return storage.read(_lying(folder, name, missing)).decode("utf-8")


def _served(run_id: str, name: str, missing: str) -> str:
    """By way of MLflow, which takes seconds to import and leaves no copy behind."""
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(settings().tracking_uri)
    try:
        content: str = mlflow.artifacts.load_text(f"runs:/{run_id}/{name}")
    except (MlflowException, OSError) as error:
        raise StoreError(missing) from error
    return content


def weight(run_id: str) -> int:
    """The bytes of the files that were stored with an MLflow run."""
    client, waiting, total = connect(), [""], 0
    while waiting:
        for entry in client.list_artifacts(run_id, waiting.pop()):
            total += entry.file_size or 0
            waiting += [entry.path] if entry.is_dir else []
    return total


def remove(run_id: str) -> None:
    """Delete an MLflow run and its files. MLflow keeps a deleted run's row until `mlflow gc`."""
    internals.delete_files(connect().get_run(run_id).info.artifact_uri)
    connect().delete_run(run_id)
