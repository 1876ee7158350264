"""Whatever of MLflow is used here that it does not document stands in this file; how its tables are read, in `tables.py`.

Read in MLflow 3.17.2. Each entry says what it does, where MLflow's people talk of it, what breaks without it, and when it can
go; `tests/integration/package/store/server/test_internals.py` fails then.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine

ADDED_LATER = frozenset({"registered_model_meta"})
"""Files that MLflow writes beside a stored model whenever somebody downloads that, so no digest may count them.

Upstream: mlflow/mlflow#10362 tests it. Without it: each model is taken for one that was changed, and is not loaded. Goes: when
downloading leaves the store as it is.
"""

_EXAMPLE = "serving_input_example.json"


def migrate(uri: str) -> None:
    """What the command `mlflow db upgrade` does, without its process, which would start for seconds.

    Upstream: nothing found. Without it: a new database has no tables. Goes: when MLflow has a function for it.
    """
    from mlflow.db import upgrade  # these two bring Alembic, which a store behind a server has no use for

    upgrade.callback(uri)


def what_is_outdated(engine: "Engine") -> str:
    """What MLflow says of tables that are not those of its version, or nothing.

    Raises:
        SQLAlchemyError: the database cannot be asked.

    Upstream: mlflow/mlflow#21053, which asks for a less strict check. Without it: nobody is told, and the first to use the
    store fails. Goes: when there is a public function, or a command that only looks.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.db.utils import _verify_schema

    try:
        _verify_schema(engine)
    except MlflowException as error:
        return str(error.message).partition(" Take a backup")[0]
    return ""


def delete_files(artifact_uri: str) -> None:
    """Delete the files of a run; MLflow's `delete_run` keeps them until `mlflow gc`.

    Upstream: mlflow/mlflow#1555, open, and #4185: a client's method for it. Without it: pruning frees no space. Goes: with that
    method.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    get_artifact_repository(artifact_uri).delete_artifacts()


def example(folder: Path) -> bytes | None:
    """The request that MLflow wrote beside a stored model out of its input example, as JSON; None without one.

    Upstream: nothing found; what is public gives the example as values, to be made a request of again. Without it: the
    endpoint's page and tests have nothing to try a model with. Goes: when the file's name is documented.
    """
    path = folder / _EXAMPLE
    return path.read_bytes() if path.is_file() else None


def is_whole(model: Any) -> bool:
    """Whether a logged model was stored to its end: MLflow's own filter finds nothing by status.

    Upstream: nothing found. Without it: a model that a killed try has left half is registered. Goes: when `status = 'READY'`
    finds it.
    """
    from mlflow.entities import LoggedModelStatus

    return bool(model.status == LoggedModelStatus.READY)


def server_version(uri: str, seconds: float) -> str:
    """Which MLflow the server at an address is, asked once, as MLflow's own client asks: with its login and certificates.

    Raises:
        MlflowException: it does not answer within these seconds, or something else than this.

    Upstream: nothing found; what is public tries for minutes before it says that nobody answers. Without it: a server that is
    away holds up each command, or one behind a login is taken to be away. Goes: when the client has such a question.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(
        get_default_host_creds(uri), "/version", "GET", timeout=seconds, max_retries=0, raise_on_status=False
    )
    if not answer.ok:
        raise MlflowException(f"{answer.status_code} {answer.reason} for {uri}/version")
    return str(answer.text)
