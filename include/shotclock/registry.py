"""MLflow, only here: the one store of what happened, and the registry of models.

Runs are found by the key of the step that made them, so a task that is tried again goes on with its own run instead of
making a second one. A project is one experiment and one registered model, both called as the project.
"""

import hashlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import httpx
import mlflow
import mlflow.artifacts
import mlflow.sklearn
import pandas as pd
from mlflow import MlflowClient
from mlflow.db import upgrade
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelStatus, Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db.utils import _verify_schema as verify_schema
from mlflow.store.entities.paged_list import PagedList
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from shotclock import storage
from shotclock.config import settings
from shotclock.errors import ConflictError, StoreError
from shotclock.predictor import with_clean_trees
from shotclock.runs import Run
from shotclock.storage import Address

log = logging.getLogger(__name__)

CHAMPION = "champion"
PREVIOUS = "previous"
TRUSTED = (  # what skops cannot vouch for by itself; what a pipeline of ours is made of
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)
REQUIREMENTS = ("scikit-learn", "numpy", "scipy", "skops", "pandas")
_TAG = "shotclock."
_PARENT = "mlflow.parentRunId"
_KEPT_TAGS = (
    *(_TAG + name for name in ("project", "kind", "key", "cause")),
    "airflow.dag_id",
    "airflow.run_id",
    _PARENT,
)
_NOT_THERE = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
_MOST_EXPERIMENTS = 1000
_MOST_CHANGES = 10_000
_ANSWER_SECONDS = 5.0  # of a server that is only asked whether it is there
_DIGEST_LENGTH = 36  # what MLflow keeps of a data set's digest
_STORED = _TAG + "stored_sha256"  # a version's tag: the digest of the files that the model was stored as
_EXAMPLE = "serving_input_example.json"
_ADDED_LATER = {"registered_model_meta"}  # MLflow writes it beside a model whenever somebody downloads that


def prepare_store() -> None:
    """Make or migrate the store: the seconds that MLflow's first use costs are paid here and not in a task.

    MLflow lets two processes make the tables of one SQLite file at once, and the slower one fails: so one waits here. A
    server's store is the server's business.
    """
    uri = settings().tracking_uri
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        with storage.locked(path.with_suffix(".lock")):
            _prepare_sqlite(path)
            _client().search_experiments(max_results=1)
        return
    if not uri.startswith("http"):
        upgrade.callback(uri)
    _client().search_experiments(max_results=1)


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
    return uri.startswith("sqlite:") and Path(make_url(uri).database or "").is_file()


def is_there() -> bool:
    """Whether the store is there. One behind an address is taken to be; a missing file would be made by the first to ask."""
    return is_a_file() or not settings().tracking_uri.startswith("sqlite:")


def look_at_store() -> tuple[str, str]:
    """How the store stands, and what is wrong with it: `missing`, `unreachable`, `outdated`, or nothing. It is only read."""
    uri = settings().tracking_uri
    if uri.startswith("http"):
        return _look_at_server(uri)
    if uri.startswith("sqlite:") and not Path(make_url(uri).database or "").is_file():
        return "not made yet", "missing"
    engine = create_engine(uri)
    try:
        verify_schema(engine)
    except MlflowException as error:
        return error.message.partition(" Take a backup")[0], "outdated"
    except SQLAlchemyError as error:
        return str(error).splitlines()[0], "unreachable"
    finally:
        engine.dispose()
    return f"tables as MLflow {mlflow.__version__} wants them", ""


