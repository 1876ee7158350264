"""Is the store there, and fit for use? Made, migrated, looked at."""

import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.store.server import internals, tables
from shotclock.store.server.client import connect

_ANSWER_SECONDS = 5.0  # of a server that is only asked whether it is there


def prepare_store() -> None:
    """Make or migrate the store: the seconds that MLflow's first use costs are paid here and not in a task.

    MLflow lets two processes make the tables of one SQLite file at once, and the slower one fails: so one waits here. A
    server's store is the server's business; one that is away is told within seconds, where MLflow would try for a minute.

    Raises:
        StoreError: the server gives no answer, or the package that speaks to such a database is not installed.
    """
    uri = settings().tracking_uri
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        with storage.locked(path.with_suffix(".lock")):
            _prepare_sqlite(path)
            if not tables.are_known():
                connect().search_experiments(max_results=1)
        return
    if uri.startswith("http"):
        found, fault = _look_at_server(uri)
        if fault:
            raise StoreError(
                f"MLflow's server at {uri} gives no answer ({found}); start it, or correct MLFLOW_TRACKING_URI "
                "and the login (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD)"
            )
    else:
        _migrate(uri)
    connect().search_experiments(max_results=1)


def _migrate(uri: str) -> None:
    try:
        internals.migrate(uri)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"MLFLOW_TRACKING_URI: a database of the scheme '{uri.partition(':')[0]}' needs the Python package "
            f"'{error.name}', which is not installed; install it, or name another driver, such as postgresql+psycopg2://"
        ) from error


def _prepare_sqlite(path: Path) -> None:
    """A write-ahead log: readers and the writer do not wait for each other, and a commit costs one fsync instead of three.

    SQLite keeps this with the file, for whoever opens it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")


def is_a_file() -> bool:
    """Whether the store is a file of this machine, and there."""
    uri = settings().tracking_uri
    return uri.startswith("sqlite:") and _path(uri).is_file()


def _path(uri: str) -> Path:
    from sqlalchemy import make_url

    return Path(make_url(uri).database or "")


def is_there() -> bool:
    """Whether the store is there. One behind an address is taken to be; a missing file would be made by the first to ask."""
    return is_a_file() or not settings().tracking_uri.startswith("sqlite:")


def is_ready() -> bool:
    """Whether it can be read at once: behind an address, or with tables as they are known here.

    Whoever asks a file without them has MLflow imported and make them, beside the one who prepares it (`prepare_store`).
    """
    return tables.are_known() or not settings().tracking_uri.startswith("sqlite:")


def look_at_store() -> tuple[str, str]:
    """How the store stands, and what is wrong with it: `missing`, `unreachable`, `outdated`, or nothing. It is only read."""
    uri = settings().tracking_uri
    if uri.startswith("http"):
        return _look_at_server(uri)
    as_wanted = f"tables as MLflow {version('mlflow')} wants them", ""
    if tables.are_known():
        return as_wanted
    if uri.startswith("sqlite:") and not _path(uri).is_file():
        return "not made yet", "missing"
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(uri)
    try:
        outdated = internals.what_is_outdated(engine)
    except SQLAlchemyError as error:
        return str(error).splitlines()[0], "unreachable"
    finally:
        engine.dispose()
    return (outdated, "outdated") if outdated else as_wanted


def _look_at_server(uri: str) -> tuple[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return f"a server, MLflow {internals.server_version(uri.rstrip('/'), _ANSWER_SECONDS)}", ""
    except MlflowException as error:
        return str(error.message).splitlines()[0], "unreachable"
