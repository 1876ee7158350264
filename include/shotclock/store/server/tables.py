"""MLflow's own tables, read straight from the file where the store is a SQLite database of this machine.

MLflow documents its client and its REST API, but not its tables: so this is of the kind of `internals.py`, and like it was read
in MLflow 3.17.2. The tables of that version alone are read here; whoever finds others asks the client, which also tells what is
wrong.

Upstream: mlflow/mlflow#3577, open, which asks for imports that wait until they are needed. Without it: each command that only
reads waits for the seconds in which MLflow's client, store and migrations are imported. Goes: when these are there within half
a second.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shotclock.config import settings

KNOWN = ("3.17.2", "dc11669786a5")
"""The version of MLflow, and the revision of its tables, that were read."""

_INTO_RUN = "run_uuid IN (SELECT value FROM json_each(?))"
_HAS_TAG = "EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = runs.run_uuid AND t.key = ? AND t.value {is_so} ?)"


@dataclass(frozen=True)
class Wanted:
    """Which runs are asked for; deleted ones never are.

    Attributes:
        tags: with these values.
        others: tags that have another value than this; a run without the tag is left out.
        unfinished: True for runs that are not FINISHED, False for those that are, None for both.
        ended_since: in milliseconds since 1970.
        by: the newest first by this moment.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    unfinished: bool | None = None
    ended_since: int | None = None
    by: str = "start_time"


@dataclass(frozen=True)
class Info:
    """What MLflow's `RunInfo` says, under its names."""

    run_id: str
    run_name: str
    experiment_id: str
    status: str
    start_time: int
    end_time: int | None
    artifact_uri: str


@dataclass(frozen=True)
class Data:
    """What MLflow's `RunData` says, under its names."""

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A run, as MLflow's entity of that name."""

    info: Info
    data: Data


@dataclass(frozen=True)
class ModelVersion:
    """A registered version, as MLflow's entity of that name."""

    name: str
    version: str
    run_id: str | None
    tags: dict[str, str]


@contextmanager
def opened() -> Iterator["Tables | None"]:
    """The tables as they stand at one moment, to be read; None where only the client can read the store."""
    path = _file()
    if path is None:
        yield None
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)) as database:
        yield Tables(database) if _are_known(database) else None


def are_known() -> bool:
    """Whether the store is there, with tables as they are known here."""
    with opened() as found:
        return found is not None


def _file() -> Path | None:
    uri = settings().tracking_uri
    plain = uri.startswith("sqlite:///") and not any(mark in uri for mark in "?%#")
    path = Path(uri.removeprefix("sqlite:///"))
    if not plain or "MLFLOW_ENABLE_WORKSPACES" in os.environ or _installed() != KNOWN[0]:
        return None
    return path.absolute() if path.is_file() else None


@cache
def _installed() -> str:
    return version("mlflow")


def _are_known(database: sqlite3.Connection) -> bool:
    try:
        database.execute("PRAGMA query_only = ON")
        database.execute("BEGIN")  # all that is asked from here on is of one moment
        return database.execute("SELECT version_num FROM alembic_version").fetchall() == [(KNOWN[1],)]
    except sqlite3.Error:  # no database, a damaged one, or one without tables: the client says which, and what to do
        return False