def _look_at_server(uri: str) -> tuple[str, str]:
    try:
        answer = httpx.get(f"{uri.rstrip('/')}/version", timeout=_ANSWER_SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        return str(error).splitlines()[0] or type(error).__name__, "unreachable"
    return f"a server, MLflow {answer.text}", ""


def save_once() -> None:
    """Save a model and forget it: what MLflow finds out about the installed packages the first time takes a second."""
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(Pipeline([("model", DummyClassifier())]), folder, pip_requirements=_requirements())


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    """Let the store's own engines speak to an empty database in `folder`, and models and locks lie there, for a block.

    What is done there leaves nothing behind but what SQLAlchemy has compiled for these engines on the way. Connections
    must not cross a fork, so none is left open. For a store that is a file: see `is_a_file`.
    """
    client = _client()
    engines = [store.engine for store in (client._tracking_client.store, client._get_registry_client().store)]
    there, own = _empty_copy(engines[0], folder / "elsewhere.db"), [engine.pool for engine in engines]
    with _environment({"SHOTCLOCK_DATA": str(folder), "SHOTCLOCK_ARTIFACTS": str(folder / "artifacts")}):
        for engine in engines:
            engine.pool = there.pool
        try:
            yield
        finally:
            for engine, pool in zip(engines, own, strict=True):
                engine.pool = pool
                engine.dispose()
            there.dispose()
            _experiment_id.cache_clear()


def _empty_copy(engine: Engine, file: Path) -> Engine:
    """A database with the same tables and no row."""
    with closing(sqlite3.connect(str(engine.url.database))) as here, closing(sqlite3.connect(file)) as copy:
        made = here.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        copy.executescript(";".join(sql for (sql,) in made))
    return create_engine(f"sqlite:///{file}")


@contextmanager
def _environment(changed: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _client() -> MlflowClient:
    mlflow.set_tracking_uri(settings().tracking_uri)
    return MlflowClient(settings().tracking_uri)


def experiment_id(project: str) -> str:
    """The project's experiment, made if it is not there, also when two processes ask at once."""
    return _experiment_id(settings().tracking_uri, project)


@cache  # it never changes, and every question to the store needs it
def _experiment_id(store: str, project: str) -> str:
    client = MlflowClient(store)
    found = client.get_experiment_by_name(project)
    if found is None:
        try:
            client.create_experiment(project, artifact_location=_artifacts(project))
        except MlflowException:  # somebody else has just made it
            if client.get_experiment_by_name(project) is None:
                raise
        found = client.get_experiment_by_name(project)
    return str(found.experiment_id)


def _artifacts(project: str) -> str:
    root = settings().artifacts
    return f"{root}/{project}" if "://" in root else (Path(root) / project).as_uri()


@dataclass
class Tracked:
    """An open MLflow run. `id` changes when the run gives way to a new one: see `record`."""

    id: str
    experiment: str

    def record(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        """Write parameters, metrics and tags (these get the prefix `shotclock.`) in one call.

        MLflow never changes a parameter. Where an earlier try of the step wrote another value (another champion serves by
        now, a rule in the project file was changed), that try's run gives way to a new one.
        """
        now = int(time.time() * 1000)
        written = {name: str(value) for name, value in (params or {}).items()}
        if written:
            self._give_way(written)
        _client().log_batch(
            self.id,
            metrics=[Metric(name, float(value), now, 0) for name, value in (metrics or {}).items()],
            params=[Param(name, value) for name, value in written.items()],
            tags=[RunTag(_TAG + name, str(value)) for name, value in (tags or {}).items()],
        )

    def _give_way(self, params: Mapping[str, str]) -> None:
        client = _client()
        old = client.get_run(self.id)
        if all(old.data.params.get(name, value) == value for name, value in params.items()):
            return
        tags = {name: value for name, value in old.data.tags.items() if name in _KEPT_TAGS}
        new = client.create_run(self.experiment, tags=tags, run_name=old.info.run_name).info.run_id
        for child in children(self.id, self.experiment):
            client.set_tag(child.info.run_id, _PARENT, new)
        client.delete_run(self.id)
        log.info("MLflow run %s has other parameters, from an earlier try; %s takes its place", self.id, new)
        self.id = new

    def series(self, name: str, values: Iterable[float]) -> None:
        """Write one metric's values as steps 0, 1, 2, …"""
        now = int(time.time() * 1000)
        _client().log_batch(self.id, metrics=[Metric(name, float(v), now, step) for step, v in enumerate(values)])

    def artifact(self, address: Address, folder: str | None = None) -> None:
        with storage.local(address) as path:
            _client().log_artifact(self.id, str(path), folder)

    def text(self, content: str, name: str) -> None:
        _client().log_text(self.id, content, name)

    def json(self, content: Any, name: str) -> None:
        _client().log_dict(self.id, content, name)

    def figure(self, figure: Any, name: str) -> None:
        """Write a matplotlib figure as PNG."""
        _client().log_figure(self.id, figure, name)

    def dataset(self, name: str, path: str | Address, digest: str, context: str) -> None:
        """Say which data went in: name, address and sha256."""
        data = Dataset(name=name, digest=digest[:_DIGEST_LENGTH], source_type="local", source=str(path))
        inputs = DatasetInput(dataset=data, tags=[InputTag("mlflow.data.context", context)])
        _client().log_inputs(self.id, [inputs])
        self.record(tags={f"sha256.{name}": digest})


def open_run(run: Run, step: str, name: str, *, kind: str, parent: str | None = None) -> Tracked:
    """The MLflow run of `step`: the one that an earlier try left, or a new one."""
    client, experiment = _client(), experiment_id(run.project)
    tags = {
        _TAG + "project": run.project,
        _TAG + "kind": kind,
        _TAG + "key": run.key(step),
        _TAG + "cause": run.cause,
        "airflow.dag_id": f"{run.project}.{run.flow}",
        "airflow.run_id": run.id,
        **({_PARENT: parent} if parent else {}),
    }
    found = _by_key(run, step)
    if found is None:
        return Tracked(client.create_run(experiment, tags=tags, run_name=name).info.run_id, experiment)
    client.update_run(found.info.run_id, status="RUNNING")
    return Tracked(found.info.run_id, experiment)


def close_run(run_id: str, status: str = "FINISHED") -> None:
    _client().set_terminated(run_id, status=status)


@contextmanager
def tracked(run: Run, step: str, name: str, *, kind: str, parent: str | None = None) -> Iterator[Tracked]:
    """An MLflow run for the length of a block: finished at its end, failed when the block raises."""
    opened = open_run(run, step, name, kind=kind, parent=parent)
    try:
        yield opened
    except BaseException:
        close_run(opened.id, "FAILED")
        raise
    close_run(opened.id)


def _by_key(run: Run, step: str) -> Any:
    found = _client().search_runs(
        [experiment_id(run.project)], filter_string=f"tags.`{_TAG}key` = '{run.key(step)}'", max_results=1
    )
    return found[0] if found else None


def tags(tracked_run: Tracked) -> dict[str, str]:
    """`before` and `after` of a decision, where an earlier try has written them."""
    found = _client().get_run(tracked_run.id).data.tags
    return {name: found[_TAG + name] for name in ("before", "after") if _TAG + name in found}


def find_run(run: Run, step: str) -> Tracked:
    """The MLflow run that `step` of this run made.

    Raises:
        StoreError: there is none.
    """
    found = _by_key(run, step)
    if found is None:
        raise StoreError(f"MLflow has no run '{run.key(step)}'; the task '{step}' must have run before")
    return Tracked(found.info.run_id, found.info.experiment_id)


@dataclass(frozen=True)
class Version:
    """A registered model version, and the MLflow run that trained it."""

    project: str
    number: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        return f"models:/{self.project}/{self.number}"

    @property
    def digest(self) -> str | None:
        """The sha256 of the files that the model was stored as; None for a version that was not registered by Shotclock."""
        return self.tags.get(_STORED)

    def load(self) -> Pipeline:
        """The bare scikit-learn pipeline.

        Raises:
            StoreError: the stored files are missing, or are not those that were registered.
        """
        return load_model(self.uri, self.digest)

    def example(self) -> bytes:
        """The input example, as a request to MLflow's scoring server: JSON.

        Raises:
            StoreError: see `load`; or the model was stored without an example.
        """
        with _files(self.uri, self.digest) as folder:
            if not (folder / _EXAMPLE).is_file():
                raise StoreError(f"{self.uri}: stored without an input example to try it on; register it with one")
            return (folder / _EXAMPLE).read_bytes()

    def inputs(self) -> tuple[str, ...]:
        """The columns that its signature asks for, in their order."""
        mlflow.set_tracking_uri(settings().tracking_uri)
        signature = mlflow.models.get_model_info(self.uri).signature
        return tuple(map(str, signature.inputs.input_names()))

    def artifact(self, name: str) -> Address:
        """The address of a file that was stored with this version's training run."""
        return artifact(self.run_id, name)


def artifact(run_id: str, name: str) -> Address:
    """The address of a file that was stored with an MLflow run; of a copy, where only MLflow's server can reach it.

    Raises:
        StoreError: the run has no such file.
    """
    missing = f"MLflow run {run_id} has no '{name}'; train and promote again"
    try:
        folder = _client().get_run(run_id).info.artifact_uri
        if folder.startswith("mlflow-artifacts:"):
            return Path(_client().download_artifacts(run_id, name))
    except (MlflowException, OSError) as error:
        raise StoreError(missing) from error
    found = storage.at(folder) / name
    if not storage.is_file(found):
        raise StoreError(missing)
    return found


def text(run_id: str, name: str) -> str:
    """The content of a text file that was stored with an MLflow run.

    Raises:
        StoreError: the run has no such file.
    """
    mlflow.set_tracking_uri(settings().tracking_uri)
    try:
        content: str = mlflow.artifacts.load_text(f"runs:/{run_id}/{name}")
    except (MlflowException, OSError) as error:
        raise StoreError(f"MLflow run {run_id} has no '{name}'") from error
    return content


def kind(run_id: str, project: str) -> str | None:
    """What kind of run this is, or None where the project has none of this id."""
    try:
        found = _client().get_run(run_id).data.tags
    except MlflowException as error:
        if error.error_code in _NOT_THERE:
            return None
        raise
    return found.get(_TAG + "kind") if found.get(_TAG + "project") == project else None


def versions(project: str) -> list[Version]:
    """Every registered version of the project's model that is not deleted, newest first."""
    found = _client().search_model_versions(f"name = '{project}'", max_results=_MOST_EXPERIMENTS)
    return sorted(map(_version, found), key=lambda version: int(version.number), reverse=True)


def load_model(uri: str, digest: str | None, store: str | None = None) -> Pipeline:
    """The bare scikit-learn pipeline behind a `models:/` address.

    Args:
        digest: of the files that were registered; None loads whatever is there.

    Raises:
        StoreError: the stored files are missing, or have another digest.
    """
    with _files(uri, digest, store) as folder:
        return with_clean_trees(mlflow.sklearn.load_model(str(folder)))


@contextmanager
def _files(uri: str, digest: str | None, store: str | None = None) -> Iterator[Path]:
    """A copy of a stored model's files, checked, for the length of a block: what was checked is what is read."""
    with _copy(uri, store) as folder:
        found = _digest(folder)
        if digest is None:
            log.warning("%s was registered without a digest: nobody can tell whether its files were changed", uri)
        elif found != digest:
            raise StoreError(
                f"{uri}: the stored files have sha256 {found}, registered were {digest}: somebody changed them, so the "
                "model is not loaded; restore them, or train and promote again"
            )
        yield folder


@contextmanager
def _copy(uri: str, store: str | None = None) -> Iterator[Path]:
    mlflow.set_tracking_uri(store or settings().tracking_uri)
    with tempfile.TemporaryDirectory() as folder:
        try:
            copy = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        except (MlflowException, OSError) as error:
            raise StoreError(f"{uri}: its files cannot be read from MLflow: {error}") from error
        if not any(copy.iterdir()):
            raise StoreError(f"{uri}: its files are gone from MLflow; restore them, or train and promote again")
        yield copy


def _digest(folder: Path) -> str:
    """One sha256 of the names and bytes of all files of a stored model."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _ADDED_LATER)
    listed = "".join(f"{storage.digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _version(found: ModelVersion) -> Version:
    return Version(found.name, str(found.version), str(found.run_id), dict(found.tags))


def version(project: str, number: str) -> Version:
    """Version `number` of the project's model.

    Raises:
        StoreError: there is no such version.
    """
    try:
        return _version(_client().get_model_version(project, number))
    except MlflowException as error:
        raise StoreError(f"models:/{project}/{number}: no such version in MLflow ({error.message})") from error


def by_alias(project: str, alias: str) -> Version | None:
    """The version that carries `alias`, or None."""
    try:
        return _version(_client().get_model_version_by_alias(project, alias))
    except MlflowException as error:
        if error.error_code in _NOT_THERE:
            return None
        raise


def champion(project: str) -> Version | None:
    """The version in service, or None before the first promotion."""
    return by_alias(project, CHAMPION)


def require_champion(project: str) -> Version:
    """The version in service.

    Raises:
        StoreError: nothing was promoted yet.
    """
    found = champion(project)
    if found is None:
        raise StoreError(f"project '{project}' has no champion yet; trigger {project}.training first")
    return found


def register(run: Run, run_id: str, model: Pipeline, example: pd.DataFrame, *, tags: Mapping[str, Any]) -> Version:
    """Register `model` under the MLflow run that trained it; a second call for the same run finds the first one's version.

    Args:
        run_id: the MLflow run that trained the model.
        example: a few rows of features (rows x features), from which the signature is made. Whole numbers are declared
            as doubles, so that a consumer's 3.0 is as good as 3.
    """
    example = example.astype(float)
    client = _client()
    found: PagedList[ModelVersion] = client.search_model_versions(f"name = '{run.project}' and run_id = '{run_id}'")
    if found:
        close_run(run_id)
        return _version(found[0])
    address, model_id = _stored(run, run_id) or _store(run_id, model, example)
    try:
        client.create_registered_model(run.project, tags={_TAG + "project": run.project})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with _copy(address) as folder:
        named = {_TAG + name: str(value) for name, value in tags.items()} | {_STORED: _digest(folder)}
    made = client.create_model_version(run.project, address, run_id, tags=named, model_id=model_id)
    return _version(made)


def _stored(run: Run, run_id: str) -> tuple[str, str] | None:
    """Address and id of the model that an earlier try stored, before it could register it; what it left half is deleted."""
    client, whole = _client(), None
    for found in client.search_logged_models([experiment_id(run.project)], f"source_run_id = '{run_id}'"):
        if found.status == LoggedModelStatus.READY:  # MLflow's own filter finds nothing by status
            whole = found.model_uri, found.model_id
        else:
            client.delete_logged_model(found.model_id)
    if whole:
        close_run(run_id)  # storing opens it again, and a killed try has left it so
    return whole


def _store(run_id: str, model: Pipeline, example: pd.DataFrame) -> tuple[str, str]:
    with mlflow.start_run(run_id=run_id):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(example, model.predict_proba(example)),
            input_example=example,
            pip_requirements=_requirements(),
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=list(TRUSTED),
        )
    return info.model_uri, info.model_id


def _requirements() -> list[str]:
    """Exactly the packages that the bare pipeline needs, at the versions that trained it."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


class Verifier:
    """A fresh process without PyCaret that loads a registered model back and compares its probabilities.

    To be started early, as a context: it loads its libraries while the model is being registered.
    """

    def __enter__(self) -> Self:
        command, pipe = [sys.executable, "-m", "shotclock.verify"], subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def verify(self, version: Version, rows: Address, *, tolerance: float = 1e-12) -> float:
        """The largest absolute difference between the registered model's probabilities and the recorded ones.

        Args:
            rows: parquet file of features and the column `probability` as the gate measured it.

        Raises:
            StoreError: the model cannot be loaded, or a probability differs by more than `tolerance`.
        """
        asked = {"model": version.uri, "digest": version.digest, "rows": str(rows), "store": settings().tracking_uri}
        answer, errors = self._process.communicate(json.dumps(asked) + "\n")
        if self._process.returncode != 0:
            raise StoreError(f"{version.uri}: cannot be loaded back, the alias stays where it is: {errors[-2000:]}")
        difference = float(answer.split()[-1])
        if not difference <= tolerance:
            raise StoreError(
                f"{version.uri}: loaded back, its probabilities differ by up to {difference:.3g} from those that the "
                f"gate measured (allowed {tolerance:.0e}); the alias stays where it is"
            )
        return difference


def promote(version: Version, *, expected: str | None) -> None:
    """Make `version` the champion if the champion is still version `expected` (None: if there is none yet).

    Calling it again changes nothing after it succeeded, and finishes what a killed call began: `previous` moves first, so
    whoever finds the new champion finds the old one too.

    Raises:
        ConflictError: another version became champion since the gate measured.
    """
    with _promotion(version.project):
        client, current = _client(), champion(version.project)
        if current is not None and current.number == version.number:
            return
        if (current.number if current else None) != expected:
            raise ConflictError(
                f"{version.project}: the gate measured against champion {expected or 'none'}, but now it is "
                f"{current.number if current else 'none'}; nothing was promoted: run the training again"
            )
        if current is not None:
            client.set_registered_model_alias(version.project, PREVIOUS, current.number)
        client.set_registered_model_alias(version.project, CHAMPION, version.number)


def _promotion(project: str) -> AbstractContextManager[None]:
    """One promotion of a project at a time.

    MLflow moves an alias without comparing it first, so two processes could both find the champion that they expect and
    both move it. Everyone who promotes publishes to the same data folder, so a lock on a file there keeps them apart; the
    kernel opens it when its holder dies.
    """
    return storage.locked(settings().data / project / ".promotion.lock")


def newest(
    project: str,
    kind: str,
    *,
    tags: Mapping[str, str] | None = None,
    unless: Mapping[str, str] | None = None,
    most: int = 1,
) -> list[Any]:
    """The newest finished MLflow runs of one kind, newest first.

    Args:
        tags: tags that they carry.
        unless: tags whose runs are left out.
    """
    where, order = _finished(kind, tags, unless), ["attributes.start_time DESC"]
    return list(_client().search_runs([experiment_id(project)], where, order_by=order, max_results=most))


def _finished(kind: str, tags: Mapping[str, str] | None = None, unless: Mapping[str, str] | None = None) -> str:
    wanted = [f"tags.`{_TAG}{name}` = '{value}'" for name, value in {"kind": kind, **(tags or {})}.items()]
    others = [f"tags.`{_TAG}{name}` != '{value}'" for name, value in (unless or {}).items()]
    return " and ".join([*wanted, *others, "attributes.status = 'FINISHED'"])


def pulse(project: str) -> str:
    """What changes whenever a run of the project ends, so that readers know when to look again. Asks for one row."""
    experiments, order = list(_experiments([project]).values()), ["attributes.end_time DESC"]
    found = _client().search_runs(experiments, order_by=order, max_results=1) if experiments else []
    return f"{found[0].info.run_id}/{found[0].info.end_time}" if found else ""


def newest_of(
    projects: Iterable[str], kind: str, *, each: int, unless: Mapping[str, str] | None = None
) -> dict[str, list[Any]]:
    """The newest finished MLflow runs of one kind for several projects, newest first, at the most `each` of every one.

    One question for all; a project that busier ones have crowded out of the answer is asked about by itself.

    Args:
        unless: tags whose runs are left out.
    """
    ids = _experiments(projects)
    where = _finished(kind, unless=unless)

    def ask(experiments: list[str], most: int) -> list[Any]:
        order = ["attributes.start_time DESC"]
        return list(_client().search_runs(experiments, where, order_by=order, max_results=most)) if experiments else []

    answer = ask(list(ids.values()), each * len(ids))
    found: dict[str, list[Any]] = {experiment: [] for experiment in ids.values()}
    for run in answer:
        found[run.info.experiment_id].append(run)
    if len(answer) == each * len(ids):
        short = [experiment for experiment, runs in found.items() if len(runs) < each]
        found |= {experiment: ask([experiment], each) for experiment in short}
    return {project: found[ids[project]][:each] if project in ids else [] for project in projects}


def finished_since(projects: Iterable[str], moment: datetime) -> dict[str, list[Any]]:
    """Every MLflow run of these projects that has finished since `moment`, newest first; whoever has none is left out."""
    names = {experiment: name for name, experiment in _experiments(projects).items()}
    where = f"attributes.end_time >= {int(moment.timestamp() * 1000)} and attributes.status = 'FINISHED'"
    found: dict[str, list[Any]] = {}
    for run in _pages(list(names), where, most=_MOST_CHANGES) if names else []:
        found.setdefault(names[run.info.experiment_id], []).append(run)
    return found


def _experiments(projects: Iterable[str]) -> dict[str, str]:
    """The ids of the projects' experiments, by name; a project that has none yet is left out."""
    wanted = set(projects)
    found = _client().search_experiments(max_results=_MOST_EXPERIMENTS)
    return {experiment.name: str(experiment.experiment_id) for experiment in found if experiment.name in wanted}


def champions(projects: Iterable[str]) -> dict[str, str]:
    """The number of each project's version in service; a project without one is left out."""
    wanted = set(projects)
    found = _client().search_registered_models(max_results=_MOST_EXPERIMENTS)
    return {
        model.name: str(model.aliases[CHAMPION])
        for model in found
        if model.name in wanted and CHAMPION in model.aliases
    }


def every(project: str, kind: str, *, most: int) -> list[Any]:
    """The finished runs of one kind, newest first, page by page, up to `most`."""
    where = f"tags.`{_TAG}kind` = '{kind}' and attributes.status = 'FINISHED'"
    return _pages([experiment_id(project)], where, most=most)


def _pages(experiments: list[str], where: str, *, most: int) -> list[Any]:
    client, token = _client(), None
    found: list[Any] = []
    while len(found) < most:
        page = client.search_runs(experiments, where, max_results=min(1000, most), page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def all_runs(project: str) -> Iterator[Any]:
    """Every run of the project that is not deleted, whatever became of it, newest first."""
    client, experiment, token = _client(), experiment_id(project), None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def run(run_id: str) -> Any:
    """The MLflow run of that id."""
    return _client().get_run(run_id)


def weight(run_id: str) -> int:
    """The bytes of the files that were stored with an MLflow run."""
    client, waiting, total = _client(), [""], 0
    while waiting:
        for entry in client.list_artifacts(run_id, waiting.pop()):
            total += entry.file_size or 0
            waiting += [entry.path] if entry.is_dir else []
    return total


def remove(run_id: str) -> None:
    """Delete an MLflow run and its files. MLflow keeps a deleted run's row until `mlflow gc`."""
    get_artifact_repository(_client().get_run(run_id).info.artifact_uri).delete_artifacts()
    _client().delete_run(run_id)


def children(run_id: str, experiment: str) -> list[Any]:
    """The candidate runs below a training run."""
    where = f"tags.`{_PARENT}` = '{run_id}'"
    return list(_client().search_runs([experiment], filter_string=where, max_results=100))
