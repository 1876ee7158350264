"""The registry of models: versions, what they were stored as, and the aliases that say which one serves."""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shotclock.config import settings
from shotclock.errors import ConflictError, StoreError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.rows.values import Input
from shotclock.store.fields import Values, read, written
from shotclock.store.records import Origin
from shotclock.store.run import Run
from shotclock.store.server import internals, tables
from shotclock.store.server.artifacts import artifact
from shotclock.store.server.client import MOST_EXPERIMENTS, NOT_THERE, TAG, connect, experiment_id
from shotclock.store.tracking import close_run

if TYPE_CHECKING:  # what takes seconds to import is imported where a model is read or stored
    import pandas as pd
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature
    from mlflow.store.entities.paged_list import PagedList
    from sklearn.pipeline import Pipeline

    from shotclock.handoff import StoredModel

log = logging.getLogger(__name__)
CHAMPION = "champion"
PREVIOUS = "previous"
MODEL_FILE, TRAINING_IDS = "modelo_final.pickle", "training_ids.parquet"
_MODEL = "model.skops"
_DIGEST = TAG + "stored_sha256"  # of a stored model, as of a version
REQUIREMENTS = ("scikit-learn", "numpy", "scipy", "skops", "pandas")


@dataclass(frozen=True)
class Version:
    """A registered model version, the MLflow run that trained it, and what it says of itself."""

    project: str
    number: str
    run_id: str
    origin: Origin

    @property
    def uri(self) -> str:
        return f"models:/{self.project}/{self.number}"

    @property
    def digest(self) -> str | None:
        """The sha256 of the files that the model was stored as; None for a version that was not registered by Shotclock.

        Raises:
            StoreError: Shotclock has registered it, and its digest is gone.
        """
        if self.origin.stored_sha256 is None and self.origin != Origin():
            raise StoreError(
                f"{self.uri}: its tag {_DIGEST} is gone from MLflow, so nobody can tell whether its files were changed; "
                "restore the store from a backup, or train and promote again"
            )
        return self.origin.stored_sha256

    def load(self) -> "Pipeline":
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
            found = internals.example(folder)
        if found is None:
            raise StoreError(f"{self.uri}: stored without an input example to try it on; register it with one")
        return found

    def inputs(self) -> tuple[Input, ...]:
        """The columns that its signature asks for, in their order.

        Raises:
            StoreError: see `load`.
        """
        from mlflow.models import Model
        from mlflow.types import DataType

        with _files(self.uri, self.digest) as folder:
            asked = Model.load(str(folder)).signature.inputs  # MLflow's `get_model_info` asks the store it used last
        return tuple(
            Input(str(column.name), column.type == DataType.string, not column.required) for column in asked.inputs
        )

    def training_ids(self) -> Address:
        """The address of the ids of all rows that it has learnt from: parquet, one column.

        Raises:
            StoreError: the file is missing, or is not the one that was registered.
        """
        found, expected = artifact(self.run_id, TRAINING_IDS), self.origin.training_ids_sha256
        if expected is not None and (sha256 := storage.digest(found)) != expected:
            raise StoreError(
                f"{self.uri}: its {TRAINING_IDS} has sha256 {sha256}, registered was {expected}: somebody changed it, so "
                "nobody can tell which rows are new to the model; restore the file, or train and promote again"
            )
        return found


def load_model(uri: str, digest: str | None) -> "Pipeline":
    """The bare scikit-learn pipeline behind a `models:/` address.

    Args:
        digest: of the files that were registered; None loads whatever is there.

    Raises:
        StoreError: the stored files are missing, have another digest, or are not those of a bare scikit-learn pipeline.
    """
    with _files(uri, digest) as folder:
        return _read_as_data(uri, folder / _MODEL)