class Tables:
    """What is asked of the store by those that only read."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def experiment(self, name: str) -> str | None:
        """Its id, also where it is deleted; None where there is none of that name."""
        found = self._ask("SELECT experiment_id FROM experiments WHERE name = ? AND workspace = 'default'", name)
        return str(found[0][0]) if found else None

    def experiments(self) -> dict[str, str]:
        """The ids of all that are not deleted, by name."""
        return {
            name: str(number)
            for name, number in self._ask(
                "SELECT name, experiment_id FROM experiments WHERE lifecycle_stage = 'active' AND workspace = 'default'"
            )
        }

    def runs(self, experiments: Iterable[str], wanted: Wanted, most: int) -> list[Run]:
        """The newest ones of those that are wanted, newest first; of one moment, in the order of their ids."""
        where, values = _condition(experiments, wanted)
        order = f"{wanted.by} IS NULL, {wanted.by} DESC, start_time DESC, run_uuid"
        return self._runs(f"{where} ORDER BY {order} LIMIT ?", *values, min(most, 2**62))

    def run(self, run_id: str) -> Run | None:
        """The run of that id, deleted or not."""
        return next(iter(self._runs("run_uuid = ?", run_id)), None)

    def _runs(self, condition: str, *values: Any) -> list[Run]:
        columns = "run_uuid, name, experiment_id, status, start_time, end_time, artifact_uri"
        found = [
            Info(run_id, name, str(experiment), *rest)
            for run_id, name, experiment, *rest in self._ask(f"SELECT {columns} FROM runs WHERE {condition}", *values)
        ]
        ids = [info.run_id for info in found]
        params, tags = self._of("params", "value", ids), self._of("tags", "value", ids)
        metrics = self._of("latest_metrics", "CASE is_nan WHEN 1 THEN NULL ELSE value END", ids)
        return [
            Run(
                info,
                Data(
                    {key: float("nan") if value is None else value for key, value in metrics[info.run_id].items()},
                    params[info.run_id],
                    tags[info.run_id],
                ),
            )
            for info in found
        ]

    def _of(self, table: str, value: str, ids: list[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {run_id: {} for run_id in ids}
        sql = f"SELECT run_uuid, key, {value} FROM {table} WHERE {_INTO_RUN}"
        for run_id, key, kept in self._ask(sql, json.dumps(ids)):
            found[run_id][key] = kept
        return found

    def by_alias(self, model: str, alias: str) -> ModelVersion | None:
        """The version that carries the alias, or None."""
        bears = "version = (SELECT version FROM registered_model_aliases a WHERE a.name = v.name AND alias = ?)"
        return next(iter(self._versions(model, f"AND {bears}", alias)), None)

    def aliases(self, alias: str, models: Iterable[str]) -> dict[str, str]:
        """The number of the version of each of these models that carries the alias; a model without one is left out."""
        sql = (
            "SELECT name, version FROM registered_model_aliases "
            "WHERE alias = ? AND workspace = 'default' AND name IN (SELECT value FROM json_each(?))"
        )
        return {name: str(number) for name, number in self._ask(sql, alias, json.dumps(list(models)))}

    def version(self, model: str, number: str) -> ModelVersion | None:
        """The version of that number, or None."""
        return next(iter(self._versions(model, "AND version = ?", number)), None)

    def versions(self, model: str) -> list[ModelVersion]:
        """Every version of the model that is not deleted."""
        return self._versions(model, "")

    def model_files(self, uri: str) -> str | None:
        """Where the files of `models:/<name>/<number>`, or of the stored model `models:/<id>`, lie; None where nobody knows."""
        name, _, number = uri.removeprefix("models:/").partition("/")
        if not number:
            found = self._ask(
                "SELECT artifact_location FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'", name
            )
            return str(found[0][0]) if found else None
        ready = "name = ? AND version = ? AND workspace = 'default' AND status = 'READY'"
        sources = [source for (source,) in self._ask(f"SELECT source FROM model_versions WHERE {ready}", name, number)]
        stored = [source for source in sources if "/" not in source.removeprefix("models:/")]
        return self.model_files(stored[0]) if stored else None

    def _versions(self, model: str, condition: str, *values: Any) -> list[ModelVersion]:
        where = "name = ? AND workspace = 'default' AND current_stage != 'Deleted_Internal'"
        found = self._ask(f"SELECT version, run_id FROM model_versions v WHERE {where} {condition}", model, *values)
        tags: dict[int, dict[str, str]] = {number: {} for number, _ in found}
        sql = "SELECT version, key, value FROM model_version_tags WHERE name = ? AND workspace = 'default'"
        for number, key, value in self._ask(sql, model):
            tags.get(number, {})[key] = value
        return [ModelVersion(model, str(number), run_id, tags[number]) for number, run_id in found]

    def _ask(self, sql: str, *values: Any) -> list[Any]:
        return self._database.execute(sql, values).fetchall()


def _condition(experiments: Iterable[str], wanted: Wanted) -> tuple[str, list[Any]]:
    """The condition in SQL, with the values that stand in it."""
    parts = ["lifecycle_stage = 'active'", "experiment_id IN (SELECT value FROM json_each(?))"]
    values: list[Any] = [json.dumps([int(each) for each in experiments])]
    for is_so, tags in (("=", wanted.tags), ("!=", wanted.others)):
        for name, value in tags.items():
            parts.append(_HAS_TAG.format(is_so=is_so))
            values += [name, value]
    if wanted.unfinished is not None:
        parts.append(f"status {'!=' if wanted.unfinished else '='} 'FINISHED'")
    if wanted.ended_since is not None:
        parts.append("end_time >= ?")
        values.append(wanted.ended_since)
    return " AND ".join(parts), values