def _read_as_data(uri: str, file: Path) -> "Pipeline":
    """The pipeline in a file of skops: data, of which nothing is run.

    MLflow's own loader would believe what lies beside the file: that it is a pickle, which code goes with it, which types
    to trust. Whoever may write to the store could say so, and have code run wherever a model is loaded.
    """
    from sklearn.pipeline import Pipeline

    from shotclock.store.versions import portable

    if not file.is_file():
        raise StoreError(
            f"{uri}: found no {_MODEL}, expected one: a model is read as data and never unpickled; train again"
        )
    found = portable.read(file, uri)
    if not isinstance(found, Pipeline):
        raise StoreError(
            f"{uri}: its {_MODEL} holds a {type(found).__name__}, expected a scikit-learn Pipeline; train again"
        )
    return found


@contextmanager
def _files(uri: str, digest: str | None) -> Iterator[Path]:
    """A copy of a stored model's files, checked, for the length of a block: what was checked is what is read."""
    with _copy(uri) as folder:
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
def _copy(uri: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            copy = _copied(uri, Path(folder) / "model") or _downloaded(uri, folder)
        except OSError as error:
            raise StoreError(f"{uri}: its files cannot be read: {error}") from error
        if not any(copy.iterdir()):
            raise StoreError(f"{uri}: its files are gone from MLflow; restore them, or train and promote again")
        yield copy


def _copied(uri: str, copy: Path) -> Path | None:
    """The files, where they lie in a folder of this machine that is known without MLflow, which asks for far more."""
    with tables.opened() as direct:
        place = direct.model_files(uri) if direct else None
    folder = storage.at(place) if place else None
    return Path(shutil.copytree(folder, copy)) if isinstance(folder, Path) and folder.is_dir() else None


def _downloaded(uri: str, folder: str) -> Path:
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(settings().tracking_uri)
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
    except MlflowException as error:
        raise StoreError(f"{uri}: its files cannot be read from MLflow: {error}") from error


def _digest(folder: Path) -> str:
    """One sha256 of the names and bytes of all files of a stored model."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in internals.ADDED_LATER)
    listed = "".join(f"{storage.digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _version(found: tables.ModelVersion) -> Version:
    tags = {name.removeprefix(TAG): value for name, value in found.tags.items() if name.startswith(TAG)}
    return Version(found.name, str(found.version), str(found.run_id), read(Origin, Values({}, {}, tags)))


def version(project: str, number: str) -> Version:
    """Version `number` of the project's model.

    Raises:
        StoreError: there is no such version.
    """
    with tables.opened() as direct:
        if direct and (known := direct.version(project, number)):
            return _version(known)
    from mlflow.exceptions import MlflowException

    try:
        return _version(connect().get_model_version(project, number))
    except MlflowException as error:
        there = ", ".join(f"v{found.number}" for found in versions(project)) or "none yet"
        raise StoreError(
            f"models:/{project}/{number}: no such version in MLflow, which has {there} ({error.message})"
        ) from error


def by_alias(project: str, alias: str) -> Version | None:
    """The version that carries `alias`, or None."""
    with tables.opened() as direct:
        if direct:
            known = direct.by_alias(project, alias)
            return _version(known) if known else None
    from mlflow.exceptions import MlflowException

    try:
        return _version(connect().get_model_version_by_alias(project, alias))
    except MlflowException as error:
        if error.error_code in NOT_THERE:
            return None
        raise


def champion(project: str) -> Version | None:
    """The version in service, or None before the first promotion."""
    return by_alias(project, CHAMPION)


def champions(projects: Iterable[str]) -> dict[str, str]:
    """The number of each project's version in service; a project without one is left out."""
    wanted = set(projects)
    with tables.opened() as direct:
        if direct:
            return direct.aliases(CHAMPION, wanted)
    found = connect().search_registered_models(max_results=MOST_EXPERIMENTS)
    return {
        model.name: str(model.aliases[CHAMPION])
        for model in found
        if model.name in wanted and CHAMPION in model.aliases
    }


def require_champion(project: str) -> Version:
    """The version in service.

    Raises:
        StoreError: nothing was promoted yet, or the store that knew it is lost.
    """
    found = champion(project)
    if found is None:
        raise StoreError(nobody(project))
    return found


def is_lost(project: str) -> bool:
    """Whether files of a version are published, which MLflow's store then must have known, for a project without a champion."""
    return any(storage.published(settings().data, project, name) for name in (CHAMPION, "predictions"))


def nobody(project: str) -> str:
    """Why no version is in service, and what to do: nothing was promoted yet; or the store was lost, which looks the same."""
    if not is_lost(project):
        return f"project '{project}' has no champion yet; trigger {project}.training first"
    shown = settings().data / project
    return (
        f"project '{project}': MLflow's store knows no champion, but {shown} shows files of one: the store was lost, or is "
        "another one. Restore its database from a backup, or set MLFLOW_TRACKING_URI to the right one; to begin anew, move "
        f"{shown} away and trigger {project}.training"
    )


def versions(project: str) -> list[Version]:
    """Every registered version of the project's model that is not deleted, newest first."""
    with tables.opened() as direct:
        found: Iterable[ModelVersion] = direct.versions(project) if direct else _ask_for_versions(project)
    return sorted(map(_version, found), key=lambda version: int(version.number), reverse=True)


def _ask_for_versions(project: str) -> "PagedList[ModelVersion]":
    found: PagedList[ModelVersion] = connect().search_model_versions(
        f"name = '{project}'", max_results=MOST_EXPERIMENTS
    )
    return found


def store(run: Run, run_id: str, model: "Pipeline", example: "pd.DataFrame", inputs: Sequence[Input]) -> "StoredModel":
    """Store `model` under the MLflow run that trained it, as a version of nothing; a second call finds the first one's.

    Its digest is kept beside it at once, so whoever changes the files later is found out.

    Args:
        run_id: the MLflow run that trained the model.
        example: a few rows of features (rows x features).
        inputs: what the signature is to ask for. Whole numbers, and booleans, are declared as doubles, so that a consumer's
            3.0 is as good as 3.
    """
    from shotclock.handoff import StoredModel

    example = example.astype({column.name: object if column.is_text else float for column in inputs})
    found = _stored(run, run_id) or _store(run_id, model, example, inputs)
    sha256 = found.tags.get(_DIGEST)
    if sha256 is None:
        with _copy(found.model_uri) as folder:
            sha256 = _digest(folder)
        connect().set_logged_model_tags(found.model_id, {_DIGEST: sha256})
    return StoredModel(found.model_uri, found.model_id, sha256)


def register(run: Run, run_id: str, model: "StoredModel", origin: Origin) -> Version:
    """Make a stored model a version; a second call for the same run finds the first one's.

    Args:
        run_id: the MLflow run that trained the model.
        origin: what the version is to say of itself; the digest of its files is added.

    Raises:
        StoreError: the files are not those of `model`, or the version that is there has others.
    """
    client = connect()
    found: PagedList[ModelVersion] = client.search_model_versions(f"name = '{run.project}' and run_id = '{run_id}'")
    with _files(model.uri, model.sha256):
        made = _version(found[0]) if found else _create(run, run_id, model, origin)
    if made.digest != model.sha256:
        raise StoreError(
            f"{made.uri}: was registered with sha256 {made.digest}, the model that was verified has {model.sha256}; "
            "train and promote again"
        )
    return made


def _create(run: Run, run_id: str, model: "StoredModel", origin: Origin) -> Version:
    from mlflow.exceptions import MlflowException

    client = connect()
    try:
        about = (
            f"The model of the project `{run.project}`. The alias `{CHAMPION}` names the version in service, `{PREVIOUS}` the "
            "one before it. Each version says how it came about."
        )
        client.create_registered_model(run.project, tags={TAG + "project": run.project}, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    told = written(replace(origin, stored_sha256=model.sha256)).tags
    tags = {f"{TAG}{name}": value for name, value in told.items()}
    about = (
        f"{origin.algorithm}, by {run.flow} `{run.id}`, which was started by: {run.cause}. Promoted: {origin.reason}"
    )
    made = client.create_model_version(run.project, model.uri, run_id, tags=tags, model_id=model.id, description=about)
    return _version(made)


def _stored(run: Run, run_id: str) -> "LoggedModel | None":
    """The model that an earlier try stored; what it left half is deleted."""
    client, whole = connect(), None
    for found in client.search_logged_models([experiment_id(run.project)], f"source_run_id = '{run_id}'"):
        if internals.is_whole(found):
            whole = found
        else:
            client.delete_logged_model(found.model_id)
    if whole:
        close_run(run_id)  # storing opens it again, and a killed try has left it so
    return whole


def _store(run_id: str, model: "Pipeline", example: "pd.DataFrame", inputs: Sequence[Input]) -> "LoggedModel":
    import mlflow
    import mlflow.sklearn

    from shotclock.store.versions import portable

    with mlflow.start_run(run_id=run_id):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=_signature(inputs, model.predict_proba(example)),
            input_example=example,
            pip_requirements=_requirements(),
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=list(portable.TRUSTED),
        )
    return connect().get_logged_model(info.model_id)


def _signature(inputs: Sequence[Input], probabilities: object) -> "ModelSignature":
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, DataType, Schema

    asked = [
        ColSpec(DataType.string if column.is_text else DataType.double, column.name, required=not column.may_be_missing)
        for column in inputs
    ]
    return ModelSignature(Schema(asked), infer_signature(model_output=probabilities).outputs)


def _requirements() -> list[str]:
    """Exactly the packages that the bare pipeline needs, at the versions that trained it."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def promote(version: Version, *, expected: str | None) -> None:
    """Make `version` the champion if the champion is still version `expected` (None: if there is none yet).

    Calling it again changes nothing after it succeeded, and finishes what a killed call began: `previous` moves first, so
    whoever finds the new champion finds the old one too; last, `data/<project>/champion` shows the files of its training.

    Raises:
        ConflictError: another version became champion since the gate measured.
    """
    with _promotion(version.project):
        client, current = connect(), champion(version.project)
        if current is not None and current.number == version.number:
            return _show(version)
        if (current.number if current else None) != expected:
            raise ConflictError(
                f"{version.project}: the gate measured against champion {expected or 'none'}, but now it is "
                f"{current.number if current else 'none'}; nothing was promoted: run the training again"
            )
        if current is not None:
            client.set_registered_model_alias(version.project, PREVIOUS, current.number)
        client.set_registered_model_alias(version.project, CHAMPION, version.number)
        _show(version)


def show_champion(project: str) -> None:
    """Make `data/<project>/champion` show the version in service, if somebody has moved the alias in MLflow."""
    with _promotion(project):
        if current := champion(project):
            _show(current)


def _show(version: Version) -> None:
    """A version whose files are gone, or that came from elsewhere, has none to show: nothing is shown rather than another's."""
    data, origin = settings().data, version.origin
    folder = data / version.project / "runs" / origin.flow / storage.folder_name(origin.run)
    if origin.run and storage.is_file(folder / MODEL_FILE):
        storage.publish(folder, CHAMPION)
    else:
        log.warning(
            "%s: the files of its training are not in %s; nothing is shown as champion there", version.uri, data
        )
        storage.withdraw(data / version.project / CHAMPION)


def _promotion(project: str) -> AbstractContextManager[None]:
    """One promotion of a project at a time.

    MLflow moves an alias without comparing it first, so two processes could both find the champion that they expect and
    both move it. Everyone who promotes publishes to the same data folder, so a lock on a file there keeps them apart; the
    kernel opens it when its holder dies.
    """
    return storage.locked(settings().data / project / ".promotion.lock")
